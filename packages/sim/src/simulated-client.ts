import { fromUtf8, toLatin1, toUtf8, fromLatin1 } from '@quorate/std';
import type {
  Compare,
  KeyValue,
  KvRequest,
  Operation,
  RangeResponse,
  Request,
  Response,
  WatchEvent,
} from './history/types.ts';
import type { Caller } from './world/clients/caller.ts';
import { SimWatcher } from './world/clients/watcher.ts';
import type { Crew } from './world/crew.ts';
import type { World } from './world/world.ts';

/** A key as a client of a simulation sees it; key and value are text. */
export interface SimulatedKeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: bigint;
}

/** A change that a watcher sees. */
export interface SimulatedEvent {
  readonly type: 'put' | 'delete';
  readonly kv: SimulatedKeyValue;
}

/** Which keys: one, or all with a prefix. */
export type Keys = string | { readonly prefix: string };

/** What a comparison of a transaction looks at. */
export type Condition =
  | { readonly key: string; readonly is: 'absent' | 'present' }
  | { readonly key: string; readonly value: string }
  | { readonly key: string; readonly modRevision: number };

/** What a transaction writes. */
export type Write =
  { readonly put: string; readonly value: string; readonly lease?: bigint } | { readonly delete: string };

/**
 * A call came to nothing, or to nobody knows what. `unknown`: it may have been carried out, or may still be;
 * `refused`: it surely was not, and `reason` says why.
 */
export class SimulatedCallError extends Error {
  override readonly name = 'SimulatedCallError';
  readonly code: 'unknown' | 'refused';
  readonly reason: string;

  constructor(code: 'unknown' | 'refused', reason: string) {
    super(`${code}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

/**
 * A client of a simulated cluster. It speaks with one member and goes to another when that one fails. Calls that
 * surely did nothing, and reads, are tried again until the time-out; a write whose outcome is unknown never is.
 */
export class SimulatedClient {
  readonly #caller: Caller;
  readonly #world: World;
  readonly #crew: Crew;
  readonly #timeoutMs: number;
  #at = 0;
  #watchers = 0;

  constructor(options: {
    readonly caller: Caller;
    readonly world: World;
    readonly crew: Crew;
    readonly timeoutMs: number;
  }) {
    this.#caller = options.caller;
    this.#world = options.world;
    this.#crew = options.crew;
    this.#timeoutMs = options.timeoutMs;
    this.#at = options.caller.id;
  }

  /** Sets a key; the revision it was set at. @throws SimulatedCallError */
  async put(key: string, value: string, options: { readonly lease?: bigint } = {}): Promise<number> {
    return (await this.#call({ kind: 'put', key: bytes(key), value: bytes(value), ...options })).revision;
  }

  /** A key as of now; undefined when it is absent. @throws SimulatedCallError */
  async get(key: string): Promise<SimulatedKeyValue | undefined> {
    return (await this.list(key))[0];
  }

  /** Keys as of now, in order; `revision` reads what was then. @throws SimulatedCallError */
  async list(keys: Keys, options: { readonly revision?: number } = {}): Promise<SimulatedKeyValue[]> {
    const { response } = await this.#call({ kind: 'range', ...rangeOf(keys), ...options });
    // A range is answered by a range.
    return (response as RangeResponse).kvs.map(textKeyValue);
  }

  /** Deletes keys; how many there were. @throws SimulatedCallError */
  async delete(keys: Keys): Promise<number> {
    const { response } = await this.#call({ kind: 'deleteRange', ...rangeOf(keys) });
    return response.kind === 'deleteRange' ? response.deleted : 0;
  }

  /** Writes if all conditions hold, all or nothing; whether they did. @throws SimulatedCallError */
  async txn(
    conditions: readonly Condition[],
    options: { readonly then?: readonly Write[]; readonly else?: readonly Write[] },
  ): Promise<boolean> {
    const { response } = await this.#call({
      kind: 'txn',
      compare: conditions.map(compareOf),
      success: (options.then ?? []).map(writeOf),
      failure: (options.else ?? []).map(writeOf),
    });
    return response.kind === 'txn' && response.succeeded;
  }

  /** Makes a lease and returns its ID. @throws SimulatedCallError */
  async grantLease(ttlSeconds: number): Promise<bigint> {
    const id =
      (this.#world.chance.branch('leases').uint64() >> 1n) + BigInt(this.#world.counters.nextOperation());
    await this.#call({ kind: 'leaseGrant', id, ttlSeconds });
    return id;
  }

  /** Renews a lease; how long it has, 0 when there is no such lease. @throws SimulatedCallError */
  async keepAlive(id: bigint): Promise<number> {
    const { response } = await this.#call({ kind: 'leaseKeepAlive', id });
    return response.kind === 'leaseKeepAlive' ? response.ttlSeconds : 0;
  }

  /** Ends a lease; its keys go with it. @throws SimulatedCallError */
  async revoke(id: bigint): Promise<void> {
    await this.#call({ kind: 'leaseRevoke', id });
  }

  /**
   * Changes of keys from a revision on (by default from now on), for ever: a stream that breaks is resumed where it
   * was. Ends when the caller stops reading.
   */
  async *watch(
    keys: Keys,
    options: { readonly startRevision?: number } = {},
  ): AsyncGenerator<SimulatedEvent, void> {
    const waiting: WatchEvent[] = [];
    let wake: (() => void) | undefined;
    let isOver = false;
    const number = ++this.#watchers;
    const watcher = new SimWatcher({
      ...{ id: this.#caller.id * 1000 + number, client: this.#caller.id, wires: this.#world.wires },
      chance: this.#world.chance.branch(`watch ${this.#caller.id}.${number}`),
      request: { ...rangeOf(keys), ...options },
      machines: () => this.#crew.members,
      restlessMs: Infinity,
      isOver: () => isOver,
      onEvents: (events) => {
        waiting.push(...events);
        wake?.();
      },
    });
    watcher.run();
    try {
      for (;;) {
        const event = waiting.shift();
        if (event === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else yield { type: event.type, kv: textKeyValue(event.kv) };
      }
    } finally {
      isOver = true;
      watcher.stop();
    }
  }

  async #call(request: Request): Promise<{ readonly revision: number; readonly response: Response }> {
    const deadlineMs = this.#world.timeline.nowMs + this.#timeoutMs;
    for (;;) {
      const { members } = this.#crew;
      const machine = members[this.#at % members.length]!;
      const timeoutMs = Math.max(1, deadlineMs - this.#world.timeline.nowMs);
      const { outcome }: Operation = await this.#caller.call(machine, request, {
        timeoutMs: Math.min(timeoutMs, 2_000),
      });
      if (outcome.kind === 'ok') return outcome;
      const isHarmless = request.kind === 'range' || (outcome.kind === 'refused' && outcome.code === 'other');
      if (!isHarmless || this.#world.timeline.nowMs >= deadlineMs) {
        if (outcome.kind === 'unknown') throw new SimulatedCallError('unknown', 'no answer in time');
        throw new SimulatedCallError('refused', outcome.message ?? outcome.code);
      }
      this.#at++;
      await this.#world.timeline.sleep(50);
    }
  }
}

function bytes(text: string): string {
  return toLatin1(fromUtf8(text));
}

function text(latin1: string): string {
  return toUtf8(fromLatin1(latin1));
}

function rangeOf(keys: Keys): { readonly key: string; readonly rangeEnd?: string } {
  if (typeof keys === 'string') return { key: bytes(keys) };
  const prefix = bytes(keys.prefix);
  if (prefix === '') return { key: '\0', rangeEnd: '\0' };
  // Text in UTF-8 has no byte 0xff, so the last byte can be counted up.
  const last = prefix.charCodeAt(prefix.length - 1);
  return { key: prefix, rangeEnd: prefix.slice(0, -1) + String.fromCharCode(last + 1) };
}

function textKeyValue(kv: KeyValue): SimulatedKeyValue {
  return { ...kv, key: text(kv.key), value: text(kv.value) };
}

function compareOf(condition: Condition): Compare {
  const key = bytes(condition.key);
  if ('value' in condition) return { key, result: 'equal', target: 'value', operand: bytes(condition.value) };
  if ('modRevision' in condition)
    return { key, result: 'equal', target: 'mod', operand: condition.modRevision };
  const result = condition.is === 'absent' ? 'equal' : 'greater';
  return { key, result, target: 'version', operand: 0 };
}

function writeOf(write: Write): KvRequest {
  if ('delete' in write) return { kind: 'deleteRange', key: bytes(write.delete) };
  const { lease } = write;
  return {
    kind: 'put',
    key: bytes(write.put),
    value: bytes(write.value),
    ...(lease !== undefined && { lease }),
  };
}
