import {
  Etcd3,
  EtcdLeaseInvalidError,
  EtcdLockFailedError,
  STMConflictError,
  type IKeyValue,
  type Watcher,
} from 'etcd3';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { describeOnEachServer } from '../src/etcd3/each-server.ts';

describeOnEachServer('watches, leases and recipes of the npm package etcd3', (server) => {
  let client: Etcd3;
  let other: Etcd3;
  beforeAll(() => {
    client = new Etcd3({ hosts: server.endpoint });
    other = new Etcd3({ hosts: server.endpoint });
  });
  beforeEach(() => client.delete().all().exec());
  afterAll(() => [client, other].forEach((each) => each.close()));

  describe('watches', () => {
    test('tell of puts and deletions, with what was there before, in order', async () => {
      const watcher = await client.watch().prefix('w/').withPreviousKV().create();
      const heard = record(watcher);
      await other.put('w/a').value('1');
      await other.put('elsewhere').value('1');
      await other.put('w/a').value('2');
      await other
        .if('w/a', 'Version', '==', 2)
        .then(other.put('w/b').value('3'), other.delete().key('w/a'))
        .commit();
      expect(await heard.untilCount(4)).toEqual([
        'put w/a=1, before nothing',
        'put w/a=2, before 1',
        'put w/b=3, before nothing',
        'delete w/a=, before 2',
      ]);
      await watcher.cancel();
      await other.put('w/a').value('after the end');
      expect(heard.events.length).toBe(4);
    });

    test('begin at a revision of the past, and are refused behind a compaction', async () => {
      const { header } = await client.put('a').value('1');
      await client.put('a').value('2');
      const revision = Number(header.revision);
      const watcher = await client.watch().key('a').startRevision(header.revision).create();
      expect(await record(watcher).untilCount(2)).toEqual([
        'put a=1, before nothing',
        'put a=2, before nothing',
      ]);
      await watcher.cancel();
      await client.kv.compact({ revision: revision + 1 });
      const late = client.watch().key('a').startRevision(header.revision).watcher();
      const refusal = await new Promise((resolve) => late.on('error', resolve));
      expect(refusal).toMatchObject({ message: 'Watcher canceled: ' });
    });

    test('of one kind of event, of many keys on one stream, each hear their own', async () => {
      const puts = await client.watch().key('a').only('put').create();
      const deletions = await client.watch().key('a').only('delete').create();
      const spaced = await client.namespace('a/').watch().prefix('').create();
      const [heardPuts, heardDeletions, heardSpaced] = [record(puts), record(deletions), record(spaced)];
      await other.put('a').value('1');
      await other.delete().key('a');
      await other.put('a').value('2');
      await other.put('a/b').value('3');
      expect(await heardPuts.untilCount(2)).toEqual(['put a=1, before nothing', 'put a=2, before nothing']);
      expect(await heardDeletions.untilCount(1)).toEqual(['delete a=, before nothing']);
      expect(await heardSpaced.untilCount(1)).toEqual(['put b=3, before nothing']);
      await Promise.all([puts, deletions, spaced].map((each) => each.cancel()));
    });

    test('go on after the member was away, with what they have missed', async () => {
      const watcher = await client.watch().key('a').create();
      const heard = record(watcher);
      await client.put('a').value('before');
      await heard.untilCount(1);
      const gone = once(watcher, 'disconnected');
      const back = once(watcher, 'connected');
      await server.restart(async () => {
        await gone;
      });
      const writer = new Etcd3({ hosts: server.endpoint });
      await writer.put('a').value('maybe before it is back');
      await back;
      await writer.put('a').value('surely after');
      writer.close();
      expect(await heard.untilCount(3)).toEqual([
        'put a=before, before nothing',
        'put a=maybe before it is back, before nothing',
        'put a=surely after, before nothing',
      ]);
      await watcher.cancel();
    });
  });

  describe('leases', () => {
    test('are kept alive, and their keys end with them', async () => {
      const lease = client.lease(60, { autoKeepAlive: true });
      const renewed = once(lease, 'keepaliveSucceeded');
      await lease.put('a').value('1');
      expect((await renewed)[0]).toMatchObject({ ID: await lease.grant(), TTL: '60' });
      expect((await lease.keepaliveOnce()).TTL).toBe('60');
      const left = await client.leaseClient.leaseTimeToLive({ ID: await lease.grant(), keys: true });
      expect([left.grantedTTL, left.keys.map(String)]).toEqual(['60', ['a']]);
      const watcher = await other.watch().key('a').create();
      const heard = record(watcher);
      await lease.revoke();
      expect(await heard.untilCount(1)).toEqual(['delete a=, before nothing']);
      expect([lease.revoked(), await client.get('a')]).toEqual([true, null]);
      await watcher.cancel();
    });

    test('that somebody else has revoked say that they are lost', async () => {
      const lease = client.lease(60, { autoKeepAlive: false });
      const lost = once(lease, 'lost');
      await other.leaseClient.leaseRevoke({ ID: await lease.grant() });
      await expect(lease.keepaliveOnce()).rejects.toBeInstanceOf(EtcdLeaseInvalidError);
      expect((await lost)[0]).toBeInstanceOf(EtcdLeaseInvalidError);

      const unkept = client.lease(60);
      await other.leaseClient.leaseRevoke({ ID: await unkept.grant() });
      await expect(unkept.put('a').value('1').exec()).rejects.toBeInstanceOf(EtcdLeaseInvalidError);
      expect(unkept.revoked()).toBe(true);
    });

    test('that nobody keeps alive end by themselves', async () => {
      const watcher = await other.watch().key('a').create();
      const heard = record(watcher);
      const lease = client.lease(1, { autoKeepAlive: false });
      await lease.put('a').value('1');
      expect(await heard.untilCount(2)).toEqual(['put a=1, before nothing', 'delete a=, before nothing']);
      await watcher.cancel();
    });
  });

  describe('locks', () => {
    test('are one holder’s alone until he gives them back', async () => {
      const held = await client.lock('l').ttl(60).acquire();
      await expect(other.lock('l').acquire()).rejects.toBeInstanceOf(EtcdLockFailedError);
      const { kvs } = await client.get('l').exec();
      expect(kvs[0]?.lease).toBe(await held.leaseId());
      await held.release();
      expect(await other.lock('l').do(() => 'mine now')).toBe('mine now');
      await expect(other.lock('l').do(() => Promise.reject(new Error('of the work')))).rejects.toThrow(
        'of the work',
      );
      expect(await client.get('l').exists()).toBe(false);
    });

    test('a crowd that tries again and again never works side by side', async () => {
      let inside = 0;
      const work = async (): Promise<void> => {
        for (;;) {
          try {
            return await client.lock('crowd').do(async () => {
              expect(++inside).toBe(1);
              await client.put('turns').value(((await client.get('turns').number()) ?? 0) + 1);
              inside--;
            });
          } catch (error) {
            if (!(error instanceof EtcdLockFailedError)) throw error;
          }
        }
      };
      await Promise.all(Array.from({ length: 5 }, work));
      expect(await client.get('turns').number()).toBe(5);
    });
  });

  test('elections: one leads, is seen to, proclaims, resigns, and the next one leads', async () => {
    const election = client.election('boss', 60);
    const first = election.campaign('ann');
    await first.wait();
    expect(await election.leader()).toBe('ann');
    const observer = await other.election('boss', 60).observe();
    expect(observer.leader()).toBe('ann');
    const second = other.election('boss', 60).campaign('bob');
    const elected = second.wait();
    await once(second, '_isWaiting');

    const proclaimed = once(observer, 'change');
    await first.proclaim('ann, married');
    expect(await proclaimed).toEqual(['ann, married']);
    const next = once(observer, 'change');
    await first.resign();
    await elected;
    expect(await next).toEqual(['bob']);
    expect(await election.leader()).toBe('bob');
    await expect(first.proclaim('again')).rejects.toThrow();
    await observer.cancel();
    await second.resign();
    expect(await election.leader()).toBeUndefined();
  });

  describe('software transactional memory', () => {
    /** `const enum Isolation` of the package, which has no object to be imported. */
    const isolations = { 'serializable snapshot': 0, serializable: 1, 'repeatable reads': 2 } as const;

    test.each(Object.entries(isolations))('%s: what conflicts is done again', async (_, isolation) => {
      await client.put('sum').value(0);
      const add = (by: Etcd3): Promise<void> =>
        by.stm({ isolation, retries: 100 }).transact(async (tx) => {
          const before = (await tx.get('sum').number()) ?? 0;
          await tx.put('sum').value(before + 1);
        });
      await Promise.all(Array.from({ length: 10 }, (_each, i) => add(i % 2 === 0 ? client : other)));
      expect(await client.get('sum').number()).toBe(10);
    });

    test('read committed: the last one wins; with no tries left, a conflict is an error', async () => {
      await client.put('sum').value(0);
      const conflicting = (isolation: 0 | 3): Promise<string> =>
        client.stm({ isolation, retries: 0 }).transact(async (tx) => {
          const read = await tx.get('sum').string();
          await other.put('sum').value('in between');
          await tx.put('sum').value('from within');
          return read ?? '';
        });
      expect(await conflicting(3)).toBe('0');
      expect(await client.get('sum')).toBe('from within');
      await expect(conflicting(0)).rejects.toBeInstanceOf(STMConflictError);
      expect(await client.get('sum')).toBe('in between');
    });

    test('moves are whole, see their own writes, and delete', async () => {
      await client.put('from').value(100);
      const left = await client.stm({ prefetch: ['from', 'to'] }).transact(async (tx) => {
        const balance = (await tx.get('from').number()) ?? 0;
        await tx.put('to').value(balance);
        await tx.delete().key('from');
        return [await tx.get('to').number(), await tx.get('from').string()];
      });
      expect([left, await client.getAll().strings()]).toEqual([[100, null], { to: '100' }]);
    });
  });
});

/** What a watcher hears, as lines. */
function record(watcher: Watcher): {
  readonly events: string[];
  untilCount(count: number): Promise<string[]>;
} {
  const events: string[] = [];
  const tell = (type: string) => (kv: IKeyValue, previous?: IKeyValue) => {
    events.push(
      `${type} ${kv.key.toString()}=${kv.value.toString()}, before ${previous?.value.toString() ?? 'nothing'}`,
    );
    watcher.emit('recorded');
  };
  watcher.on('put', tell('put'));
  watcher.on('delete', tell('delete'));
  return {
    events,
    untilCount: async (count) => {
      while (events.length < count) await once(watcher, 'recorded');
      return events.slice();
    },
  };
}
