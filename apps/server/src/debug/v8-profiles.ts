import type { Profiler } from 'node:inspector';
import { PprofProfile, type Frame } from './pprof-profile.ts';

/** Where V8 puts time in which nothing was done. */
const idle = '(idle)';
const root = '(root)';

/** A sampled heap as V8 tells of it; the types of Node lack half of this. */
export interface SampledHeap {
  readonly head: HeapNode;
  readonly samples: readonly { readonly nodeId: number }[];
}

/** A function on the way to what was allocated. */
export interface HeapNode {
  readonly id: number;
  readonly callFrame: Frame;
  /** Bytes allocated in it, and not in what it called. */
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

/** A CPU profile of V8 as one of pprof: samples, and processor time. Time in which nothing was done is left out. */
export function cpuProfileToPprof(
  { nodes, samples = [], timeDeltas = [], startTime, endTime }: Profiler.Profile,
  { intervalUs, atMs }: { readonly intervalUs: number; readonly atMs: number },
): Uint8Array {
  const parents = new Map<number, number>();
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  const totals = new Map<number, { count: number; us: number }>();
  for (const [at, id] of samples.entries()) {
    const total = totals.get(id) ?? { count: 0, us: 0 };
    total.count++;
    // A sample stands for the time until the next one. Clocks may go back by a little between threads.
    total.us += Math.max(0, timeDeltas[at + 1] ?? intervalUs);
    totals.set(id, total);
  }
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const pprof = new PprofProfile(
    [
      { type: 'samples', unit: 'count' },
      { type: 'cpu', unit: 'nanoseconds' },
    ],
    { type: 'cpu', unit: 'nanoseconds', value: intervalUs * 1000 },
  );
  for (const [id, { count, us }] of totals) {
    if (frames.get(id)?.functionName === idle) continue;
    const stack: Frame[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at);
      if (frame !== undefined && frame.functionName !== root) stack.push(frame);
    }
    if (stack.length > 0) pprof.add(stack, [count, us * 1000]);
  }
  return pprof.finish({ atMs, durationMs: (endTime - startTime) / 1000 });
}

/** A sampled heap of V8 as a profile of pprof: what was allocated since sampling began and is in use. */
export function heapProfileToPprof(
  { head, samples }: SampledHeap,
  { intervalBytes, atMs }: { readonly intervalBytes: number; readonly atMs: number },
): Uint8Array {
  const counts = new Map<number, number>();
  for (const { nodeId } of samples) counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
  const pprof = new PprofProfile(
    [
      { type: 'inuse_samples', unit: 'count' },
      { type: 'inuse_space', unit: 'bytes' },
    ],
    { type: 'space', unit: 'bytes', value: intervalBytes },
  );
  // A stack of its own instead of recursion: calls may be nested as deep as V8 lets them.
  const rest: { node: HeapNode; above: readonly Frame[] }[] = [{ node: head, above: [] }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { node, above } = next;
    const stack = node.callFrame.functionName === root ? above : [node.callFrame, ...above];
    if (node.selfSize > 0 && stack.length > 0) pprof.add(stack, [counts.get(node.id) ?? 1, node.selfSize]);
    for (const child of node.children) rest.push({ node: child, above: stack });
  }
  return pprof.finish({ atMs, durationMs: 0 });
}
