import { compareBytes } from '@quorate/std';
import { raftRequestField, rpcpb } from '@quorate/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { accessOfDeleteRange, accessOfRange } from '../src/index.ts';
import type { LogRequest } from '../src/testing/index.ts';
import { range, Member } from './harness.ts';

/** Ends of a few bytes out of those where orders go wrong; an end of one zero byte is open, no bytes a single key. */
const bytes = fc.array(fc.constantFrom(0, 0x61, 0x62, 0xff), { maxLength: 2 });
const permissionArb = fc.record({ permType: fc.constantFrom(0, 1, 2), key: bytes, rangeEnd: bytes });
const requestArb = fc.record({ key: bytes, rangeEnd: bytes, isWrite: fc.boolean() });

/** Every key that such ranges can tell apart: their bounds, and what directly follows a single key. */
const universe: readonly number[][] = allKeys(3);

test('what is permitted is the union of all permissions, key by key', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(permissionArb, { maxLength: 6 }),
      fc.array(requestArb, { minLength: 1, maxLength: 30 }),
      async (permissions, requests) => {
        const member = await Member.withUsers({ alice: [] });
        for (const permission of permissions) await member.codeOf(grant(permission));
        const granted = member.store.rolePermissions("alice's").map(({ permType, key, rangeEnd }) => ({
          permType: Number(permType),
          key: [...key],
          rangeEnd: [...rangeEnd],
        }));
        for (const { isWrite, ...asked } of requests) {
          const byBytes = { key: Uint8Array.from(asked.key), rangeEnd: Uint8Array.from(asked.rangeEnd) };
          const access = isWrite
            ? accessOfDeleteRange({ ...byBytes, prevKv: false })
            : accessOfRange({ ...range(''), ...byBytes });
          const usable = granted.filter(({ permType }) => permType === 2 || permType === (isWrite ? 1 : 0));
          const refusal = member.refusal('alice', access);
          // A range without a key in it may be refused by etcd's search, even where its first key is permitted.
          const mayBeEither = keysOf(asked).length === 0 && isPermitted(usable, asked);
          const expected = isPermitted(usable, asked) && !(mayBeEither && refusal !== undefined);
          expect(refusal, JSON.stringify({ asked, granted })).toBe(
            expected ? undefined : 'AUTH_PERMISSION_DENIED',
          );
        }
      },
    ),
    { numRuns: 300 },
  );
});

interface Range {
  readonly permType: number;
  readonly key: readonly number[];
  readonly rangeEnd: readonly number[];
}

function grant({ permType, key, rangeEnd }: Range): LogRequest {
  const perm = { permType, key: Uint8Array.from(key), rangeEnd: Uint8Array.from(rangeEnd) };
  // The generated numbers are those of the enum.
  const message = { name: "alice's", perm: perm as rpcpb.AuthRoleGrantPermissionRequest['perm'] };
  return [
    raftRequestField.authRoleGrantPermission,
    rpcpb.AuthRoleGrantPermissionRequest.encode(message).finish(),
  ];
}

/** The rule, said naively. A range without any key in it is decided as its first key. */
function isPermitted(granted: readonly Range[], asked: Omit<Range, 'permType'>): boolean {
  const inRange = keysOf(asked);
  const keys = inRange.length === 0 ? [asked.key] : inRange;
  return keys.every((key) => granted.some((permission) => holds(permission, key)));
}

function keysOf(asked: Omit<Range, 'permType'>): readonly (readonly number[])[] {
  return universe.filter((key) => holds(asked, key));
}

function holds({ key: start, rangeEnd: end }: Omit<Range, 'permType'>, key: readonly number[]): boolean {
  if (end.length === 0) return same(start, key);
  const isFrom = compare(start, key) <= 0;
  return end.length === 1 && end[0] === 0 ? isFrom : isFrom && compare(key, end) < 0;
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return compare(a, b) === 0;
}

function compare(a: readonly number[], b: readonly number[]): number {
  return compareBytes(Uint8Array.from(a), Uint8Array.from(b));
}

function allKeys(lengthMax: number): number[][] {
  if (lengthMax === 0) return [[]];
  const shorter = allKeys(lengthMax - 1);
  const longest = shorter.filter((key) => key.length === lengthMax - 1);
  return [...shorter, ...longest.flatMap((key) => [0, 0x61, 0x62, 0xff].map((byte) => [...key, byte]))];
}
