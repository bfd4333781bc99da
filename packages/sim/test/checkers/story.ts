import type {
  AppliedEntry,
  History,
  KeyValue,
  LoggedRequest,
  Operation,
  Outcome,
  RefusalCode,
  Request,
  Response,
} from '../../src/history/types.ts';

/** Tells a history call by call: ids count from 0. */
export class Story {
  readonly operations: Operation[] = [];
  readonly entries: AppliedEntry[] = [];

  get history(): History {
    return { operations: this.operations };
  }

  /** A call that succeeded with this revision. */
  ok(
    times: readonly [number, number],
    request: Request,
    revision: number,
    response: Response,
    connection?: number,
  ): this {
    return this.#add(times, request, { kind: 'ok', revision, response }, connection);
  }

  refused(times: readonly [number, number], request: Request, code: RefusalCode): this {
    return this.#add(times, request, { kind: 'refused', code });
  }

  unknown(calledAt: number, request: Request): this {
    return this.#add([calledAt, Infinity], request, { kind: 'unknown' });
  }

  /** A put that succeeded. */
  put(times: readonly [number, number], key: string, value: string, revision: number): this {
    return this.ok(times, put(key, value), revision, { kind: 'put' });
  }

  /** A read of one key that succeeded. */
  get(times: readonly [number, number], key: string, revision: number, kv?: KeyValue): this {
    return this.ok(times, { kind: 'range', key }, revision, found(kv));
  }

  /** What the members applied, in order. */
  log(...requests: readonly LoggedRequest[]): this {
    for (const request of requests) this.entries.push({ index: this.entries.length + 2, request });
    return this;
  }

  #add(
    [calledAt, returnedAt]: readonly [number, number],
    request: Request,
    outcome: Outcome,
    connection?: number,
  ): this {
    const id = this.operations.length;
    this.operations.push({
      ...{ id, client: 0, calledAt, returnedAt, request, outcome },
      ...(connection === undefined ? {} : { connection }),
    });
    return this;
  }
}

/** A put. */
export function put(key: string, value: string, lease = 0n): Extract<Request, { kind: 'put' }> {
  return { kind: 'put', key, value, lease };
}

/** A key-value of one put. */
export function kv(key: string, value: string, revision: number, more: Partial<KeyValue> = {}): KeyValue {
  return { key, value, createRevision: revision, modRevision: revision, version: 1, lease: 0n, ...more };
}

/** The answer to a read of one key. */
export function found(kv?: KeyValue): Response {
  return { kind: 'range', kvs: kv === undefined ? [] : [kv], count: kv === undefined ? 0 : 1, more: false };
}
