import type { ReplicaObserver } from '@quorate/replica';
import type { Member, MemberKv, MemberLeases } from '@quorate/rpc';
import { Later } from '@quorate/std';
import { decodeTxnRequest, type RangeRequest } from '@quorate/wire';
import { memberWith } from '../member-with.ts';
import type { Spans, TracedCall } from './call-spans.ts';

/** Entries that were applied together, and when; milliseconds of the clock of `performance`. */
interface Batch {
  readonly startMs: number;
  readonly endMs: number;
  readonly entries: number;
}

/**
 * Makes spans of what happens below a call: for what is written `raft.commit`, from its proposal until it is to be
 * applied, and `raft.apply`; for what is read `raft.read_index`, the wait for a state that is new enough, and `store.range`.
 * Of calls that are not traced nobody is asked anything.
 *
 * The time of `raft.apply` is that of the entries that were applied together with the call's: there is one per batch.
 */
export class MemberSpans {
  readonly #spans: Spans;
  readonly #reads = new WeakMap<RangeRequest, TracedCall>();
  #lastBatch: Batch = { startMs: 0, endMs: 0, entries: 0 };

  constructor(spans: Spans) {
    this.#spans = spans;
  }

  /** Hears when entries are applied and the store is read. */
  readonly observer: ReplicaObserver = {
    onApplied: ({ entries, durationMs }) => {
      const endMs = performance.now();
      this.#lastBatch = { startMs: endMs - durationMs, endMs, entries };
    },
    onRange: (_ok, durationMs, request) => {
      // What is read at last is read together with what others wait for, so none of their calls is the current one.
      const call = this.#reads.get(request);
      if (call === undefined) return;
      const endMs = performance.now();
      call.readAtMs = endMs - durationMs;
      this.#add('store.range', call, { startMs: call.readAtMs, endMs });
    },
  };

  /** The same member, whose reads and writes make spans in the calls that are traced. */
  watch(member: Member): Member {
    return memberWith(member, { kv: this.#kv(member.kv), leases: this.#leases(member.leases) });
  }

  #kv(kv: MemberKv): MemberKv {
    return {
      range: (request, caller) => {
        const call = this.#spans.current.getStore();
        if (call === undefined) return kv.range(request, caller);
        this.#reads.set(request, call);
        if (request.serializable) return kv.range(request, caller);
        return Later.from(this.#reading(call, kv.range(request, caller)));
      },
      rangeStream: (request, caller) => kv.rangeStream(request, caller),
      put: (request, caller) => this.#later(() => kv.put(request, caller)),
      deleteRange: (request, caller) => this.#later(() => kv.deleteRange(request, caller)),
      txn: (request, caller) => {
        if (this.#spans.current.getStore() === undefined || onlyReads(request))
          return kv.txn(request, caller);
        return this.#later(() => kv.txn(request, caller));
      },
      compact: (request, caller) => this.#writing(() => kv.compact(request, caller)),
    };
  }

  #leases(leases: MemberLeases): MemberLeases {
    return {
      grant: (request, caller) => this.#writing(() => leases.grant(request, caller)),
      revoke: (request, caller) => this.#writing(() => leases.revoke(request, caller)),
      keepAliveNow: (id, caller) => leases.keepAliveNow(id, caller),
      keepAlive: (id, caller) => leases.keepAlive(id, caller),
      timeToLive: (request, caller) => leases.timeToLive(request, caller),
      leases: (caller) => leases.leases(caller),
    };
  }

  #later<T>(write: () => Later<T>): Later<T> {
    return this.#spans.current.getStore() === undefined ? write() : Later.from(this.#writing(write));
  }

  async #writing<T>(write: () => Promise<T>): Promise<T> {
    const call = this.#spans.current.getStore();
    if (call === undefined) return write();
    const startMs = performance.now();
    const result = await write();
    const { startMs: applyingMs, endMs, entries } = this.#lastBatch;
    if (applyingMs < startMs) return result;
    this.#add('raft.commit', call, { startMs, endMs: applyingMs });
    this.#add('raft.apply', call, { startMs: applyingMs, endMs, entries });
    return result;
  }

  async #reading<T>(call: TracedCall, read: Promise<T>): Promise<T> {
    const startMs = performance.now();
    const result = await read;
    this.#add('raft.read_index', call, { startMs, endMs: call.readAtMs ?? performance.now() });
    return result;
  }

  #add(
    name: string,
    { context }: TracedCall,
    { startMs, endMs, entries }: Pick<Batch, 'startMs' | 'endMs'> & { readonly entries?: number },
  ): void {
    const { timeOrigin } = performance;
    const attributes = entries === undefined ? {} : { 'quorate.batch.entries': entries };
    const options = { startTime: timeOrigin + startMs, attributes };
    this.#spans.tracer.startSpan(name, options, context).end(timeOrigin + endMs);
  }
}

/** As the member has it: such transactions do not go into the log. */
function onlyReads(request: Uint8Array): boolean {
  try {
    const { success, failure } = decodeTxnRequest(request);
    return [...success, ...failure].every(({ kind }) => kind === 'range');
  } catch {
    // The member says what is wrong with it.
    return true;
  }
}
