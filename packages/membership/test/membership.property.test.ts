import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addMemberChange,
  Membership,
  MembershipError,
  promoteMemberChange,
  removeMemberChange,
  updateMemberChange,
  type MemberChange,
} from '../src/index.ts';
import { ChangeList } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';

type Step =
  | { readonly kind: 'change'; readonly change: MemberChange }
  | { readonly kind: 'attributes'; readonly id: bigint; readonly name: string }
  | { readonly kind: 'version'; readonly minor: number }
  | { readonly kind: 'downgrade'; readonly isEnabled: boolean };

// Few IDs and few URLs, so that changes meet.
const id = fc.bigInt({ min: 1n, max: 5n });
const peerUrls = fc.uniqueArray(
  fc.nat(7).map((port) => `http://m:${port}`),
  { minLength: 1, maxLength: 2 },
);
const change: fc.Arbitrary<MemberChange> = fc.oneof(
  fc.record({ id, peerUrls, isLearner: fc.boolean() }).map(addMemberChange),
  fc.record({ id, peerUrls }).map(updateMemberChange),
  id.map(promoteMemberChange),
  id.map(removeMemberChange),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('change' as const), change }) },
  fc.record({ kind: fc.constant('attributes' as const), id, name: fc.constantFrom('', 'a', 'b') }),
  fc.record({ kind: fc.constant('version' as const), minor: fc.nat(9) }),
  fc.record({ kind: fc.constant('downgrade' as const), isEnabled: fc.boolean() }),
);

function take(membership: Membership, one: Step, changes: ChangeList): void {
  switch (one.kind) {
    case 'change':
      try {
        membership.validate(one.change, { learnerCountMax: 2 });
      } catch (error) {
        if (error instanceof MembershipError) return;
        throw error;
      }
      membership.apply(one.change, changes);
      break;
    case 'attributes':
      membership.setAttributes(one.id, { name: one.name, clientUrls: [] }, changes);
      break;
    case 'version':
      membership.setClusterVersion(`3.${one.minor}.0`, changes);
      break;
    case 'downgrade':
      membership.setDowngrade({ targetVersion: '3.4.0', isEnabled: one.isEnabled }, changes);
      break;
  }
}

function everything(membership: Membership): unknown {
  return {
    members: membership.list(),
    removed: membership.removedIds(),
    version: membership.clusterVersion,
    downgrade: membership.downgrade,
  };
}

const empty = { members: [], members_removed: [], cluster: [] };

test('what was written down restores the same membership after any steps', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const membership = Membership.restore(empty);
      const backend = new MemoryBackend();
      for (const one of steps) {
        const changes = new ChangeList();
        take(membership, one, changes);
        await backend.write(changes.changes);
        membership.checkInvariants();
      }
      expect(everything(await Membership.load(backend))).toEqual(everything(membership));
    }),
  );
});

test('members never share a URL or come back, and there are never too many learners', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const membership = Membership.restore(empty);
      const removed = new Set<bigint>();
      for (const one of steps) {
        take(membership, one, new ChangeList());
        for (const gone of membership.removedIds()) removed.add(gone);
        const urls = membership.list().flatMap((member) => member.peerUrls);
        expect(new Set(urls).size).toBe(urls.length);
        expect(membership.learners().length).toBeLessThanOrEqual(2);
        expect(membership.list().some((member) => removed.has(member.id))).toBe(false);
      }
      expect([...removed].sort()).toEqual(membership.removedIds());
    }),
  );
});
