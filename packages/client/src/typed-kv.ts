import { fromUtf8, toUtf8, type Clock } from '@quorate/std';
import type { mvccpb } from '@quorate/wire';
import { EtcdError } from './errors.ts';
import type { Bytes, KeySelector } from './keys.ts';
import type { Keyspace, PutOptions, ReadAllOptions, ReadOptions } from './keyspace.ts';
import type { CallOptions } from './options.ts';
import { limitedSignal } from './time-limit.ts';
import { compare, op } from './txn.ts';
import type { WatchOptions } from './watch.ts';

const updatesMax = 100;

/** Values as bytes and back. */
export interface Codec<T> {
  encode(value: T): Uint8Array;
  /** Throws for what is no such value. */
  decode(bytes: Uint8Array): T;
}

/** Values as JSON. `parse` makes sure of what was read, such as the `parse` of a zod schema; without it, it is believed. */
export function json<T>(parse?: (value: unknown) => T): Codec<T> {
  return {
    encode: (value) => fromUtf8(JSON.stringify(value)),
    decode: (bytes) => {
      const value: unknown = JSON.parse(toUtf8(bytes));
      // Without `parse`, whoever names the type answers for it.
      return parse === undefined ? (value as T) : parse(value);
    },
  };
}

/** Values as text. */
export const text: Codec<string> = { encode: fromUtf8, decode: toUtf8 };

/** A key with its value understood. */
export interface TypedEntry<T> {
  /** As text; see `kv` for keys that are none. */
  readonly key: string;
  readonly value: T;
  /** As it was read, with its revisions. */
  readonly kv: mvccpb.KeyValue;
}

/** A change of a typed key. */
export type TypedEvent<T> =
  | ({ readonly type: 'put' } & TypedEntry<T>)
  | { readonly type: 'delete'; readonly key: string; readonly kv: mvccpb.KeyValue };

/** Keys whose values are all of a type. */
export class TypedKv<T> {
  readonly #keyspace: Keyspace;
  readonly #codec: Codec<T>;
  readonly #clock: Clock;

  /** @internal `Keyspace.typed` makes them. */
  constructor(keyspace: Keyspace, codec: Codec<T>, clock: Clock) {
    this.#clock = clock;
    this.#keyspace = keyspace;
    this.#codec = codec;
  }

  /** The entry of a key, or undefined when there is none. */
  async get(key: Bytes, options?: ReadOptions): Promise<TypedEntry<T> | undefined> {
    const kv = await this.#keyspace.get(key, options);
    return kv === undefined ? undefined : this.#entry(kv);
  }

  /** All entries of a selection, in order and as of one revision. */
  async getAll(selector: KeySelector, options?: Omit<ReadAllOptions, 'keysOnly'>): Promise<TypedEntry<T>[]> {
    return (await this.#keyspace.getAll(selector, options)).map((kv) => this.#entry(kv));
  }

  /** Writes a key; returns the revision. */
  async put(key: Bytes, value: T, options?: PutOptions): Promise<bigint> {
    const { header } = await this.#keyspace.put(key, this.#codec.encode(value), options);
    return header.revision;
  }

  /** Writes a key that does not exist; false when it does. */
  async create(key: Bytes, value: T, options: PutOptions = {}): Promise<boolean> {
    return (await this.#putIf(key, 0n, value, options)).succeeded;
  }

  /**
   * Writes what `change` makes of the value there is, which is undefined for a key that does not exist. When somebody
   * else wrote meanwhile, `change` is asked again. Returns the value written. `timeoutMs` is for all of it.
   *
   * @throws EtcdError ABORTED when that happened 100 times
   */
  async update(key: Bytes, change: (value: T | undefined) => T, given: PutOptions = {}): Promise<T> {
    using limited = limitedSignal(this.#clock, given);
    const options = { ...given, signal: limited.signal };
    let current = await this.get(key, options);
    for (let attempt = 1; attempt <= updatesMax; attempt++) {
      const value = change(current?.value);
      const outcome = await this.#putIf(key, current?.kv.modRevision ?? 0n, value, options);
      if (outcome.succeeded) return value;
      ({ current } = outcome);
    }
    throw new EtcdError('ABORTED', `the key was written by others ${updatesMax} times meanwhile`);
  }

  /** Deletes a key; false when there was none. */
  async delete(key: Bytes, options?: CallOptions): Promise<boolean> {
    return (await this.#keyspace.delete(key, options)) > 0n;
  }

  /** Watches entries, as `Keyspace.watch`. */
  async *watch(options: WatchOptions): AsyncGenerator<TypedEvent<T>, void, undefined> {
    for await (const { type, kv } of this.#keyspace.watch(options)) {
      if (type === 'put') yield { type, ...this.#entry(kv) };
      else yield { type, key: toUtf8(kv.key), kv };
    }
  }

  async #putIf(
    key: Bytes,
    modRevision: bigint,
    value: T,
    { lease = 0n, ...options }: PutOptions,
  ): Promise<{ readonly succeeded: boolean; readonly current: TypedEntry<T> | undefined }> {
    const { succeeded, responses } = await this.#keyspace.txn(
      {
        compare: [compare.modRevision(key, '=', modRevision)],
        success: [op.put(key, this.#codec.encode(value), { lease })],
        failure: [op.get({ key })],
      },
      options,
    );
    const response = responses[0]?.response;
    const kv = response?.$case === 'responseRange' ? response.value.kvs[0] : undefined;
    return { succeeded, current: kv === undefined ? undefined : this.#entry(kv) };
  }

  #entry(kv: mvccpb.KeyValue): TypedEntry<T> {
    return { key: toUtf8(kv.key), value: this.#codec.decode(kv.value), kv };
  }
}
