import { ChangeList, fromLatin1, SeededRandom } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import {
  CompactedError,
  executeDeleteRange,
  executePut,
  executeRange,
  executeTxn,
  FutureRevisionError,
  KvRequestError,
  MvccStore,
  type WriteTxn,
} from '@quorate/mvcc';
import { decodeDeleteRangeRequest, decodePutRequest, decodeTxnRequest } from '@quorate/wire';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { differenceOf } from '../../src/checkers/model/differences.ts';
import { execute, type ModelAnswer, type ModelRequest } from '../../src/checkers/model/execute.ts';
import { OrderedKeys } from '../../src/checkers/model/ordered-keys.ts';
import { StoreModel } from '../../src/checkers/model/store-model.ts';
import type { RangeRequest, Response } from '../../src/index.ts';
import {
  deleteRangeResponse,
  putResponse,
  rangeResponse,
  txnResponse,
} from '../../src/world/clients/from-wire.ts';
import { encodeDeleteRange, encodePut, encodeTxn, wireRange } from '../../src/world/clients/to-wire.ts';
import { RequestSource } from './random-history.ts';

vi.setConfig({ testTimeout: 120_000 });

const stepCount = 80;

test('the model answers, and refuses, as the store does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const random = new SeededRandom(seed);
      const model = new StoreModel();
      const store = await MvccStore.open({ backend: new MemoryBackend() });
      const source = new RequestSource(random, { operationCount: 0, keys: ['a', 'ab', 'b', 'c'] });
      for (let i = 0; i < stepCount; i++) {
        const request = random.below(4) === 0 ? randomRange(random, model.revision) : source.next(model);
        const actual = answerOfStore(store, model, request);
        const expected = execute(model, request);
        expect(actual.kind === 'ok' ? 'ok' : actual.code).toBe(expected.kind === 'ok' ? 'ok' : expected.code);
        if (actual.kind === 'ok' && expected.kind === 'ok') {
          expect(differenceOf(request, expected.response, actual.response)).toBeUndefined();
        }
        expect(store.currentRevision).toBe(model.revision);
      }
    }),
    { numRuns: 300 },
  );
});

test('ordered keys are a sorted set', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '\0', '\xff'), maxLength: 3 });
  const action = fc.record({ add: fc.boolean(), key });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 2000, size: 'max' }), key, key, (actions, start, end) => {
      const keys = new OrderedKeys();
      const expected = new Set<string>();
      for (const { add, key } of actions) {
        expect(add ? keys.add(key) : keys.delete(key)).toBe(expected.has(key) !== add);
        if (add) expected.add(key);
        else expected.delete(key);
      }
      const wanted = [...expected].filter((key) => key >= start && key < end).sort();
      const found: string[] = [];
      keys.forEach(start, end, (key) => found.push(key) > 0);
      expect(found).toEqual(wanted);
      expect(keys.count(start, end)).toBe(wanted.length);
      expect(keys.size).toBe(expected.size);
    }),
  );
});

test('thousands of ordered keys stay in order through many blocks', () => {
  const keys = new OrderedKeys();
  const random = new SeededRandom(1);
  const all = new Set(Array.from({ length: 5000 }, () => String(random.below(1_000_000))));
  for (const key of all) keys.add(key);
  for (const key of [...all].filter(() => random.below(2) === 0)) {
    keys.delete(key);
    all.delete(key);
  }
  const found: string[] = [];
  keys.forEach('', '\u0100', (key) => found.push(key) > 0);
  expect(found).toEqual([...all].sort());
  expect(keys.count('3', '7')).toBe(found.filter((key) => key >= '3' && key < '7').length);
});

/** Leases are not the store's: it is told of them what the model says. */
function answerOfStore(store: MvccStore, model: StoreModel, request: ModelRequest): ModelAnswer {
  const leases = { has: (id: bigint) => model.hasLease(id) };
  try {
    switch (request.kind) {
      case 'range':
        return ok(rangeResponse(executeRange(store, wireRange(request))));
      case 'put':
        return ok(
          inTxn(store, (txn) => putResponse(executePut(txn, decodePutRequest(encodePut(request)), leases))),
        );
      case 'deleteRange': {
        const wire = decodeDeleteRangeRequest(encodeDeleteRange(request));
        return ok(inTxn(store, (txn) => deleteRangeResponse(executeDeleteRange(txn, wire))));
      }
      case 'txn':
        return ok(
          inTxn(store, (txn) => txnResponse(executeTxn(txn, decodeTxnRequest(encodeTxn(request)), leases))),
        );
      case 'compact':
        store.scheduleCompaction(request.revision, new ChangeList());
        return ok({ kind: 'compact' });
      case 'leaseGrant':
        if (leases.has(request.id)) return { kind: 'refused', code: 'leaseExists' };
        return ok({ kind: 'leaseGrant', id: request.id, ttlSeconds: request.ttlSeconds });
      case 'leaseRevoke':
        if (!leases.has(request.id)) return { kind: 'refused', code: 'leaseNotFound' };
        return ok(inTxn(store, (txn) => revoke(txn, model.keysOfLease(request.id))));
    }
  } catch (error) {
    return { kind: 'refused', code: codeOf(error) };
  }
}

function inTxn<T>(store: MvccStore, work: (txn: WriteTxn) => T): T {
  const txn = store.beginWrite();
  try {
    return work(txn);
  } finally {
    txn.end();
  }
}

function revoke(txn: WriteTxn, keys: readonly string[]): Response {
  for (const key of keys) {
    executeDeleteRange(txn, { key: fromLatin1(key), rangeEnd: new Uint8Array(0), prevKv: false });
  }
  return { kind: 'leaseRevoke' };
}

function ok(response: Response): ModelAnswer {
  return { kind: 'ok', response };
}

function codeOf(error: unknown) {
  if (error instanceof CompactedError) return 'compacted';
  if (error instanceof FutureRevisionError) return 'futureRevision';
  if (error instanceof KvRequestError)
    return error.code === 'KV_LEASE_NOT_FOUND' ? 'leaseNotFound' : 'keyNotFound';
  throw error;
}

/** With all that shapes an answer. */
function randomRange(random: SeededRandom, revision: number): RangeRequest {
  const bound = () => (random.below(4) === 0 ? 1 + random.below(revision) : 0);
  return {
    ...{ kind: 'range', key: 'a', rangeEnd: random.below(2) === 0 ? '\0' : 'c' },
    ...{ limit: random.below(3), revision: bound() },
    sortOrder: (['none', 'ascend', 'descend'] as const)[random.below(3)]!,
    sortTarget: (['key', 'version', 'create', 'mod', 'value'] as const)[random.below(5)]!,
    ...{ keysOnly: random.below(6) === 0, countOnly: random.below(6) === 0 },
    ...{ minModRevision: bound(), maxModRevision: bound() },
    ...{ minCreateRevision: bound(), maxCreateRevision: bound() },
  };
}
