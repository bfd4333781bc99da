import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  bootstrapEntries,
  decodeConfState,
  decodeMember,
  encodeConfState,
  encodeMember,
  encodePromotion,
  MemberJsonError,
  type Member,
} from '../src/index.ts';
import { concatBytes, fromHex, fromUtf8, toHex, toUtf8 } from '@quorate/std';

const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const text = fc.string({ unit: 'binary' }).map((value) => value.toWellFormed());
const member: fc.Arbitrary<Member> = fc.record({
  id,
  peerUrls: fc.array(text),
  isLearner: fc.boolean(),
  name: text,
  clientUrls: fc.array(text),
});

// These rows, contexts and entries were written by a real etcd 3.5.
const row =
  '{"id":10221683743416816908,"peerURLs":["http://127.0.0.1:31380"],"name":"inf\\u0026ra",' +
  '"clientURLs":["http://127.0.0.1:31379"]}';
const infra: Member = {
  id: 10221683743416816908n,
  peerUrls: ['http://127.0.0.1:31380'],
  isLearner: false,
  name: 'inf&ra',
  clientUrls: ['http://127.0.0.1:31379'],
};

test('a member is written as etcd writes it: a bare number of 64 bits, markup escaped, empty fields left out', () => {
  expect(toUtf8(encodeMember(infra))).toBe(row);
  expect(decodeMember(fromUtf8(row))).toEqual({ ...infra, isPromote: false });
});

test('a learner without a name is written as etcd writes it', () => {
  const learner =
    '{"id":2716164607530117318,"peerURLs":["http://127.0.0.1:41380","http://127.0.0.1:41381"],"isLearner":true}';
  expect(toUtf8(encodeMember(decodeMember(fromUtf8(learner))))).toBe(learner);
});

test('a promotion names the member and nothing else', () => {
  expect(toUtf8(encodePromotion(7n))).toBe('{"id":7,"peerURLs":null,"isPromote":true}');
  expect(decodeMember(encodePromotion(7n))).toMatchObject({ id: 7n, peerUrls: [], isPromote: true });
});

test('any member is read back', () => {
  fc.assert(
    fc.property(member, (one) => {
      expect(decodeMember(encodeMember(one))).toEqual({ ...one, isPromote: false });
    }),
  );
});

test('the JSON of a member has no control characters and no markup, and JSON.parse reads it', () => {
  fc.assert(
    fc.property(member, (one) => {
      const json = toUtf8(encodeMember(one));
      expect([...json].filter((char) => char < ' ' || '<>&\u2028\u2029'.includes(char))).toEqual([]);
      expect(JSON.parse(json)).toMatchObject({ id: Number(one.id) });
    }),
  );
});

test('the entries of a new cluster have the bytes that etcd writes', () => {
  const [entry, ...others] = bootstrapEntries([
    { id: infra.id, name: 'inf&ra', peerUrls: ['http://127.0.0.1:31380'] },
  ]);
  expect(others).toEqual([]);
  expect(entry).toMatchObject({ term: 1, index: 1, type: 1 });
  const context = '{"id":10221683743416816908,"peerURLs":["http://127.0.0.1:31380"],"name":"inf\\u0026ra"}';
  const bytes = concatBytes([fromHex('08001000188caafaa5d3e6aded8d012256'), fromUtf8(context)]);
  expect(toHex(entry!.data)).toBe(toHex(bytes));
});

test('the entries of a new cluster are in the order of IDs, however the members are named', () => {
  const members = [9n, 2n ** 63n, 1n].map((one) => ({
    id: one,
    name: `m${one}`,
    peerUrls: [`http://m${one}:1`],
  }));
  const entries = bootstrapEntries(members);
  expect(entries.map(({ index, term }) => [index, term])).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
  ]);
  const named = entries.map(({ data }) => /"name":"(\w+)"/.exec(toUtf8(data))?.[1]);
  expect(named).toEqual(['m1', 'm9', 'm9223372036854775808']);
});

test('a ConfState is written as etcd writes it', () => {
  const state = {
    voters: [10221683743416816908n],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  expect(toUtf8(encodeConfState(state))).toBe('{"voters":[10221683743416816908],"auto_leave":false}');
});

test('any ConfState is read back', () => {
  const ids = fc.array(id);
  const confState = fc.record({
    voters: ids,
    learners: ids,
    votersOutgoing: ids,
    learnersNext: ids,
    autoLeave: fc.boolean(),
  });
  fc.assert(
    fc.property(confState, (state) => {
      expect(decodeConfState(encodeConfState(state))).toEqual(state);
    }),
  );
});

test.each([
  '',
  '{',
  '[]',
  'null',
  '7',
  '{"id":-1}',
  '{"id":1.5}',
  '{"id":18446744073709551616}',
  '{"id":"1"}',
])('a member of %j is refused', (json) => {
  expect(() => decodeMember(fromUtf8(json))).toThrow(MemberJsonError);
});

test.each(['{"peerURLs":7}', '{"peerURLs":[7]}', '{"name":7}', '{"isLearner":"yes"}'])(
  'a member with a field of another kind, %j, is refused',
  (json) => {
    expect(() => decodeMember(fromUtf8(json))).toThrow(MemberJsonError);
  },
);
