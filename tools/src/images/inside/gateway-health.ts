import { getHealth, type HealthTarget } from './get-health.ts';
import { argumentsOf } from './main-process.ts';
import { settingOf, type Told } from './told.ts';

/**
 * Whether the gateway of this container reaches a member that serves. Resolves with what it says.
 *
 * @throws Error with the reason where it does not
 */
export async function health(
  told: Told = { args: argumentsOf('quorate-gateway'), env: process.env },
): Promise<string> {
  return getHealth(gatewayTarget(told));
}

/** Where a gateway that was told this is asked for its health. */
export function gatewayTarget(told: Told): HealthTarget {
  const setting = (flag: string): string | undefined => settingOf(flag, told, 'QUORATE_GATEWAY_');
  const [listenUrl = ''] = (setting('listen-urls') ?? 'http://127.0.0.1:2378').split(',');
  return { listenUrl: listenUrl.trim(), cert: setting('cert-file'), key: setting('key-file') };
}
