import { fromUtf8, keyRange } from '@quorate/std';
import { expect, test } from 'vitest';
import { prefixRange, RangeCache } from '../src/range-cache.ts';

const one = (key: string) => keyRange(fromUtf8(key), new Uint8Array(0));
const span = (key: string, end: string) => keyRange(fromUtf8(key), fromUtf8(end));
const answer = { response: fromUtf8('answer'), revision: 7n, atRevision: 0n };

function newCache() {
  const counts = { hits: 0, misses: 0, nowMs: 0 };
  const observer = { onHit: () => counts.hits++, onMiss: () => counts.misses++ };
  const cache = new RangeCache({ ttlMs: 1_000, now: () => counts.nowMs, observer });
  const keep = (key: string, range = one(key), atRevision = 0n): void =>
    cache.add(key, cache.begin(range), { ...answer, atRevision });
  return { cache, counts, keep };
}

test('an answer is given again, to the same question only', () => {
  const { cache, counts, keep } = newCache();
  keep('a');
  expect(cache.get('a')?.response).toEqual(answer.response);
  expect(cache.get('b')).toBeUndefined();
  expect(counts).toMatchObject({ hits: 1, misses: 1 });
});

test('a write removes what it touches, and nothing else', () => {
  const { cache, keep } = newCache();
  keep('a');
  keep('b');
  keep('a to c', span('a', 'c'));
  keep('c on', span('c', '\0'));
  cache.invalidate([one('b')]);
  expect(cache.get('a')).toBeDefined();
  expect(cache.get('b')).toBeUndefined();
  expect(cache.get('a to c')).toBeUndefined();
  expect(cache.get('c on')).toBeDefined();
  cache.invalidate([span('x', 'z')]);
  expect(cache.get('c on')).toBeUndefined();
});

test('an answer that a write has overtaken is not kept', () => {
  const { cache } = newCache();
  const read = cache.begin(one('a'));
  cache.invalidate([one('a')]);
  cache.add('a', read, answer);
  expect(cache.get('a')).toBeUndefined();
});

test('an answer is not given when it has become too old', () => {
  const { cache, counts, keep } = newCache();
  counts.nowMs = 5;
  keep('a');
  counts.nowMs = 1_004;
  expect(cache.get('a')).toBeDefined();
  counts.nowMs = 1_006;
  expect(cache.get('a')).toBeUndefined();
});

test('compaction removes what was read before it', () => {
  const { cache, keep } = newCache();
  keep('old', one('a'), 3n);
  keep('newer', one('a'), 5n);
  keep('now', one('a'));
  cache.compact(5n);
  expect([cache.get('old'), cache.get('newer')?.revision, cache.get('now')?.revision]).toEqual([
    undefined,
    7n,
    7n,
  ]);
});

test('no more than 2048 answers are kept, and none that is huge', () => {
  const { cache, keep } = newCache();
  for (let i = 0; i < 3_000; i++) keep(`${i}`);
  expect(cache.size).toBe(2_048);
  cache.clear();
  expect(cache.size).toBe(0);
  cache.add('huge', cache.begin(one('h')), { ...answer, response: new Uint8Array(5 * 1024 * 1024) });
  expect(cache.size).toBe(0);
});

test('a name stands for all keys that begin with it', () => {
  const { cache, keep } = newCache();
  keep('lock/1');
  keep('lockx');
  keep('loc');
  cache.invalidate([prefixRange(fromUtf8('lock'))]);
  expect([cache.get('lock/1'), cache.get('lockx')]).toEqual([undefined, undefined]);
  expect(cache.get('loc')).toBeDefined();
});
