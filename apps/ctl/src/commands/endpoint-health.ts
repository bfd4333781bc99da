import { EtcdError, type Client } from '@quorate/client';
import { rpcpb } from '@quorate/wire';
import type { ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { paintOfShared } from '../colour.ts';
import { ExitError } from '../exit.ts';
import { formatDuration } from '../go/duration.ts';
import { healthPrintout, type EndpointHealth } from '../print/endpoint.ts';
import { alarmName } from './alarm.ts';
import { argumentBytes } from './key-range.ts';
import { endpointsOf, endpointTrouble } from './endpoints.ts';

/** Asks all endpoints at once whether they can answer a linearizable read, and have no alarm. */
export async function endpointHealth(context: Context): Promise<void> {
  const endpoints = await endpointsOf(context);
  const examined: Examined[] = [];
  await Promise.all(
    endpoints.map(async (endpoint) => {
      examined.push(await examine(context, endpoint));
    }),
  );
  const healths = examined.map(({ health }) => health);
  if (context.format === 'simple') for (const health of healths) tell(context, health);
  else context.print(healthPrintout(healths));
  const ill = examined.find(({ illness }) => illness !== undefined);
  if (ill !== undefined) throw new ExitError('error', 'unhealthy cluster', { cause: ill.illness });
}

/** How a member is, and what is wrong with it, if anything is. */
interface Examined {
  readonly health: EndpointHealth;
  readonly illness: unknown;
}

async function examine(context: Context, endpoint: ByteString): Promise<Examined> {
  let startedAt = process.hrtime.bigint();
  let illness: unknown;
  try {
    const client = await context.client([endpoint]);
    startedAt = process.hrtime.bigint();
    illness = await illnessOf(client, context.timeoutMs);
  } catch (error) {
    // A file that holds no certificate is no fault of an endpoint; a password that it refuses counts as one, as in etcdctl.
    if (!(error instanceof ExitError) || error.cause === undefined) throw error;
    illness = error;
  }
  const took = formatDuration(process.hrtime.bigint() - startedAt);
  const error = illness === undefined ? '' : endpointTrouble(illness);
  return { health: { endpoint, health: illness === undefined, took, error }, illness };
}

/** What is wrong with a member; undefined when nothing is. */
async function illnessOf(client: Client, timeoutMs: number): Promise<Error | undefined> {
  const options = { timeoutMs };
  try {
    await client.kv.range({ key: argumentBytes('health') }, options);
  } catch (error) {
    // A member that says we may not read has found that out by agreement with the others.
    const answered = error instanceof EtcdError && error.code === 'PERMISSION_DENIED';
    if (!answered) return error instanceof Error ? error : new Error(String(error));
  }
  try {
    const { GET } = rpcpb.AlarmRequest_AlarmAction;
    const { alarms } = await client.maintenance.alarm({ action: GET }, options);
    const names = alarms.map(({ alarm }) => `${alarmName(alarm)} `);
    return names.length === 0 ? undefined : new Error(`Active Alarm(s): ${names.join('')}`);
  } catch (error) {
    return new Error('Unable to fetch the alarm list', { cause: error });
  }
}

function tell({ terminal }: Context, { endpoint, health, took, error }: EndpointHealth): void {
  if (health) {
    const healthy = paintOfShared(terminal, 'stdout')('green', 'healthy');
    terminal.out(`${endpoint} is ${healthy}: successfully committed proposal: took = ${took}\n`);
  } else {
    const unhealthy = paintOfShared(terminal, 'stderr')('red', 'unhealthy');
    terminal.err(`${endpoint} is ${unhealthy}: failed to commit proposal: ${error}\n`);
  }
}
