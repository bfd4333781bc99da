import type { SeededRandom } from '@quorate/std';
import type {
  AppliedEntry,
  LeaseTimeline,
  LoggedRequest,
  Operation,
  Request,
  Response,
} from '../../src/history/types.ts';

/** What a run of leases gave. */
export interface LeaseRun {
  readonly timeline: LeaseTimeline;
  readonly entries: readonly AppliedEntry[];
}

/** Something that happens at a moment of the run. */
interface Happening {
  readonly at: number;
  readonly request: Request;
  /** Absent for what the server does. */
  readonly call?: { readonly calledAt: number; readonly returnedAt: number };
}

const durationMs = 60_000;
const lateMsMax = 1000;

/**
 * Some leases with keys, under one leader that ends each up to a second late; clients grant, renew, put, look up and
 * revoke, each at a moment between its call and its return.
 */
export function randomLeases(random: SeededRandom): LeaseRun {
  const recorder = new Recorder();
  const leaseCount = 1 + random.below(4);
  for (let i = 0; i < leaseCount; i++) runLease(BigInt(i + 1), random, recorder);
  const { operations, entries } = recorder.finish();
  const leaders = [{ term: 2, from: 0, until: Infinity }];
  return { timeline: { operations, leaders, endedAt: durationMs }, entries };
}

function runLease(id: bigint, random: SeededRandom, recorder: Recorder): void {
  const ttlSeconds = 2 + random.below(8);
  const around = (at: number) => ({
    calledAt: at - 1 - random.below(50),
    returnedAt: at + 1 + random.below(50),
  });
  const grantedAt = 100 + random.below(5000);
  recorder.add({ at: grantedAt, request: { kind: 'leaseGrant', id, ttlSeconds }, call: around(grantedAt) });
  let now = grantedAt;
  let expiresAt = grantedAt + ttlSeconds * 1000;
  for (let i = random.below(12); i > 0; i--) {
    now += 200 + random.below(ttlSeconds * 1200);
    if (now >= expiresAt) break;
    const request = clientRequest(id, random);
    recorder.add({ at: now, request, call: around(now) }, expiresAt - now);
    if (request.kind === 'leaseKeepAlive') expiresAt = now + ttlSeconds * 1000;
    if (request.kind === 'leaseRevoke') return askAfter(id, now + 100, random, recorder, around);
  }
  const endedAt = expiresAt + random.below(lateMsMax);
  recorder.add({ at: endedAt, request: { kind: 'leaseRevoke', id } });
  askAfter(id, endedAt + 100, random, recorder, around);
}

function askAfter(
  id: bigint,
  from: number,
  random: SeededRandom,
  recorder: Recorder,
  around: (at: number) => { readonly calledAt: number; readonly returnedAt: number },
): void {
  for (let i = random.below(4); i > 0; i--) {
    const at = from + random.below(5000);
    recorder.add({ at, request: clientRequest(id, random), call: around(at) });
  }
}

function clientRequest(id: bigint, random: SeededRandom): Request {
  const key = `key ${random.below(3)} of ${id}`;
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return { kind: 'leaseKeepAlive', id };
    case 3:
    case 4:
      return { kind: 'leaseTimeToLive', id, keys: true };
    case 5:
      return random.below(3) === 0 ? { kind: 'leaseRevoke', id } : { kind: 'leaseKeepAlive', id };
    default:
      return { kind: 'put', key, value: 'x', lease: random.below(4) === 0 ? 0n : id };
  }
}

/** Puts what happens in order and answers it. */
class Recorder {
  readonly #happenings: (Happening & { readonly leftMs: number })[] = [];

  add(happening: Happening, leftMs = 0): void {
    this.#happenings.push({ ...happening, leftMs });
  }

  finish(): { readonly operations: readonly Operation[]; readonly entries: readonly AppliedEntry[] } {
    const operations: Operation[] = [];
    const entries: AppliedEntry[] = [];
    const ttls = new Map<bigint, number>();
    const keys = new Map<string, bigint>();
    for (const { at, request, call, leftMs } of this.#happenings.sort((a, b) => a.at - b.at)) {
      const response = answer(request, { ttls, keys, leftMs });
      if (isLogged(request)) {
        const origin = call === undefined ? 'server' : 'client';
        entries.push({ index: entries.length + 2, request, at, origin });
      }
      if (call === undefined) continue;
      const base = { id: operations.length, client: 1, ...call, request };
      // Revisions do not matter to the checker of leases.
      if (response !== undefined)
        operations.push({ ...base, outcome: { kind: 'ok', revision: 1, response } });
      else operations.push({ ...base, outcome: { kind: 'refused', code: 'leaseNotFound' } });
    }
    return { operations, entries };
  }
}

function isLogged(request: Request): request is LoggedRequest {
  return request.kind === 'put' || request.kind === 'leaseGrant' || request.kind === 'leaseRevoke';
}

/** What a correct server answers, undefined for "not found". */
function answer(
  request: Request,
  state: { readonly ttls: Map<bigint, number>; readonly keys: Map<string, bigint>; readonly leftMs: number },
): Response | undefined {
  const { ttls, keys, leftMs } = state;
  switch (request.kind) {
    case 'leaseGrant':
      ttls.set(request.id, request.ttlSeconds);
      return { kind: 'leaseGrant', id: request.id, ttlSeconds: request.ttlSeconds };
    case 'leaseRevoke':
      for (const [key, lease] of keys) if (lease === request.id) keys.delete(key);
      return ttls.delete(request.id) ? { kind: 'leaseRevoke' } : undefined;
    case 'leaseKeepAlive':
      return { kind: 'leaseKeepAlive', ttlSeconds: ttls.get(request.id) ?? 0 };
    case 'leaseTimeToLive': {
      const ttl = ttls.get(request.id);
      if (ttl === undefined)
        return { kind: 'leaseTimeToLive', ttlSeconds: -1, grantedTtlSeconds: 0, keys: [] };
      const own = [...keys].filter(([, lease]) => lease === request.id).map(([key]) => key);
      const ttlSeconds = Math.floor(leftMs / 1000);
      return { kind: 'leaseTimeToLive', ttlSeconds, grantedTtlSeconds: ttl, keys: own };
    }
    case 'put':
      if ((request.lease ?? 0n) !== 0n && !ttls.has(request.lease!)) return undefined;
      keys.delete(request.key);
      if ((request.lease ?? 0n) !== 0n) keys.set(request.key, request.lease!);
      return { kind: 'put' };
    default:
      throw new Error(`no such request here: ${request.kind}`);
  }
}
