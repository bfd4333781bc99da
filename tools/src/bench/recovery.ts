import { callOnce } from './call-once.ts';
import { checkGet, probeRequest, rangePath } from './kv-requests.ts';
import { quantile } from './measure.ts';
import type { PacedPut } from './paced-puts.ts';
import { revisionOf } from './reply-fields.ts';
import type { PutPhase } from './results.ts';
import { setTimeout as sleep } from 'node:timers/promises';

const pauseMs = 10;
const patienceMs = 300_000;

/** A key that a fill has put, and the revision that a member must have reached when it is asked for it. */
export interface Landmark {
  readonly prefix: string;
  readonly index: number;
  readonly keySize: number;
  readonly value: Uint8Array;
  readonly revision: number;
}

/**
 * Resolves when a member answers a serializable get at that revision or a later one, with the right value; it
 * is asked for that again and again over new connections from before it listens.
 */
export async function untilReadable(endpoint: string, landmark: Landmark): Promise<void> {
  const request = probeRequest({ ...landmark, serializable: true });
  const deadline = performance.now() + patienceMs;
  while (performance.now() < deadline) {
    const reply = await callOnce({ endpoint, path: rangePath, request }).catch(() => undefined);
    if (reply !== undefined && revisionOf(reply) >= landmark.revision) {
      checkGet(reply, landmark.value);
      return;
    }
    await sleep(pauseMs);
  }
  throw new Error(`${endpoint} did not come to revision ${landmark.revision}`);
}

/** The puts that were sent from `fromMs` to `toMs`. */
export function latenciesWithin(
  puts: readonly PacedPut[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): number[] {
  return puts
    .filter(({ sentAtMs }) => sentAtMs >= fromMs && sentAtMs < toMs)
    .map(({ latencyMs }) => latencyMs);
}

/** What the puts of a phase come to, those of all rounds together. */
export function phaseOf(latencies: readonly number[]): PutPhase {
  const sorted = Float64Array.from(latencies).sort();
  return {
    count: sorted.length,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    p999Ms: quantile(sorted, 0.999),
    maxMs: sorted.at(-1) ?? 0,
  };
}
