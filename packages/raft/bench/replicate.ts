/**
 * Three voters in one thread, with disks and a network that take no time: what the protocol itself costs.
 * `node bench/replicate.ts [batch] [rounds]`; prints the median over runs of the time an entry takes, on all three
 * nodes together.
 */
import { SeededRandom } from '@quorate/std';
import type { Message } from '@quorate/wire';
import { RaftNode } from '../src/index.ts';

const batch = Number(process.argv[2] ?? 100);
const rounds = Number(process.argv[3] ?? 3000);
const runs = 9;
const ids = [1n, 2n, 3n];

function startGroup(): Map<bigint, RaftNode> {
  const confState = { voters: ids, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  const start = (id: bigint): RaftNode =>
    new RaftNode({
      ...{ id, electionTicks: 10, heartbeatTicks: 1, random: new SeededRandom(Number(id)) },
      ...{ hardState: { term: 0, vote: 0n, commit: 0 }, entries: [], applied: 0 },
      snapshot: { index: 0, term: 0, confState },
    });
  return new Map(ids.map((id) => [id, start(id)]));
}

/** Lets all nodes work until nothing is left to do; returns how many entries they applied. */
function settle(nodes: Map<bigint, RaftNode>): number {
  let applied = 0;
  for (let moved = true; moved;) {
    moved = false;
    for (const node of nodes.values()) {
      while (node.hasReady()) {
        moved = true;
        const ready = node.ready();
        deliver(nodes, ready.messages);
        node.advance(ready);
        deliver(nodes, ready.messagesAfterPersist);
        const last = ready.committedEntries.at(-1);
        if (last === undefined) continue;
        applied += ready.committedEntries.length;
        node.appliedTo(last.index);
        if (last.index % 10_000 < batch) node.compact(last.index - Math.min(last.index, 5000));
      }
    }
  }
  return applied;
}

function deliver(nodes: Map<bigint, RaftNode>, messages: readonly Message[]): void {
  for (const message of messages) nodes.get(message.to)?.step(message);
}

function run(): number {
  const nodes = startGroup();
  const leader = nodes.get(1n);
  leader?.campaign();
  settle(nodes);
  const datas = Array.from({ length: batch }, () => new Uint8Array(128));
  const start = performance.now();
  let applied = 0;
  for (let round = 0; round < rounds; round++) {
    leader?.proposeMany(datas);
    applied += settle(nodes);
  }
  const elapsedMs = performance.now() - start;
  if (applied !== 3 * batch * rounds) throw new Error(`applied ${applied} of ${3 * batch * rounds}`);
  return (elapsedMs * 1e6) / (batch * rounds);
}

const nanoseconds = Array.from({ length: runs }, run).sort((a, b) => a - b);
const [fastest, median, slowest] = [nanoseconds[0]!, nanoseconds[runs >> 1]!, nanoseconds[runs - 1]!];
console.log(
  `three voters, batches of ${batch}: ${median.toFixed(0)} ns an entry (median of ${runs} runs of` +
    ` ${batch * rounds} entries; ${fastest.toFixed(0)} to ${slowest.toFixed(0)})`,
);
