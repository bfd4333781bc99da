import { equalBytes, invariant } from '@quorate/std';
import { encodePutRequest, encodeRangeRequest, encodeTxnRequest, type Compare } from '@quorate/wire';
import {
  endOf,
  keyOf,
  listKeys,
  listKeySize,
  listValueSize,
  prefixes,
  rangeKeys,
  rangeKeySize,
  singleKeys,
  singleKeySize,
  valueOf,
  valueSize,
} from './dataset.ts';
import {
  checkGet,
  emptyPut,
  emptyRange,
  getRequests,
  getStride,
  putPath,
  putRequests,
  rangePath,
} from './kv-requests.ts';
import type { UnaryWorkloadName } from './load-job.ts';
import { countAll, pages } from './many-keys-workloads.ts';
import { MixedWorkload } from './mixed-workload.ts';
import { numberAt, occurrencesOf, ReplyFields, revisionOf } from './reply-fields.ts';
import { WriteRevisions } from './write-revisions.ts';

/** Requests of one kind. A slot has one request under way at a time. */
export interface UnaryWorkload {
  /** The method, as gRPC names it. */
  readonly path: string;
  /** The method of the request that a slot was given last, where there are several. */
  pathOf?(slot: number): string;
  /** The next request; undefined when there is nothing left to ask. */
  next(slot: number): Uint8Array | undefined;
  /** Throws when the answer is not what a right server says. */
  check(slot: number, reply: Uint8Array): void;
  /** Looks at all answers together, when the last one has come. */
  finish(): void;
}

/** A workload by its name; `keys` is how many keys there are, for those that read all of them. */
export function newUnaryWorkload(name: UnaryWorkloadName, keys = 0): UnaryWorkload {
  switch (name) {
    case 'put':
      return puts();
    case 'linearizable get':
      return gets(false);
    case 'serializable get':
      return gets(true);
    case 'range of 1,000 keys':
      return lists({ prefix: prefixes.range, count: rangeKeys, keySize: rangeKeySize, valueSize });
    case 'list of 10,000 keys of 1 KiB':
      return lists({
        ...{ prefix: prefixes.list, count: listKeys },
        ...{ keySize: listKeySize, valueSize: listValueSize },
      });
    case 'list of 100 MB':
      return lists({
        ...{ prefix: prefixes.long, count: keys },
        ...{ keySize: listKeySize, valueSize: listValueSize },
      });
    case 'count of all keys':
      return countAll(keys);
    case 'page of 500 keys':
      return pages(keys);
    case 'mixed 9:1':
      return new MixedWorkload();
    case 'guarded update':
      return new GuardedUpdates();
  }
}

/** Puts keys `0 .. count` once each. */
export function fillWorkload(options: {
  readonly prefix: string;
  readonly count: number;
  readonly keySize: number;
  readonly valueSize: number;
}): UnaryWorkload {
  const revisions = new WriteRevisions();
  let n = 0;
  return {
    path: putPath,
    next: () => {
      if (n === options.count) return undefined;
      const key = keyOf(options.prefix, n, options.keySize);
      return encodePutRequest({ ...emptyPut, key, value: valueOf(n++, options.valueSize) });
    },
    check: (_slot, reply) => revisions.add(revisionOf(reply)),
    finish: () => revisions.check(),
  };
}

function puts(): UnaryWorkload {
  const requests = putRequests();
  const revisions = new WriteRevisions();
  let n = 0;
  return {
    path: putPath,
    next: () => requests[n++ % singleKeys],
    check: (_slot, reply) => revisions.add(revisionOf(reply)),
    finish: () => revisions.check(),
  };
}

function gets(serializable: boolean): UnaryWorkload {
  const requests = getRequests({ serializable });
  const asked: number[] = [];
  let n = 0;
  let revision = 0;
  return {
    path: rangePath,
    next: (slot) => {
      n = (n + getStride) % singleKeys;
      asked[slot] = n;
      return requests[n];
    },
    check: (slot, reply) => {
      const at = checkGet(reply, valueOf(asked[slot]!, valueSize));
      if (revision === 0) revision = at;
      invariant(at === revision, 'nobody writes meanwhile, so all reads are at one revision');
    },
    finish: () => {},
  };
}

/** All keys under a prefix, which a fill has put. */
interface FilledKeys {
  readonly prefix: string;
  readonly count: number;
  readonly keySize: number;
  readonly valueSize: number;
}

function lists(keys: FilledKeys): UnaryWorkload {
  const request = encodeRangeRequest({
    ...emptyRange,
    key: keyOf(keys.prefix, 0, keys.keySize),
    rangeEnd: endOf(keys.prefix),
  });
  let size = 0;
  return {
    path: rangePath,
    next: () => request,
    check: (_slot, reply) => {
      if (size === 0) {
        checkList(reply, keys);
        size = reply.length;
      }
      invariant(reply.length === size, 'the answers to one range are alike');
      invariant(occurrencesOf(reply, 2) === keys.count, 'a range returns all keys');
    },
    finish: () => {},
  };
}

/** Looks at every value of a range. */
function checkList(reply: Uint8Array, { count, valueSize: size }: FilledKeys): void {
  const fields = new ReplyFields(reply);
  let n = 0;
  while (fields.next()) {
    if (fields.field !== 2) continue;
    const kv = new ReplyFields(reply, fields.start, fields.end);
    while (kv.next()) {
      if (kv.field !== 5) continue;
      const value = valueOf(n++, size);
      invariant(equalBytes(reply.subarray(kv.start, kv.end), value), 'a range returns values in key order');
    }
  }
  invariant(n === count, 'a range returns every value');
}

/**
 * What Kubernetes does to change an object: put it if its modRevision is still the one that was read, else get
 * it. Every slot has an object of its own, so after the first look all of them succeed.
 */
class GuardedUpdates implements UnaryWorkload {
  readonly path = '/etcdserverpb.KV/Txn';
  readonly #modRevisions: number[] = [];
  readonly #revisions = new WriteRevisions();

  next(slot: number): Uint8Array {
    const key = keyOf(prefixes.guarded, slot, singleKeySize);
    const value = valueOf(slot, valueSize);
    const modRevision = this.#modRevisions[slot] ?? 0;
    const compare: Compare = {
      result: 0, // EQUAL
      target: 2, // MOD
      key,
      rangeEnd: new Uint8Array(0),
      version: 0,
      createRevision: 0,
      modRevision,
      value: new Uint8Array(0),
      lease: 0n,
    };
    return encodeTxnRequest({
      compare: [compare],
      success: [{ kind: 'put', put: { ...emptyPut, key, value } }],
      failure: [{ kind: 'range', range: { ...emptyRange, key } }],
    });
  }

  check(slot: number, reply: Uint8Array): void {
    if (numberAt(reply, { start: 0, end: reply.length, field: 2 }) === 1) {
      const revision = revisionOf(reply);
      this.#revisions.add(revision);
      this.#modRevisions[slot] = revision;
      return;
    }
    invariant(this.#modRevisions[slot] === undefined, 'nobody else changes the object of a slot');
    this.#modRevisions[slot] = modRevisionIn(reply);
  }

  finish(): void {
    this.#revisions.check();
  }
}

/** TxnResponse.responses, ResponseOp.response_range, RangeResponse.kvs, KeyValue.mod_revision. */
const pathToModRevision = [3, 1, 2] as const;

function modRevisionIn(reply: Uint8Array): number {
  let start = 0;
  let end = reply.length;
  for (const wanted of pathToModRevision) {
    const fields = new ReplyFields(reply, start, end);
    while (fields.next() && fields.field !== wanted);
    invariant(fields.field === wanted, 'a guarded update that fails returns the object');
    ({ start, end } = fields);
  }
  return numberAt(reply, { start, end, field: 3 });
}
