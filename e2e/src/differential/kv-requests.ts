import { fromLatin1 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import type { Dice } from './dice.ts';

/** What a generator of requests knows of the store. */
export interface StoreView {
  readonly revision: bigint;
  readonly compacted: bigint;
}

/** Few keys, so that requests meet, and among them every kind of byte string that is a case of its own. */
const keys = [
  ...['a', 'b', 'ba', 'bb', 'c', 'd', 'e', 'z'],
  ...['\0', '\0\0', 'a\0', 'a\xff', '\xff', '\xff\xff', '\xff\0', '\x80\xfe\x01'],
  ...Array.from({ length: 24 }, (_, i) => `k/${i}`),
  ...['long/'.padEnd(300, 'x'), 'long/'.padEnd(3000, 'y')],
].map(fromLatin1);
const noKey = fromLatin1('');

const rangeEnds = ['\0', 'b', 'bb', 'c', 'd', 'k/2', 'k0', 'l', 'z', '\xff', '\xff\xff', '\0\0', '\x01'].map(
  fromLatin1,
);

const smallValues = ['', 'x', 'y', 'longer', '\0', '\xff'].map(fromLatin1);

/** The most operations that a transaction may have. */
const opsMax = 128;
/** Transactions in transactions in ...: so deep. */
const depthMax = 4;

/** Random requests to the KV service: mostly proper ones, with every mistake now and then. */
export class KvRequests {
  readonly #dice: Dice;
  readonly #view: StoreView;

  constructor(dice: Dice, view: StoreView) {
    this.#dice = dice;
    this.#view = view;
  }

  key(): Uint8Array {
    return this.#dice.perMille(15) ? noKey : this.#dice.pick(keys);
  }

  /** Mostly none, or one that makes a range of a few keys. */
  rangeEnd(): Uint8Array {
    return this.#dice.perMille(400) ? noKey : this.#dice.pick(rangeEnds);
  }

  lease(): bigint {
    return this.#dice.perMille(700) ? 0n : this.#dice.pick([1n, 2n, 3n, 4n, -5n, 999n]);
  }

  value(): Uint8Array {
    const dice = this.#dice;
    if (dice.perMille(980)) return dice.pick(smallValues);
    // Most are of a middling size; few come near what a request may hold, and some are beyond it.
    const bytes = dice.perMille(900)
      ? dice.between(1000, 50_000)
      : dice.pick([700_000, 1_500_000, 1_600_000, 1_700_000]);
    return new Uint8Array(bytes).fill(dice.below(256));
  }

  /** A revision to read at: mostly the current one. */
  revision(): bigint {
    const dice = this.#dice;
    const { revision, compacted } = this.#view;
    if (dice.perMille(600)) return 0n;
    switch (dice.weighted({ recent: 12, edge: 4, far: 1, old: 2 })) {
      case 'recent':
        return revision - BigInt(dice.below(60));
      case 'edge':
        return dice.pick([compacted - 1n, compacted, compacted + 1n, revision, revision + 1n, revision + 2n]);
      case 'far':
        return dice.pick([-1n, -100n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n), 1n]);
      case 'old':
        return BigInt(dice.below(Number(revision) + 1));
    }
  }

  range(): Partial<rpcpb.RangeRequest> {
    const dice = this.#dice;
    const isFiltered = dice.perMille(200);
    const bound = () => (isFiltered && dice.perMille(400) ? this.#bound() : 0n);
    return {
      key: this.key(),
      rangeEnd: this.rangeEnd(),
      limit: dice.perMille(600) ? 0n : dice.pick([1n, 2n, 3n, 10n, 100n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]),
      revision: this.revision(),
      sortOrder: dice.pick([0, 0, 0, 1, 2]),
      sortTarget: dice.pick([0, 0, 0, 1, 2, 3, 4]),
      serializable: dice.perMille(300),
      keysOnly: dice.perMille(100),
      countOnly: dice.perMille(100),
      minModRevision: bound(),
      maxModRevision: bound(),
      minCreateRevision: bound(),
      maxCreateRevision: bound(),
    };
  }

  /** A put either keeps nothing of the old key, or may keep its value or lease. */
  put({ mayKeep }: { readonly mayKeep: boolean } = { mayKeep: true }): Partial<rpcpb.PutRequest> {
    const dice = this.#dice;
    const ignoreValue = mayKeep && dice.perMille(100);
    const ignoreLease = mayKeep && dice.perMille(100);
    return {
      key: this.key(),
      // One that is to be ignored must not be given; now and then it is.
      value: ignoreValue && dice.perMille(800) ? noKey : this.value(),
      lease: ignoreLease && dice.perMille(800) ? 0n : this.lease(),
      prevKv: dice.perMille(400),
      ignoreValue,
      ignoreLease,
    };
  }

  deleteRange(): Partial<rpcpb.DeleteRangeRequest> {
    const dice = this.#dice;
    // Rarely all keys to the end, or there would never be many.
    const rangeEnd = dice.perMille(700) ? noKey : this.rangeEnd();
    return { key: this.key(), rangeEnd, prevKv: dice.perMille(500) };
  }

  txn({ mayNest }: { readonly mayNest: boolean } = { mayNest: true }): rpcpb.TxnRequest {
    const dice = this.#dice;
    if (dice.perMille(30)) return this.#wideTxn({ mayNest });
    if (dice.perMille(100)) return this.#readOnlyTxn();
    // Puts that keep something of their key, in a transaction that deletes "to the last key", crash etcd 3.5.
    const mayKeep = dice.perMille(500);
    return this.#txn({ mayKeep, depth: mayNest ? 0 : depthMax });
  }

  #txn({ mayKeep, depth }: TxnStyle): rpcpb.TxnRequest {
    const dice = this.#dice;
    return {
      compare: dice.list(dice.below(3), () => this.#compare()),
      success: dice.list(dice.below(4), () => this.#requestOp({ mayKeep, depth })),
      failure: dice.list(dice.below(4), () => this.#requestOp({ mayKeep, depth })),
    };
  }

  #requestOp({ mayKeep, depth }: TxnStyle): rpcpb.RequestOp {
    const dice = this.#dice;
    const nested = depth < depthMax ? 4 : 0;
    switch (
      dice.weighted({ put: 10, range: 6, deleteRange: 3, txn: nested, empty: dice.perMille(30) ? 1 : 0 })
    ) {
      case 'put':
        return asOp.put(this.put({ mayKeep }));
      case 'range':
        return asOp.range(this.range());
      case 'deleteRange': {
        const request = this.deleteRange();
        const isOpen = request.rangeEnd?.length === 1 && request.rangeEnd[0] === 0;
        return asOp.deleteRange(mayKeep && isOpen ? { ...request, rangeEnd: noKey } : request);
      }
      case 'txn':
        return asOp.txn(this.#txn({ mayKeep, depth: depth + 1 }));
      case 'empty':
        return { request: undefined };
    }
  }

  /** As many operations as a transaction may have, or one more. */
  #wideTxn({ mayNest }: { readonly mayNest: boolean }): rpcpb.TxnRequest {
    const dice = this.#dice;
    const count = dice.pick([opsMax - 1, opsMax, opsMax, opsMax + 1]);
    const wide = dice.list(count, () => {
      if (dice.perMille(500)) return asOp.range(this.range());
      return asOp.put({ key: fromLatin1(`wide/${dice.below(100_000)}`), value: dice.pick(smallValues) });
    });
    const isSuccess = dice.perMille(500);
    const other = mayNest && dice.perMille(200) ? [asOp.txn(this.#txn({ mayKeep: false, depth: 3 }))] : [];
    return {
      compare: dice.perMille(100) ? dice.list(count, () => this.#compare()) : [],
      success: isSuccess ? wide : other,
      failure: isSuccess ? other : wide,
    };
  }

  #readOnlyTxn(): rpcpb.TxnRequest {
    const dice = this.#dice;
    return {
      compare: dice.list(dice.below(3), () => this.#compare()),
      success: dice.list(dice.below(3), () => asOp.range(this.range())),
      failure: dice.list(dice.below(3), () => asOp.range(this.range())),
    };
  }

  #compare(): rpcpb.Compare {
    const dice = this.#dice;
    const number = dice.perMille(600) ? BigInt(dice.between(-1, 4)) : this.revision();
    const unions: readonly rpcpb.Compare['targetUnion'][] = [
      { $case: 'version', value: number },
      { $case: 'createRevision', value: number },
      { $case: 'modRevision', value: number },
      { $case: 'value', value: dice.pick(smallValues) },
      { $case: 'lease', value: this.lease() },
      undefined,
    ];
    // Targets and results beyond the known ones come from newer clients; enums on the wire are open.
    const target: number = dice.pick([0, 1, 2, 3, 4, 5, -1]);
    const result = dice.pick([0, 0, 1, 2, 3, 4, -7]) as rpcpb.Compare_CompareResult;
    // Mostly the union of the target; a target without its own is compared with zero.
    const targetUnion = dice.perMille(850)
      ? unions[target === -1 ? 5 : target]
      : dice.pick(unions.slice(0, 5));
    return {
      result,
      target: target as rpcpb.Compare_CompareTarget,
      key: this.key(),
      rangeEnd: dice.perMille(700) ? noKey : this.rangeEnd(),
      targetUnion,
    };
  }

  #bound(): bigint {
    const { revision } = this.#view;
    const near = revision - BigInt(this.#dice.below(100));
    return this.#dice.pick([near, near, near, 1n, -1n, revision + 5n, 2n ** 63n - 1n, -(2n ** 63n)]);
  }
}

interface TxnStyle {
  readonly mayKeep: boolean;
  readonly depth: number;
}

const asOp = {
  range: (fields: Partial<rpcpb.RangeRequest>): rpcpb.RequestOp => ({
    request: { $case: 'requestRange', value: { ...rpcpb.RangeRequest.create(), ...fields } },
  }),
  put: (fields: Partial<rpcpb.PutRequest>): rpcpb.RequestOp => ({
    request: { $case: 'requestPut', value: { ...rpcpb.PutRequest.create(), ...fields } },
  }),
  deleteRange: (fields: Partial<rpcpb.DeleteRangeRequest>): rpcpb.RequestOp => ({
    request: { $case: 'requestDeleteRange', value: { ...rpcpb.DeleteRangeRequest.create(), ...fields } },
  }),
  txn: (value: rpcpb.TxnRequest): rpcpb.RequestOp => ({ request: { $case: 'requestTxn', value } }),
};
