import { describe, expect, test } from 'vitest';
import {
  addMemberChange,
  Membership,
  promoteMemberChange,
  removeMemberChange,
  updateMemberChange,
  type MemberChange,
  type MembershipEvent,
} from '../src/index.ts';
import { ChangeList, fromUtf8, toUtf8 } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';

/** A membership with its store, changed as a member does it: check, apply, write. */
class Subject {
  readonly membership = Membership.restore({ members: [], members_removed: [], cluster: [] });
  readonly backend = new MemoryBackend();

  async change(change: MemberChange): Promise<MembershipEvent> {
    this.membership.validate(change);
    const changes = new ChangeList();
    const event = this.membership.apply(change, changes);
    await this.backend.write(changes.changes);
    this.membership.checkInvariants();
    return event;
  }

  async write(act: (changes: ChangeList) => void): Promise<void> {
    const changes = new ChangeList();
    act(changes);
    await this.backend.write(changes.changes);
  }

  async rows(bucket: 'members' | 'members_removed' | 'cluster'): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for await (const rows of this.backend.scan(bucket)) {
      for (const [key, value] of rows) found[toUtf8(key)] = toUtf8(value);
    }
    return found;
  }
}

const voter = (id: bigint, ...peerUrls: string[]): MemberChange =>
  addMemberChange({ id, peerUrls: peerUrls.length > 0 ? peerUrls : [`http://m${id}:1`], isLearner: false });
const learner = (id: bigint): MemberChange =>
  addMemberChange({ id, peerUrls: [`http://m${id}:1`], isLearner: true });

async function withMembers(...changes: MemberChange[]): Promise<Subject> {
  const subject = new Subject();
  for (const change of changes) await subject.change(change);
  return subject;
}

describe('a change', () => {
  test('adds a voter, which has no name until it publishes one', async () => {
    const subject = await withMembers();
    const event = await subject.change(voter(0xabcn));
    expect(event).toEqual({ kind: 'added', member: subject.membership.get(0xabcn) });
    expect(subject.membership.voters()).toEqual([
      { id: 0xabcn, peerUrls: ['http://m2748:1'], isLearner: false, name: '', clientUrls: [] },
    ]);
    expect(await subject.rows('members')).toEqual({ abc: '{"id":2748,"peerURLs":["http://m2748:1"]}' });
  });

  test('adds a learner and promotes it', async () => {
    const subject = await withMembers(voter(1n), learner(2n));
    expect(subject.membership.learners().map(({ id }) => id)).toEqual([2n]);
    expect(await subject.change(promoteMemberChange(2n))).toMatchObject({
      kind: 'promoted',
      member: { id: 2n, peerUrls: ['http://m2:1'], isLearner: false },
    });
    expect(subject.membership.learners()).toEqual([]);
    expect((await subject.rows('members'))['2']).toBe('{"id":2,"peerURLs":["http://m2:1"]}');
  });

  test('gives a member other URLs and leaves it the learner that it is', async () => {
    const subject = await withMembers(voter(1n), learner(2n));
    await subject.write((changes) =>
      subject.membership.setAttributes(2n, { name: 'two', clientUrls: ['http://c:1'] }, changes),
    );
    const event = await subject.change(updateMemberChange({ id: 2n, peerUrls: ['http://new:1'] }));
    expect(event).toEqual({
      kind: 'updated',
      member: {
        id: 2n,
        peerUrls: ['http://new:1'],
        isLearner: true,
        name: 'two',
        clientUrls: ['http://c:1'],
      },
    });
  });

  test('removes a member for good and records that', async () => {
    const subject = await withMembers(voter(1n), voter(0x2fn));
    expect(await subject.change(removeMemberChange(0x2fn))).toMatchObject({
      kind: 'removed',
      member: { id: 0x2fn },
    });
    expect(subject.membership.isRemoved(0x2fn)).toBe(true);
    expect(subject.membership.removedIds()).toEqual([0x2fn]);
    expect(await subject.rows('members')).toEqual({ '1': '{"id":1,"peerURLs":["http://m1:1"]}' });
    expect(await subject.rows('members_removed')).toEqual({ '2f': 'removed' });
  });

  test('that was refused changes nothing', async () => {
    const subject = await withMembers(voter(1n));
    const before = subject.membership.list();
    await expect(subject.change(voter(1n))).rejects.toThrow();
    expect(subject.membership.list()).toEqual(before);
  });
});

describe('a change is refused', () => {
  const cases: [name: string, code: string, change: MemberChange][] = [
    ['when it adds a member that is there', 'MEMBER_EXISTS', voter(1n, 'http://other:1')],
    ['when it adds a member a second time, whose URLs are then known', 'PEER_URL_EXISTS', voter(1n)],
    ['when it adds a URL that a member has', 'PEER_URL_EXISTS', voter(7n, 'http://other:1', 'http://m1:1')],
    ['when it adds one learner too many', 'TOO_MANY_LEARNERS', learner(7n)],
    ['when it adds a member that was removed', 'MEMBER_REMOVED', voter(3n)],
    ['when it removes nobody', 'MEMBER_NOT_FOUND', removeMemberChange(7n)],
    ['when it removes a member that was removed', 'MEMBER_REMOVED', removeMemberChange(3n)],
    ['when it updates nobody', 'MEMBER_NOT_FOUND', updateMemberChange({ id: 7n, peerUrls: ['http://m7:1'] })],
    [
      'when it updates to a URL of another',
      'PEER_URL_EXISTS',
      updateMemberChange({ id: 1n, peerUrls: ['http://m2:1'] }),
    ],
    ['when it promotes nobody', 'MEMBER_NOT_FOUND', promoteMemberChange(7n)],
    ['when it promotes a voter', 'MEMBER_NOT_LEARNER', promoteMemberChange(1n)],
    [
      'when its context is no JSON',
      'BAD_MEMBER_JSON',
      { type: 'addNode', nodeId: 7n, context: fromUtf8('{') },
    ],
  ];

  test.each(cases)('%s', async (_name, code, change) => {
    const subject = await withMembers(voter(1n), learner(2n), voter(3n), removeMemberChange(3n));
    expect(() => subject.membership.validate(change)).toThrow(expect.objectContaining({ code }));
  });

  test('but a member may keep its own URLs in an update', async () => {
    const subject = await withMembers(voter(1n));
    await subject.change(updateMemberChange({ id: 1n, peerUrls: ['http://m1:1', 'http://more:1'] }));
    expect(subject.membership.get(1n)?.peerUrls).toEqual(['http://m1:1', 'http://more:1']);
  });

  test('and the number of learners is a setting', async () => {
    const subject = await withMembers(voter(1n), learner(2n));
    expect(() => subject.membership.validate(learner(3n), { learnerCountMax: 2 })).not.toThrow();
  });
});

describe('attributes and versions', () => {
  test('a member publishes its name and client URLs', async () => {
    const subject = await withMembers(voter(1n));
    await subject.write((changes) =>
      subject.membership.setAttributes(1n, { name: 'one', clientUrls: ['http://c:1'] }, changes),
    );
    expect(subject.membership.get(1n)).toMatchObject({ name: 'one', clientUrls: ['http://c:1'] });
    expect((await subject.rows('members'))['1']).toBe(
      '{"id":1,"peerURLs":["http://m1:1"],"name":"one","clientURLs":["http://c:1"]}',
    );
  });

  test('what a removed or unknown member publishes changes nothing', async () => {
    const subject = await withMembers(voter(1n), voter(2n), removeMemberChange(2n));
    const changes = new ChangeList();
    for (const id of [2n, 3n]) subject.membership.setAttributes(id, { name: 'x', clientUrls: [] }, changes);
    expect(changes.changes).toEqual([]);
    expect(subject.membership.list().map(({ id }) => id)).toEqual([1n]);
  });

  test('the cluster version and a downgrade are written as etcd writes them', async () => {
    const subject = await withMembers();
    const { membership } = subject;
    expect(membership.clusterVersion).toBeUndefined();
    expect(membership.downgrade).toEqual({ targetVersion: '', isEnabled: false });
    await subject.write((changes) => {
      membership.setClusterVersion('3.6.0', changes);
      membership.setDowngrade({ targetVersion: '3.5.0', isEnabled: true }, changes);
    });
    expect(await subject.rows('cluster')).toEqual({
      clusterVersion: '3.6.0',
      downgrade: '{"target-version":"3.5.0","enabled":true}',
    });
    await subject.write((changes) =>
      membership.setDowngrade({ targetVersion: '3.5.0', isEnabled: false }, changes),
    );
    expect((await subject.rows('cluster'))['downgrade']).toBe('{"target-version":"","enabled":false}');
  });

  test('a cluster version that is none is a bug', () => {
    const { membership } = new Subject();
    expect(() => membership.setClusterVersion('3.6', new ChangeList())).toThrow('three parts');
  });
});

test('a listing is in the order of unsigned IDs', async () => {
  const subject = await withMembers(voter(2n ** 63n + 1n), voter(9n), voter(10n));
  expect(subject.membership.list().map(({ id }) => id)).toEqual([9n, 10n, 2n ** 63n + 1n]);
});

test('a store that names a member both as such and as removed is refused', () => {
  const members = [[fromUtf8('1'), fromUtf8('{"id":1,"peerURLs":["http://m1:1"]}')]] as const;
  const removed = [[fromUtf8('1'), fromUtf8('removed')]] as const;
  expect(() => Membership.restore({ members, members_removed: removed, cluster: [] })).toThrow('not removed');
});
