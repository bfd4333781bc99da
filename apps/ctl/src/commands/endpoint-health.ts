import { EtcdError, type Client } from '@quorate/client';
import { rpcpb } from '@quorate/wire';
import type { ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { formatDuration } from '../go/duration.ts';
import { healthPrintout, type EndpointHealth } from '../print/endpoint.ts';
import { alarmName } from './alarm.ts';
import { argumentBytes } from './key-range.ts';
import { endpointsOf } from './endpoints.ts';

/** Asks all endpoints at once whether they can answer a linearizable read, and have no alarm. */
export async function endpointHealth(context: Context): Promise<void> {
  const endpoints = await endpointsOf(context);
  const healths: EndpointHealth[] = [];
  await Promise.all(
    endpoints.map(async (endpoint) => {
      healths.push(await healthOf(context, endpoint));
    }),
  );
  if (context.format === 'simple') for (const health of healths) tell(context, health);
  else context.print(healthPrintout(healths));
  if (healths.some(({ health }) => !health)) throw new ExitError('error', 'unhealthy cluster');
}

async function healthOf(context: Context, endpoint: ByteString): Promise<EndpointHealth> {
  const client = await context.client([endpoint]);
  const startedAt = process.hrtime.bigint();
  const error = await illness(client, context.timeoutMs);
  const took = formatDuration(process.hrtime.bigint() - startedAt);
  return { endpoint, health: error === '', took, error };
}

/** What is wrong with a member; empty when nothing is. */
async function illness(client: Client, timeoutMs: number): Promise<ByteString> {
  const options = { timeoutMs };
  try {
    await client.kv.range({ key: argumentBytes('health') }, options);
  } catch (error) {
    // A member that says we may not read has found that out by agreement with the others.
    const answered = error instanceof EtcdError && error.code === 'PERMISSION_DENIED';
    if (!answered) return errorText(error);
  }
  try {
    const { GET } = rpcpb.AlarmRequest_AlarmAction;
    const { alarms } = await client.maintenance.alarm({ action: GET }, options);
    const names = alarms.map(({ alarm }) => `${alarmName(alarm)} `);
    return names.length === 0 ? '' : `Active Alarm(s): ${names.join('')}`;
  } catch {
    return 'Unable to fetch the alarm list';
  }
}

function tell(context: Context, { endpoint, health, took, error }: EndpointHealth): void {
  if (health) {
    context.printText(`${endpoint} is healthy: successfully committed proposal: took = ${took}\n`);
  } else {
    context.terminal.err(`${endpoint} is unhealthy: failed to commit proposal: ${error}\n`);
  }
}
