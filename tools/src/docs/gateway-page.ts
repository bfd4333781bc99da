import { gatewayConfig } from '@quorate/gateway';
import { z } from 'zod';
import { code, plain, table } from './tables.ts';

const meta = z.object({ flag: z.string(), description: z.string() });

/** The page of the flags of `quorate-gateway`, made of the schema of its configuration. */
export function gatewayPage(): string {
  const defaults = new Map<string, unknown>(Object.entries(gatewayConfig.parse({})));
  const rows = Object.entries(gatewayConfig.shape).map(([key, field]) => {
    const { flag, description } = meta.parse(field.meta());
    const variable = `QUORATE_GATEWAY_${flag.toUpperCase().replaceAll('-', '_')}`;
    return [code(`--${flag}`), code(variable), code(textOf(defaults.get(key))), plain(description)];
  });
  return [
    '# Flags of quorate-gateway',
    '',
    'Made of the schema in `apps/gateway/src/config.ts`. A flag goes before its variable. What the gateway promises stands in its',
    '[README](/packages/gateway/), how to use it in the [guide](/guides/gateway-and-json).',
    '',
    table(['flag', 'variable', 'default', 'meaning'], rows),
    '',
  ].join('\n');
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? `${value}`
    : '';
}
