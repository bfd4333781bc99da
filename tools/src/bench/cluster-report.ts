import { cpuTable, latencyTable, rateTable } from './load-tables.ts';
import { figure, mebibytes, ratio, spread, table } from './markdown-table.ts';
import type {
  ClusterResult,
  ClusterRow,
  Contenders,
  FailoverResult,
  Measured,
  PutPhase,
  RecoveryResult,
  RecoverySide,
} from './results.ts';
import { phaseNames } from './results.ts';

/** Three members of each side under load. */
export function renderCluster({ environment, result }: Measured<ClusterResult>): string {
  const { seconds, rows, repeated } = result;
  const runs = rows[0]?.sides.quorate.perSecond.runs ?? 0;
  const named = rows.map((row) => ({
    name: nameOf(row),
    sides: row.sides,
    writes: row.workload !== 'linearizable get',
  }));
  const columns = ['operation', 'through', 'in flight'];
  const [rates, losses] = rateTable(columns, named, {
    placement: 'shared',
    cores: environment.cores,
    members: 3,
  });
  return [
    '## Clusters of three',
    `Three members of each side on this one machine, each a process with a log of its own on the one disk.
At least ${runs} repetitions of ${figure(seconds)} s for each row and side; keys, values, connections and checks as above. All clients
speak to one member, the leader or a follower. A mixed load is nine linearizable gets to one put; its latencies are
those of both. CPU is that of all three members together, and cores are shared.`,
    '### Rate of clusters',
    rates,
    `${losses}${repeatsOf(repeated)}`,
    '### CPU of clusters',
    cpuTable(columns, named),
    '### Latency of clusters',
    'p50 / p99 / p99.9.',
    latencyTable(columns, named),
  ].join('\n\n');
}

/** A member that was down gets what it missed from the leader's log. */
export function renderCatchUp(result: RecoveryResult): string {
  const { keys, valueSize, putsPerSecond } = result;
  return [
    '## Catching up by the log',
    `A follower is stopped, ${keys.toLocaleString('en-US')} puts of ${valueSize} bytes go on without it, and it is started again. It has caught up
when it answers a serializable get at the revision that the leader had when it was started: the start of the process is
in that time, and the second row is that start alone, with nothing missed. Meanwhile, and 5 s before and after, clients of the
leader put ${putsPerSecond} times a second, at a fixed pace; their latencies are those of all rounds together.
${result.sides.quorate.recoveredMs.runs} rounds for each side. \`--experimental-snapshot-catchup-entries\` is so large that no snapshot is needed.`,
    recoveryTable(result, 'start to caught up, ms'),
    ...notes(result),
  ].join('\n\n');
}

/** A new member gets the whole store. */
export function renderSnapshot(result: RecoveryResult): string {
  const { keys, valueSize, putsPerSecond, sides } = result;
  const bytes = keys * valueSize;
  return [
    '## Installing a snapshot',
    `${keys.toLocaleString('en-US')} keys with values of ${valueSize} bytes, ${mebibytes(bytes)} of values. A follower is removed, and a new member
with no data added and started in its place: it gets a snapshot of the leader's store, and what came after it from the log. It
is there when it answers a serializable get at the revision that the leader had before. The light load is as above,
${putsPerSecond} puts a second through the leader. ${sides.quorate.recoveredMs.runs} rounds for each side.`,
    recoveryTable(result, 'start to installed, ms'),
    ...notes(result),
  ].join('\n\n');
}

function recoveryTable({ sides }: RecoveryResult, name: string): string {
  const { quorate, etcd } = sides;
  const phaseRow = (text: string, of: (side: RecoverySide) => number): string[] => [
    text,
    figure(of(quorate)),
    figure(of(etcd)),
    ratio(of(etcd) / of(quorate)),
  ];
  const restarts =
    quorate.restartedMs === undefined || etcd.restartedMs === undefined
      ? []
      : [
          [
            'start with nothing missed, ms',
            spread(quorate.restartedMs),
            spread(etcd.restartedMs),
            ratio(etcd.restartedMs.median / quorate.restartedMs.median),
          ],
        ];
  const quantiles: readonly (readonly [string, (phase: PutPhase) => number])[] = [
    ['p50', ({ p50Ms }) => p50Ms],
    ['p99', ({ p99Ms }) => p99Ms],
    ['max', ({ maxMs }) => maxMs],
  ];
  return table(
    ['what', 'Quorate', 'etcd', 'ratio'],
    [
      [
        name,
        spread(quorate.recoveredMs),
        spread(etcd.recoveredMs),
        ratio(etcd.recoveredMs.median / quorate.recoveredMs.median),
      ],
      ...restarts,
      ...phaseNames.flatMap((phase) =>
        quantiles.map(([text, of]) =>
          phaseRow(`put ${text} ${phase}, ms`, ({ phases }) => of(phases[phase])),
        ),
      ),
    ],
  );
}

function notes({ sides, repeated }: RecoveryResult): string[] {
  const { quorate, etcd } = sides;
  const counts = ({ phases }: RecoverySide): string =>
    phaseNames.map((name) => figureOf(phases[name].count)).join(', ');
  return [
    `The leader's store says of itself that it has ${mebibytes(quorate.storeBytes)} (Quorate) and ${mebibytes(etcd.storeBytes)} (etcd). Puts before,
during and after: ${counts(quorate)} (Quorate) and ${counts(etcd)} (etcd).${repeatsOf(repeated)}`,
  ];
}

/** What is asked of a cluster whose leader dies. */
const failoverGoalMs = 3000;

/** The leader dies. */
export function renderFailover({ rounds, sides }: FailoverResult): string {
  const { quorate, etcd } = sides;
  const row = (name: string, of: (side: FailoverResult['sides']['quorate']) => number): string[] => [
    name,
    figure(of(quorate)),
    figure(of(etcd)),
    ratio(of(etcd) / of(quorate)),
  ];
  return [
    '## Failover',
    `The leader is killed with SIGKILL, ${rounds} times on each side, and puts are tried at the other two members every 10 ms, each as a call
of its own. The time is that from the kill to the first put that is acknowledged and was sent after it. Election time-out and
heartbeat interval are the default of both, 1000 ms and 100 ms. The goal is ${figure(failoverGoalMs)} ms at p99: ${quorate.p99Ms <= failoverGoalMs ? 'pass' : '**fail**'}.`,
    table(
      ['time without a leader', 'Quorate ms', 'etcd ms', 'ratio'],
      [
        row('p50', ({ medianMs }) => medianMs),
        row('p99', ({ p99Ms }) => p99Ms),
        row('shortest', ({ minMs }) => minMs),
        row('longest', ({ maxMs }) => maxMs),
      ],
    ),
  ].join('\n\n');
}

function nameOf({ workload, through, inFlight }: ClusterRow): [string, string, string] {
  return [workload, through, String(inFlight)];
}

function repeatsOf({ quorate, etcd, tuned = 0 }: Contenders<number>): string {
  if (quorate + etcd + tuned === 0) return ' The leader never changed meanwhile.';
  return ` Measurements made again because the leader changed meanwhile: ${quorate} of Quorate, ${etcd + tuned} of etcd.`;
}

function figureOf(count: number): string {
  return count.toLocaleString('en-US');
}
