import { runInStep } from './in-step.ts';
import { checkKeepAlive, grantLeases, keepAlivePath, keepAliveRequest } from './keep-alive-load.ts';
import { LoadConnection, type LoadStream } from './load-connection.ts';
import type { UnaryWorkloadName } from './load-job.ts';
import type { OperationSink } from './load-window.ts';
import { newUnaryWorkload } from './unary-workloads.ts';
import { runWatch } from './watch-load.ts';

/** One kind of operation whose CPU time is watched over. */
export interface CpuKind {
  readonly name: string;
  /** Operations that are measured at a time, and how many of them come before, uncounted. */
  readonly count: number;
  readonly skip: number;
  /**
   * How many times what was recorded it may cost. On a machine with four to ten times as much to do as it has cores, no kind
   * came to more than 1.4 in 30 runs. Ranges are large, and how many writes one takes depends on when the client
   * reads, so that they may differ more.
   */
  readonly factor: number;
  /** Works until the sink has enough. @throws Error when the server fails or answers wrongly */
  readonly drive: (endpoint: string, sink: OperationSink) => Promise<void>;
}

const batch = 100;
const watchers = 500;
const factor = 2;

/** All of them, in the order in which they take their turns. */
export const cpuKinds: readonly CpuKind[] = [
  unary('put', { batch, count: 3000, factor }),
  unary('linearizable get', { batch, count: 6000, factor }),
  unary('range of 1,000 keys', { batch: 1, count: 150, factor: 2.5 }),
  unary('guarded update', { batch, count: 3000, factor }),
  { name: 'lease keep-alive', count: 10_000, skip: 500, factor, drive: keepAlive },
  {
    name: 'watch event',
    count: 40 * watchers,
    skip: 4 * watchers,
    factor,
    drive: (endpoint, window) => runWatch({ endpoint, connections: 10, watchers, window }),
  },
];

function unary(
  name: UnaryWorkloadName,
  options: { readonly batch: number; readonly count: number; readonly factor: number },
): CpuKind {
  const { batch: asked, count } = options;
  return {
    ...{ name, count, factor: options.factor },
    skip: Math.max(asked, count / 10),
    drive: async (endpoint, sink) => {
      const workload = newUnaryWorkload(name);
      await withConnection({ endpoint, path: workload.path }, (connection) =>
        runInStep({
          batch: asked,
          sink,
          ask: (slot, onAnswer) => {
            connection.unary(workload.next(slot)!, (reply) => {
              workload.check(slot, reply);
              onAnswer();
            });
          },
        }),
      );
      workload.finish();
    },
  };
}

async function keepAlive(endpoint: string, sink: OperationSink): Promise<void> {
  const firstId = await grantLeases(endpoint, batch);
  const requests = Array.from({ length: batch }, (_, slot) => keepAliveRequest(firstId + slot));
  await withConnection({ endpoint, path: keepAlivePath }, (connection) => {
    let onAnswers: () => void = () => {};
    const streams: LoadStream[] = requests.map((_, slot) =>
      connection.stream((reply) => {
        checkKeepAlive(reply, firstId + slot);
        onAnswers();
      }),
    );
    return runInStep({
      batch,
      sink,
      ask: (slot, onAnswer) => {
        onAnswers = onAnswer; // The same for all slots.
        streams[slot]!.send(requests[slot]!);
      },
    });
  });
}

/** One connection, closed at the end; a failure of it ends the work. */
async function withConnection(
  options: { readonly endpoint: string; readonly path: string },
  work: (connection: LoadConnection) => Promise<void>,
): Promise<void> {
  const failed = Promise.withResolvers<never>();
  const connection = await LoadConnection.connect({ ...options, onError: failed.reject });
  try {
    await Promise.race([work(connection), failed.promise]);
  } finally {
    connection.close();
  }
}
