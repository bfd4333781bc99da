import { describe, expect, test } from 'vitest';
import { executeRange, sortOrders, sortTargets } from '../../src/kv/range.ts';
import { ModelStore } from './model-store.ts';
import { expectCode, fill, keysOf, putNow, putRequest, rangeRequest, readable } from './requests.ts';

/** Revisions 2 to 7: versions a 3, b 2, c 1; values go down. */
function store(): ModelStore {
  const model = new ModelStore();
  fill(model, [
    ['a', 'z'],
    ['b', 'y'],
    ['c', 'x'],
    ['a', 'z'],
    ['b', 'y'],
    ['a', 'z'],
  ]);
  return model;
}

describe('executeRange', () => {
  test('a single key comes with the store revision in the header', () => {
    const model = store();
    const answer = executeRange(model, rangeRequest('b', '', { revision: 3 }));
    expect(answer.header).toEqual({ clusterId: 0n, memberId: 0n, revision: 7, raftTerm: 0 });
    expect(answer.kvs.map(readable)).toEqual([
      { key: 'b', value: 'y', createRevision: 3, modRevision: 3, version: 1, lease: 0n },
    ]);
    expect(answer).toMatchObject({ count: 1, more: false });
  });

  test('an end of one zero byte means to the last key, an end at or below the key means nothing', () => {
    const model = store();
    expect(keysOf(executeRange(model, rangeRequest('b', '\0')).kvs)).toEqual(['b', 'c']);
    expect(keysOf(executeRange(model, rangeRequest('\0', '\0')).kvs)).toEqual(['a', 'b', 'c']);
    expect(executeRange(model, rangeRequest('b', 'b'))).toMatchObject({ kvs: [], count: 0 });
    expect(executeRange(model, rangeRequest('c', 'a'))).toMatchObject({ kvs: [], count: 0 });
  });

  test('a negative revision reads the newest one', () => {
    expect(executeRange(store(), rangeRequest('a', '', { revision: -3 })).kvs.map(readable)).toMatchObject([
      { version: 3 },
    ]);
  });

  test('a future and a compacted revision fail, the compacted revision itself does not', () => {
    const model = store();
    model.compactedRevision = 3;
    expectCode(() => executeRange(model, rangeRequest('a', '', { revision: 8 })), 'MVCC_FUTURE_REVISION');
    expectCode(() => executeRange(model, rangeRequest('a', '', { revision: 2 })), 'MVCC_COMPACTED');
    expect(executeRange(model, rangeRequest('a', '', { revision: 3 })).count).toBe(1);
  });

  test('a limit cuts, sets more, and leaves the count alone', () => {
    const model = store();
    const cut = executeRange(model, rangeRequest('a', '\0', { limit: 2 }));
    expect(keysOf(cut.kvs)).toEqual(['a', 'b']);
    expect(cut).toMatchObject({ more: true, count: 3 });
    expect(executeRange(model, rangeRequest('a', '\0', { limit: 3 }))).toMatchObject({
      more: false,
      count: 3,
    });
    expect(executeRange(model, rangeRequest('a', '\0', { limit: -1 }))).toMatchObject({
      more: false,
      count: 3,
    });
  });

  test.each([
    [sortTargets.key, sortOrders.descend, ['c', 'b', 'a']],
    [sortTargets.version, sortOrders.ascend, ['c', 'b', 'a']],
    [sortTargets.version, sortOrders.none, ['c', 'b', 'a']],
    [sortTargets.create, sortOrders.descend, ['c', 'b', 'a']],
    [sortTargets.mod, sortOrders.ascend, ['c', 'b', 'a']],
    [sortTargets.mod, sortOrders.descend, ['a', 'b', 'c']],
    [sortTargets.value, sortOrders.ascend, ['c', 'b', 'a']],
    [sortTargets.value, sortOrders.descend, ['a', 'b', 'c']],
  ])('sorts by target %i in order %i', (sortTarget, sortOrder, keys) => {
    expect(keysOf(executeRange(store(), rangeRequest('a', '\0', { sortTarget, sortOrder })).kvs)).toEqual(
      keys,
    );
  });

  test('equals stay in key order in both directions', () => {
    const model = new ModelStore();
    fill(
      model,
      Array.from({ length: 40 }, (_, i) => [`k${String(i).padStart(2, '0')}`, 'same'] as const),
    );
    const ascending = rangeRequest('k', 'l', { sortTarget: sortTargets.value, sortOrder: sortOrders.ascend });
    const descending = { ...ascending, sortOrder: sortOrders.descend };
    const inOrder = keysOf(executeRange(model, rangeRequest('k', 'l')).kvs);
    expect(keysOf(executeRange(model, ascending).kvs)).toEqual(inOrder);
    expect(keysOf(executeRange(model, descending).kvs)).toEqual(inOrder);
  });

  test('an explicit order sorts everything before the limit cuts', () => {
    const request = rangeRequest('a', '\0', {
      limit: 1,
      sortTarget: sortTargets.version,
      sortOrder: sortOrders.ascend,
    });
    expect(keysOf(executeRange(store(), request).kvs)).toEqual(['c']);
  });

  test('a sort target without an order sorts only the first limit + 1 keys, as in etcd', () => {
    const request = rangeRequest('a', '\0', { limit: 1, sortTarget: sortTargets.version });
    expect(keysOf(executeRange(store(), request).kvs)).toEqual(['b']);
  });

  test('revision filters are inclusive, come before the limit and leave the count alone', () => {
    const model = store();
    const keys = (fields: Parameters<typeof rangeRequest>[2]): unknown[] =>
      keysOf(executeRange(model, rangeRequest('a', '\0', fields)).kvs);
    expect(keys({ minModRevision: 6 })).toEqual(['a', 'b']);
    expect(keys({ maxModRevision: 6 })).toEqual(['b', 'c']);
    expect(keys({ minCreateRevision: 3 })).toEqual(['b', 'c']);
    expect(keys({ maxCreateRevision: 3 })).toEqual(['a', 'b']);
    expect(keys({ minModRevision: -1, maxCreateRevision: -1 })).toEqual([]);
    const limited = executeRange(model, rangeRequest('a', '\0', { minCreateRevision: 3, limit: 1 }));
    expect(keysOf(limited.kvs)).toEqual(['b']);
    expect(limited).toMatchObject({ more: true, count: 3 });
  });

  test('keys_only empties the value and keeps the lease', () => {
    const model = store();
    putNow(model, putRequest('b', 'new', { lease: 5n }));
    const answer = executeRange(model, rangeRequest('a', '\0', { keysOnly: true, limit: 2 }));
    expect(answer.kvs.map(readable)).toMatchObject([
      { key: 'a', value: '', version: 3, lease: 0n },
      { key: 'b', value: '', version: 3, lease: 5n },
    ]);
    expect(answer.more).toBe(true);
  });

  test('keys_only still sorts by value', () => {
    const request = rangeRequest('a', '\0', {
      keysOnly: true,
      sortTarget: sortTargets.value,
      sortOrder: sortOrders.ascend,
    });
    expect(keysOf(executeRange(store(), request).kvs)).toEqual(['c', 'b', 'a']);
  });

  test('count_only has a count and nothing else', () => {
    expect(executeRange(store(), rangeRequest('a', '\0', { countOnly: true, limit: 1 }))).toMatchObject({
      kvs: [],
      count: 3,
      more: false,
    });
  });
});
