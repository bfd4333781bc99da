import { SeededRandom } from '@quorate/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newTokenPrefix, simpleTokenIndex, simpleTokenOf, SimpleTokens, type User } from '../src/index.ts';

const alice: User = { kind: 'user', name: 'alice', provenAt: 3 };
const bob: User = { kind: 'user', name: 'bob', provenAt: 4 };

test('a token stands for its user until it was unused for its time to live', () => {
  const tokens = new SimpleTokens({ ttlMs: 100 });
  tokens.assign('a', alice, 0);
  expect(tokens.identify('a', 99)).toBe(alice);
  expect(tokens.identify('a', 198)).toBe(alice);
  expect(tokens.identify('a', 298)).toBeUndefined();
  expect(tokens.count).toBe(0);
});

test('nobody is known by a token that was never assigned', () => {
  const tokens = new SimpleTokens({ ttlMs: 100 });
  for (const token of ['', '__proto__', 'constructor', 'a.1'])
    expect(tokens.identify(token, 0)).toBeUndefined();
});

test('one more than fit ends the one that was not used for longest', () => {
  const tokens = new SimpleTokens({ ttlMs: 100, countMax: 2 });
  tokens.assign('a', alice, 0);
  tokens.assign('b', bob, 1);
  expect(tokens.identify('a', 2)).toBe(alice);
  tokens.assign('c', bob, 3);
  expect(tokens.identify('b', 4)).toBeUndefined();
  expect(tokens.identify('a', 4)).toBe(alice);
  expect(tokens.identify('c', 4)).toBe(bob);
});

test('a login makes room by what has ended, without a sweep', () => {
  const tokens = new SimpleTokens({ ttlMs: 100 });
  for (let i = 0; i < 1000; i++) tokens.assign(`t${i}`, alice, i * 10);
  expect(tokens.count).toBe(10);
});

test('clearing ends all', () => {
  const tokens = new SimpleTokens({ ttlMs: 100 });
  tokens.assign('a', alice, 0);
  tokens.clear();
  expect(tokens.identify('a', 0)).toBeUndefined();
});

test('tokens do what a list of tokens and their last uses does', () => {
  const step = fc.record({
    kind: fc.constantFrom('assign', 'identify', 'sweep'),
    token: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    passMs: fc.nat(40),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, countMax) => {
      const tokens = new SimpleTokens({ ttlMs: 100, countMax });
      let list: { token: string; user: User; usedAtMs: number }[] = [];
      let nowMs = 0;
      for (const { kind, token, passMs } of steps) {
        nowMs += passMs;
        list = list.filter(({ usedAtMs }) => nowMs < usedAtMs + 100);
        const found = list.find((one) => one.token === token);
        if (kind === 'assign') {
          const user: User = { kind: 'user', name: token, provenAt: nowMs };
          list = [...list.filter((one) => one !== found), { token, user, usedAtMs: nowMs }].slice(-countMax);
          tokens.assign(token, user, nowMs);
        } else if (kind === 'identify') {
          if (found !== undefined) {
            list = [...list.filter((one) => one !== found), { ...found, usedAtMs: nowMs }];
          }
          expect(tokens.identify(token, nowMs)).toEqual(found?.user);
        } else {
          tokens.sweep(nowMs);
          expect(tokens.count).toBe(list.length);
        }
        expect(tokens.count).toBeLessThanOrEqual(countMax);
      }
    }),
  );
});

test('a new prefix is 16 letters, other ones each time', () => {
  const random = new SeededRandom(1);
  const prefixes = Array.from({ length: 200 }, () => newTokenPrefix(random));
  for (const prefix of prefixes) expect(prefix).toMatch(/^[a-zA-Z]{16}$/);
  expect(new Set(prefixes).size).toBe(200);
  expect(new Set(prefixes.join('')).size).toBe(52);
});

test('a token names the entry before that of its login, as with etcd, where each member makes it by itself', () => {
  expect(simpleTokenOf('abcdefghijKLMNOP', 43)).toBe('abcdefghijKLMNOP.42');
});

test('a token tells the index from which on it can be known', () => {
  expect(simpleTokenIndex('abcdefghijKLMNOP.42')).toBe(43);
  expect(simpleTokenIndex(simpleTokenOf('abcdefghijKLMNOP', 7))).toBe(7);
  expect(simpleTokenIndex('abcdefghijKLMNOP.9007199254740990')).toBe(Number.MAX_SAFE_INTEGER);
});

test.each([
  '',
  'abcdefghijKLMNOP',
  'abcdefghijKLMNOP.',
  'abcdefghijKLMNOP.-1',
  'abcdefghijKLMNOP.1e3',
  'abcdefghijKLMNOP.0x10',
  'abcdefghijKLMNOP. 1',
  'abcdefghijKLMNOP.1\n',
  'abcdefghijKLMNOP.9007199254740991',
  'abcdefghijKLMNOP.9007199254740992',
  'abcdefghijKLMNOP.99999999999999999999',
  'abcdefghijKLMN0P.1',
  'abcdefghijKLMNOPq.1',
  'eyJhbGciOiJub25lIn0.e30.',
  `${'a'.repeat(1 << 20)}.1`,
])('%j is no simple token', (token) => {
  expect(simpleTokenIndex(token)).toBeUndefined();
});
