import { renderCatchUp, renderCluster, renderFailover, renderSnapshot } from './cluster-report.ts';
import { latencyTable, throughputTable } from './load-tables.ts';
import { figure, mebibytes, ratio, spread, table } from './markdown-table.ts';
import type {
  BenchResult,
  Environment,
  GrpcResult,
  GrpcRow,
  InProcessResult,
  RestartResult,
  RestartSide,
} from './results.ts';

/** The whole document, from what a run has measured; or several, each of other sections. */
export function renderReport(...runs: readonly BenchResult[]): string {
  const result = Object.assign({}, ...runs) as BenchResult; // Of the environment, which is in all, only one is left.
  const parts = ['# Benchmarks', intro, renderEnvironments(runs)];
  if (result.grpc !== undefined) parts.push(renderGrpc(result.grpc));
  if (result.inProcess !== undefined) parts.push(renderInProcess(result.inProcess));
  if (result.restart !== undefined) parts.push(renderRestart(result.restart));
  if (result.cluster !== undefined) parts.push(renderCluster(result.cluster));
  if (result.catchUp !== undefined) parts.push(renderCatchUp(result.catchUp));
  if (result.snapshot !== undefined) parts.push(renderSnapshot(result.snapshot));
  if (result.failover !== undefined) parts.push(renderFailover(result.failover));
  return `${parts.join('\n\n')}\n`;
}

const intro = `\
Quorate beside a real etcd: one run, one machine, one disk, the same load. \`npm run bench -- --write\` wrote this
page, so do not edit it. \`QUORATE_ETCD_BIN\` names the folder with the etcd to compare with.

## How to read it

- Figures are the median of the repetitions, with the smallest and the largest in brackets. Two figures whose
  brackets overlap are not different.
- A ratio above 1 is in Quorate's favour, whatever the row measures; **below 1 etcd is better**, and the row says so.
- The two take their turns in the order ABBA; the one that is not measured idles. Both run as one member, or as
  three where it says so, with their default settings but for a quota of 8 GiB, without TLS, and both wait for
  fdatasync.
- The load generator is a process of its own that writes HTTP/2 frames straight to its sockets and costs some
  microseconds for a request (the last column), but it shares the cores with the server. Every answer is checked:
  revisions without gaps, the right values and counts. A wrong one ends the run.
- CPU is the server's, user and system, all its threads (\`/proc/PID/stat\`), for one operation. On a machine with
  few cores it says more than the throughput: etcd spreads over the cores that the generator leaves, Quorate
  answers from one thread.
- Quorate runs from its sources; Node strips the types when it starts.`;

/** One column for each run: machine and versions are compared only within one. */
function renderEnvironments(runs: readonly BenchResult[]): string {
  const environments = runs.map(({ environment }) => environment);
  const row = (what: string, of: (environment: Environment) => string): string[] => [
    what,
    ...environments.map(of),
  ];
  const isOne = environments.length === 1;
  return [
    '## Where',
    table(
      ['what', ...environments.map((_, at) => (isOne ? 'value' : `run ${at + 1}`))],
      [
        ...(isOne ? [] : [['sections', ...runs.map(sectionsOf)]]),
        row('command', ({ command }) => `\`${command}\``),
        row('date', ({ date }) => date),
        row('processor', ({ cpu, cores }) => `${cpu}, ${cores} cores`),
        row('memory', ({ memoryBytes }) => `${figure(memoryBytes / 2 ** 30)} GiB`),
        row('kernel', ({ kernel }) => kernel),
        row('file system', ({ fileSystem }) => fileSystem),
        row(
          'fdatasync after 300 bytes',
          ({ syncP50Ms, syncP99Ms }) => `p50 ${figure(syncP50Ms)} ms, p99 ${figure(syncP99Ms)} ms`,
        ),
        row(
          'load average',
          ({ loadBefore, loadAfter }) => `${figure(loadBefore)} before, ${figure(loadAfter)} after`,
        ),
        row('Quorate', ({ quorate }) => quorate),
        row('Node', ({ node }) => node),
        row('etcd', ({ etcd }) => etcd),
      ],
      { textColumns: 1 + environments.length },
    ),
  ].join('\n\n');
}

/** What a run has measured, as `--only` calls it. */
function sectionsOf({ environment: _, ...sections }: BenchResult): string {
  return Object.keys(sections)
    .map((name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`))
    .join(', ');
}

function renderGrpc({ seconds, rows }: GrpcResult): string {
  const runs = rows[0]?.sides.quorate.perSecond.runs ?? 0;
  const named = rows.map((row) => ({ name: nameOf(row), sides: row.sides }));
  const columns = ['operation', 'in flight'];
  return [
    '## Over gRPC',
    `${runs} repetitions of ${figure(seconds)} s for each row and side. Values have 256 bytes, keys 20; 10,000 keys. One in flight
goes over one connection, 100 over ten connections with ten streams each. A guarded update is what Kubernetes
writes with: compare the modRevision, then put, else get. A watch row is one put at a time to that many watchers on
ten streams over ten connections: its rate is events a second, its latency the time from sending the put to the
arrival of an event.`,
    '### Throughput and CPU',
    ...throughputTable(columns, named),
    '### Latency',
    latencyTable(columns, named),
  ].join('\n\n');
}

function nameOf(row: GrpcRow): [string, string] {
  return row.workload === 'watch'
    ? ['watch, events', `${row.inFlight} watchers`]
    : [row.workload, String(row.inFlight)];
}

/** What is asked of the state machine by itself. */
const putGoal = 2;
const getGoal = 5;
const rangeGoalBytes = 500e6;

function renderInProcess(result: InProcessResult): string {
  const { puts, linearizableGets, rangeBytesPerSecond, etcdPuts, etcdLinearizableGets } = result;
  const putRatio = puts.median / etcdPuts.median;
  const getRatio = linearizableGets.median / etcdLinearizableGets.median;
  const megabytes = ({ median, min, max, runs }: typeof puts): string =>
    `${spread({ median: median / 1e6, min: min / 1e6, max: max / 1e6, runs })} MB/s`;
  return [
    '## In process, without gRPC',
    `${puts.runs} repetitions of ${figure(result.seconds)} s. Quorate's state machine called in its own process with 128 in flight, from the
bytes of a request to the bytes of an answer, on the same disk with the same fdatasync; etcd over gRPC with 100 in
flight, in turn with it.`,
    table(
      ['operation', 'Quorate', 'etcd over gRPC', 'ratio', 'goal', ''],
      [
        [
          'put of 256 bytes, /s',
          spread(puts),
          spread(etcdPuts),
          ratio(putRatio),
          `${putGoal}x`,
          verdict(putRatio >= putGoal),
        ],
        [
          'linearizable get, /s',
          spread(linearizableGets),
          spread(etcdLinearizableGets),
          ratio(getRatio),
          `${getGoal}x`,
          verdict(getRatio >= getGoal),
        ],
        ['serializable get, /s', spread(result.serializableGets), '-', '-', '-', '-'],
        [
          'range of 10,000 keys of 1 KiB',
          megabytes(rangeBytesPerSecond),
          '-',
          '-',
          `${figure(rangeGoalBytes / 1e6)} MB/s`,
          verdict(rangeBytesPerSecond.median >= rangeGoalBytes),
        ],
      ],
    ),
  ].join('\n\n');
}

function verdict(passes: boolean): string {
  return passes ? 'pass' : '**fail**';
}

function renderRestart({ keys, sides }: RestartResult): string {
  const { quorate, etcd } = sides;
  const memoryRow = (name: string, of: (side: RestartSide) => number): string[] => [
    name,
    mebibytes(of(quorate)),
    mebibytes(of(etcd)),
    ratio(of(etcd) / of(quorate)),
  ];
  return [
    '## Memory and restart',
    `${keys.toLocaleString('en-US')} keys of 64 bytes with values of 256, put one by one with 500 in flight over ten connections. A restart is
SIGTERM, a new process, and the time from its start to the answer to a first linearizable get (${quorate.firstReadMs.runs} times, files in
the page cache). RSS counts pages of mapped files as well: etcd maps its whole database, and the kernel can drop
those pages again; the anonymous part cannot be dropped. After a load memory is read 3 s later, after a restart right after the
first get.`,
    table(
      ['what', 'Quorate', 'etcd', 'ratio'],
      [
        memoryRow('RSS after load', (side) => side.afterLoad.rss),
        memoryRow('PSS after load', (side) => side.afterLoad.pss),
        memoryRow('of it anonymous', (side) => side.afterLoad.pssAnonymous),
        memoryRow('RSS after restart', (side) => side.afterRestart.rss),
        memoryRow('PSS after restart', (side) => side.afterRestart.pss),
        memoryRow('of it anonymous', (side) => side.afterRestart.pssAnonymous),
        [
          'load, s',
          figure(quorate.loadSeconds),
          figure(etcd.loadSeconds),
          ratio(etcd.loadSeconds / quorate.loadSeconds),
        ],
        [
          'stop, ms',
          spread(quorate.stopMs),
          spread(etcd.stopMs),
          ratio(etcd.stopMs.median / quorate.stopMs.median),
        ],
        [
          'start to first get, ms',
          spread(quorate.firstReadMs),
          spread(etcd.firstReadMs),
          ratio(etcd.firstReadMs.median / quorate.firstReadMs.median),
        ],
      ],
    ),
  ].join('\n\n');
}
