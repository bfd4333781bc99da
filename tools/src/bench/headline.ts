import type { WorkloadName } from './load-job.ts';
import { table } from './markdown-table.ts';
import type { Placement } from './placement.ts';
import { timesLess, timesMore } from './ratios.ts';
import type { BenchResult, RowSide } from './results.ts';

/** One line of the table at the head of the page. */
interface HeadlineRow {
  readonly work: string;
  /** So many times better than the better etcd it must be, and so many times it is wanted to be. */
  readonly must: number;
  readonly goal: number;
  /** How many times better it is; undefined when that was not measured. */
  readonly ratio: (result: BenchResult, placement: Placement) => number | undefined;
  /** Why it is not better yet and what that would take; shown only when the row misses what it must. */
  readonly whenMissed: string;
}

type Ratio = HeadlineRow['ratio'];

const rate: Ratios = (sides) => timesMore(sides, ({ perSecond }) => perSecond.median);
const p50: Ratios = (sides) => timesLess(sides, ({ p50Ms }) => p50Ms.median);
const cpu: Ratios = (sides) => timesLess(sides, ({ cpuMicros }) => cpuMicros.median);
type Ratios = (sides: Parameters<typeof timesMore<RowSide>>[0]) => number;

const hundred = '100 in flight on 10 connections';
const ofCalls = 'All work of a call is done by one thread; what is left of it is spread over many places.';

/** What is asked of Quorate beside an etcd on the same machine. */
export const headlineRows: readonly HeadlineRow[] = [
  {
    ...{ work: `put, ${hundred}: rate`, must: 1.5, goal: 4 },
    ratio: call('put', 100, rate),
    whenMissed: `${ofCalls} With the disk waited for, one thread writes the log, applies and answers; a log that is written from the bytes of the request, without an entry in between, would save the next part.`,
  },
  {
    ...{ work: 'put, one client: latency', must: 1, goal: 1.3 },
    ratio: call('put', 1, p50),
    whenMissed:
      'Most of it is fdatasync, which both wait for, and after it two changes of thread: from the pool that syncs to the event loop and from the kernel to the client. Syncing on the event loop would save one of them and stop everything else meanwhile; io_uring, which Node does not offer for this, would save it for nothing.',
  },
  {
    ...{ work: `linearizable get, ${hundred}: rate`, must: 2.5, goal: 6 },
    ratio: call('linearizable get', 100, rate),
    whenMissed: `${ofCalls} Most is the kernel's share of reading and writing sockets, and HTTP/2 frames; where the generator saturates before the server (last column of the table below), CPU tells more.`,
  },
  {
    ...{ work: 'Kubernetes-shaped transactions: rate', must: 2, goal: 4 },
    ratio: call('guarded update', 100, rate),
    whenMissed: `${ofCalls} A transaction is a put and a comparison, and is bound by what bounds puts.`,
  },
  {
    ...{ work: 'list of 10,000 x 1 KiB: time', must: 2, goal: 4 },
    ratio: call('list of 10,000 keys of 1 KiB', 1, p50),
    whenMissed:
      "10 MB go through loopback: the kernel copies them twice, and the client's reading is in that time as well. Less would take larger writes, and a store that keeps values as they are sent.",
  },
  {
    ...{ work: 'list of 10,000 x 1 KiB: server CPU', must: 3, goal: 8 },
    ratio: call('list of 10,000 keys of 1 KiB', 1, cpu),
    whenMissed:
      'About half of it is the kernel, which copies 10 MB to a socket, and that is the same for both; a bare socket server in Node takes 2 ms for it. Less would take a store that keeps keys and values as they are sent, so that nothing is copied before.',
  },
  {
    ...{ work: 'count of 1,000,000 keys: time', must: 20, goal: 200 },
    ratio: million('count of all keys', p50),
    whenMissed: 'A count is a walk down the index; what is left is the round trip of a call.',
  },
  {
    ...{ work: 'page of 500 among 1,000,000 keys: time', must: 5, goal: 20 },
    ratio: million('page of 500 keys', p50),
    whenMissed: 'A page costs what its 500 values cost to read and send, and nothing for those behind it.',
  },
  {
    ...{ work: 'watch, one key to 1,000 watchers: CPU per event', must: 4, goal: 12 },
    ratio: call('watch', 1000, cpu),
    whenMissed:
      'Each watcher gets a message of its own, so all bytes go through the kernel once for each, whatever they share before; most of what is left is the one put that waits for its write.',
  },
  {
    ...{ work: 'lease keep-alive: CPU per call', must: 2, goal: 6 },
    ratio: call('lease keep-alive', 100, cpu),
    whenMissed:
      'A keep-alive is a message each way on a stream that stays open, and little else on both sides. Less would take fewer frames per message and fewer reads and writes of the socket, which is the kernel.',
  },
  {
    ...{ work: 'three members: put rate', must: 1.3, goal: 3 },
    ratio: ({ cluster }, placement) => {
      const row = cluster?.result.rows.find(
        ({ workload, inFlight, through }) => workload === 'put' && inFlight === 100 && through === 'leader',
      );
      return placement === 'pinned' || row === undefined ? undefined : rate(row.sides);
    },
    whenMissed:
      'Three members and the generator share the cores here, so that it is CPU in all three that counts. A follower reads, checks and writes what the leader sends; writing its bytes to the log as they came would save most of that.',
  },
  {
    ...{ work: 'restart with 1,000,000 keys: time', must: 2, goal: 8 },
    ratio: ({ million: measured }, placement) =>
      placement === 'pinned' || measured === undefined
        ? undefined
        : timesLess(measured.result.sides, ({ firstReadMs }) => firstReadMs.median),
    whenMissed:
      'The index is read from an image that was left at shutdown; what remains is Node itself, which takes half a second of CPU to load the program from sources. A bundle, or a snapshot of the started program, would save most of that.',
  },
  {
    ...{ work: 'memory for 1,000,000 keys of 64 + 256 bytes', must: 1, goal: 1.7 },
    ratio: ({ million: measured }, placement) =>
      placement === 'pinned' || measured === undefined
        ? undefined
        : timesLess(measured.result.sides, ({ afterLoad }) => afterLoad.pss),
    whenMissed:
      'Keys and their revisions are in memory, and values up to `--value-memory-bytes` (128 MiB); what V8 and malloc keep for later comes on top. Fewer values in memory would bring it down, and cost reads.',
  },
  {
    ...{ work: 'put while 100 MB lists repeat: p99', must: 1, goal: 2 },
    ratio: ({ interference }, placement) => {
      const measured = interference?.result.placements.find((found) => found.placement === placement);
      return measured === undefined ? undefined : timesLess(measured.sides, ({ during }) => during.p99Ms);
    },
    whenMissed:
      'Lists and puts share one thread. Lists are made in slices, and a put waits for the end of one and for garbage to be collected; smaller slices, or lists made on another thread, would shorten that.',
  },
];

/** A row of the calls, in that placement. */
function call(workload: WorkloadName, inFlight: number, of: Ratios): Ratio {
  return ({ calls }, placement) => {
    const measured = calls?.result.placements.find((found) => found.placement === placement);
    const row = measured?.rows.find((found) => found.workload === workload && found.inFlight === inFlight);
    return row === undefined ? undefined : of(row.sides);
  };
}

/** A row of the section with a million keys, which was measured without pinning. */
function million(workload: WorkloadName, of: Ratios): Ratio {
  return (result, placement) => {
    const row = result.million?.result.rows.find((found) => found.workload === workload);
    return placement === 'pinned' || row === undefined ? undefined : of(row.sides);
  };
}

/** What a ratio comes to. */
export type Verdict = 'goal' | 'must' | '**missed**' | 'not measured';

export function verdictOf(
  ratio: number | undefined,
  { must, goal }: { readonly must: number; readonly goal: number },
): Verdict {
  if (ratio === undefined || Number.isNaN(ratio)) return 'not measured';
  return ratio >= goal ? 'goal' : ratio >= must ? 'must' : '**missed**';
}

/** The table, and why rows miss. */
export function renderHeadline(result: BenchResult): string {
  const judged = headlineRows.map((row) => {
    const pinned = row.ratio(result, 'pinned');
    const shared = row.ratio(result, 'shared');
    return { ...row, pinned, shared, verdict: verdictOfBoth(row, pinned, shared) };
  });
  const misses = judged.filter(({ verdict }) => verdict.includes('missed'));
  return [
    table(
      ['work', 'must', 'goal', 'pinned', 'shared', 'reaches'],
      judged.map(({ work, must, goal, pinned, shared, verdict }) => [
        ...[work, `${must}x`, `${goal}x`, times(pinned), times(shared), verdict],
      ]),
    ),
    ...(misses.length === 0
      ? []
      : [
          '### What misses, and what it would take',
          misses.map(({ work, whenMissed }) => `- **${work}**: ${whenMissed}`).join('\n'),
        ]),
  ].join('\n\n');
}

/** One word when both placements come to the same. */
function verdictOfBoth(row: HeadlineRow, pinned: number | undefined, shared: number | undefined): string {
  const [first, second] = [verdictOf(pinned, row), verdictOf(shared, row)];
  if (first === second || second === 'not measured') return first;
  return first === 'not measured' ? second : `${first}; shared ${second}`;
}

function times(ratio: number | undefined): string {
  if (ratio === undefined || !Number.isFinite(ratio)) return '-';
  const digits = ratio >= 10 ? 0 : 2;
  return `${ratio.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}x`;
}
