/**
 * The single voter's path: propose, ready, advance, apply. `node bench/propose.ts [batch] [rounds]`; prints the
 * median over runs of the time an entry takes.
 */
import { SeededRandom } from '@quorate/std';
import { RaftNode } from '../src/index.ts';

const batch = Number(process.argv[2] ?? 100);
const rounds = Number(process.argv[3] ?? 20_000);
const runs = 9;

function startNode(): RaftNode {
  const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  const node = new RaftNode({
    id: 1n,
    electionTicks: 10,
    heartbeatTicks: 1,
    random: new SeededRandom(1),
    hardState: { term: 0, vote: 0n, commit: 0 },
    snapshot: { index: 0, term: 0, confState },
    entries: [],
    applied: 0,
  });
  node.campaign();
  drain(node);
  return node;
}

function drain(node: RaftNode): number {
  let applied = 0;
  while (node.hasReady()) {
    const ready = node.ready();
    node.advance(ready);
    const last = ready.committedEntries.at(-1);
    if (last === undefined) continue;
    applied += ready.committedEntries.length;
    node.appliedTo(last.index);
    if (last.index % 10_000 < batch) node.compact(last.index - Math.min(last.index, 5000));
  }
  return applied;
}

function run(): number {
  const node = startNode();
  const datas = Array.from({ length: batch }, () => new Uint8Array(128));
  const start = performance.now();
  let applied = 0;
  for (let round = 0; round < rounds; round++) {
    node.proposeMany(datas);
    applied += drain(node);
  }
  const elapsedMs = performance.now() - start;
  if (applied !== batch * rounds) throw new Error(`applied ${applied} of ${batch * rounds}`);
  return (elapsedMs * 1e6) / applied;
}

const nanoseconds = Array.from({ length: runs }, run).sort((a, b) => a - b);
const [fastest, median, slowest] = [nanoseconds[0]!, nanoseconds[runs >> 1]!, nanoseconds[runs - 1]!];
console.log(
  `batches of ${batch}: ${median.toFixed(0)} ns an entry (median of ${runs} runs of ${batch * rounds} entries;` +
    ` ${fastest.toFixed(0)} to ${slowest.toFixed(0)})`,
);
