import {
  renderCalls,
  renderClients,
  renderInterference,
  renderMillion,
  renderTuning,
} from './calls-report.ts';
import { renderCatchUp, renderCluster, renderFailover, renderSnapshot } from './cluster-report.ts';
import { renderHeadline } from './headline.ts';
import { figure, ratio, spread, table } from './markdown-table.ts';
import { resultNames, type BenchResult, type Environment, type InProcessResult } from './results.ts';
import { dataFolder, fileOf } from './stored.ts';

/** The whole document, of what has been measured. */
export function renderReport(result: BenchResult): string {
  const { tuning, calls, million, interference, cluster, clients } = result;
  const { inProcess, catchUp, snapshot, failover } = result;
  const parts = ['# Benchmarks', intro, renderHeadline(result), reading, renderEnvironments(result)];
  if (tuning !== undefined) parts.push(renderTuning(tuning.result));
  if (calls !== undefined) parts.push(renderCalls(calls));
  if (million !== undefined) parts.push(renderMillion(million));
  if (interference !== undefined) parts.push(renderInterference(interference.result));
  if (cluster !== undefined) parts.push(renderCluster(cluster));
  if (clients !== undefined) parts.push(renderClients(clients.result));
  if (inProcess !== undefined) parts.push(renderInProcess(inProcess.result));
  if (catchUp !== undefined) parts.push(renderCatchUp(catchUp.result));
  if (snapshot !== undefined) parts.push(renderSnapshot(snapshot.result));
  if (failover !== undefined) parts.push(renderFailover(failover.result));
  parts.push(renderData(result));
  return `${parts.join('\n\n')}\n`;
}

const intro = `\
Quorate beside a real etcd: one machine, one disk, the same load. Each figure is how many times better Quorate is than the
better of two etcds, one as shipped and one tuned. Pinned: the server has one core, and the load generator another; shared:
both use all cores. \`npm run bench -- --against PATH_TO_ETCD --write\` wrote this page, so do not edit it.`;

const reading = `\
## How to read it

- Figures are the median of the repetitions, with the smallest and the largest in brackets. Two figures whose
  brackets overlap are not different.
- A ratio above 1 is in Quorate's favour, whatever the row measures, and is to the better etcd; **below 1 etcd is better**, and the row says
  so.
- Servers take their turns in the order ABBA; those that are not measured idle. They run as one member, or as
  three where it says so, with their default settings but for a quota of 8 GiB, without TLS, and all wait for
  fdatasync before they answer a write.
- The load generator is a process of its own that writes HTTP/2 frames straight to its sockets and costs some
  microseconds for a request, which is shown. Every answer is checked: revisions without gaps, the right values and counts. A
  wrong one ends the run.
- CPU is the server's, user and system, all its threads (\`/proc/PID/stat\`), for one operation. On a machine with
  few cores it says more than the throughput: etcd spreads over the cores that the generator leaves, Quorate
  answers from one thread.
- "Used up" is what there was no more of: the generator's core, the server's core (of Quorate its thread), all cores, or none of
  these, so that who asked waited for the disk, or for processes to wake one another.
- Quorate runs from its sources; Node strips the types when it starts.`;

/** One column for each run: machine and versions are compared only within one. */
function renderEnvironments(result: BenchResult): string {
  const runs = runsOf(result);
  const row = (what: string, of: (environment: Environment) => string): string[] => [
    what,
    ...runs.map(({ environment }) => of(environment)),
  ];
  const isOne = runs.length === 1;
  return [
    '## Where',
    table(
      ['what', ...runs.map((_, at) => (isOne ? 'value' : `run ${at + 1}`))],
      [
        ...(isOne ? [] : [['sections', ...runs.map(({ sections }) => sections.join(', '))]]),
        row('command', ({ command }) => `\`${command}\``),
        row('date', ({ date }) => date),
        row('processor', ({ cpu, cores }) => `${cpu}, ${cores} cores`),
        row('placements', ({ placements }) => placements.join(', ')),
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
      { textColumns: 1 + runs.length },
    ),
  ].join('\n\n');
}

/** The runs that the sections come from, told apart by where and when they were made. */
function runsOf(result: BenchResult): { environment: Environment; sections: string[] }[] {
  const runs = new Map<string, { environment: Environment; sections: string[] }>();
  for (const name of resultNames) {
    const environment = result[name]?.environment;
    if (environment === undefined) continue;
    const key = JSON.stringify(environment);
    const run = runs.get(key) ?? { environment, sections: [] };
    run.sections.push(fileOf(name).replace('.json', ''));
    runs.set(key, run);
  }
  return [...runs.values()];
}

/** How to make all of it again, and where the raw figures are. */
function renderData(result: BenchResult): string {
  const files = resultNames
    .filter((name) => result[name] !== undefined)
    .map((name) => `[${fileOf(name)}](${dataFolder}/${fileOf(name)})`);
  return `\
## Raw data, and how to make it again

What was measured is beside this page, a file for each section: ${files.join(', ')}.

\`\`\`sh
npm run bench -- --against PATH_TO_ETCD --write                # the table and what it is made of: some 20 minutes
npm run bench -- --against PATH_TO_ETCD --only=million --write # one section; the rest stays as it is stored
npm run bench -- --against PATH_TO_ETCD --all --write          # with what clusters do when members fail: an hour
npm run bench -- --against PATH_TO_ETCD --quick                # whether all of it runs; writes nothing
npm run bench -- --render                                      # the page anew, of what is stored
\`\`\`

Files are written when a run is over; one that is aborted changes nothing. \`npm run check:cpu\` looks by itself whether operations have become
dearer than they were.`;
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
