import type { rpcpb } from '@quorate/wire';
import { EtcdError } from './errors.ts';
import type { Keyspace } from './keyspace.ts';
import type { CallOptions } from './options.ts';
import type { Op } from './txn.ts';

/** What operations answer, each at the place of its operation. */
export type ResultsOf<Ops extends readonly Op<unknown>[]> = {
  readonly [I in keyof Ops]: Ops[I] extends Op<infer Result> ? Result : never;
};

/** How a transaction went: `succeeded` says which operations were done, and so what `results` are. */
export type TxnOutcome<Then extends readonly Op<unknown>[], Else extends readonly Op<unknown>[]> =
  | { readonly succeeded: true; readonly header: rpcpb.ResponseHeader; readonly results: ResultsOf<Then> }
  | { readonly succeeded: false; readonly header: rpcpb.ResponseHeader; readonly results: ResultsOf<Else> };

/**
 * A transaction put together step by step: `client.when(compare…).do(op…).otherwise(op…).commit()`. Each step is a new
 * builder, so that one may be the beginning of several; nothing is sent before `commit`.
 *
 * The steps are not called `then` and `else`, since what has a `then` is taken for a promise by `await`.
 */
export class TxnBuilder<Then extends readonly Op<unknown>[], Else extends readonly Op<unknown>[]> {
  readonly #keyspace: Keyspace;
  readonly #conditions: readonly rpcpb.Compare[];
  readonly #success: Then;
  readonly #failure: Else;

  /** @internal `Keyspace.when` makes them. */
  constructor(
    keyspace: Keyspace,
    conditions: readonly rpcpb.Compare[],
    { success, failure }: { readonly success: Then; readonly failure: Else },
  ) {
    this.#keyspace = keyspace;
    this.#conditions = conditions;
    this.#success = success;
    this.#failure = failure;
  }

  /** More conditions, all of which have to hold. */
  and(...conditions: rpcpb.Compare[]): TxnBuilder<Then, Else> {
    const lists = { success: this.#success, failure: this.#failure };
    return new TxnBuilder(this.#keyspace, [...this.#conditions, ...conditions], lists);
  }

  /** What is done when all conditions hold; in place of what was said before. */
  do<const Ops extends readonly Op<unknown>[]>(...success: Ops): TxnBuilder<Ops, Else> {
    return new TxnBuilder(this.#keyspace, this.#conditions, { success, failure: this.#failure });
  }

  /** What is done when one does not; in place of what was said before. */
  otherwise<const Ops extends readonly Op<unknown>[]>(...failure: Ops): TxnBuilder<Then, Ops> {
    return new TxnBuilder(this.#keyspace, this.#conditions, { success: this.#success, failure });
  }

  /** Does it, all or nothing. It is repeated only if it holds nothing but reads. @throws EtcdError, or the signal's reason */
  async commit(options?: CallOptions): Promise<TxnOutcome<Then, Else>> {
    const txn = { compare: this.#conditions, success: this.#success, failure: this.#failure };
    const { succeeded, header, responses } = await this.#keyspace.txn(txn, options);
    const results: unknown = responses.map(resultOf);
    // A server answers each operation at its place, with the response that belongs to it.
    return { succeeded, header, results } as TxnOutcome<Then, Else>;
  }
}

function resultOf({ response }: rpcpb.ResponseOp): unknown {
  if (response === undefined) throw new EtcdError('INTERNAL', 'an operation of a transaction has no answer');
  return response.value;
}
