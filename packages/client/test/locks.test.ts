import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fromUtf8, toUtf8 } from '@quorate/std';
import { beforeAll, expect, test, vi } from 'vitest';
import { Client, LeaseLostError, op, type Lock } from '../src/index.ts';
import { etcdBinFolder } from '../src/testing/index.ts';
import { describeOnBoth } from './both-servers.ts';

describeOnBoth('locks', (fixture) => {
  let client: Client;
  let endpoint: string;
  beforeAll(() => {
    ({
      client,
      server: { endpoint },
    } = fixture());
  });

  /** Resolves when so many keys are in the queue for a name. */
  async function untilQueued(name: string, size: bigint): Promise<void> {
    await vi.waitFor(async () => expect(await client.count({ prefix: `${name}/` })).toBe(size), {
      timeout: 60_000,
      interval: 10,
    });
  }

  test('one at a time holds a lock, in the order of asking, with growing tokens', async () => {
    await using first = await client.session();
    await using second = await client.session();
    await using third = await client.session();
    const held = await first.lock('order');
    const order: string[] = [];
    const take = async (name: string, asking: Promise<Lock>) => {
      await using lock = await asking;
      order.push(name);
      return lock.fencingToken;
    };
    const asking = [take('second', second.lock('order'))];
    await untilQueued('order', 2n);
    asking.push(take('third', third.lock('order')));
    await untilQueued('order', 3n);
    expect(held.isHeld).toBe(true);
    expect(order).toEqual([]);
    await held.unlock();
    expect(held.isHeld).toBe(false);
    const tokens = [held.fencingToken, ...(await Promise.all(asking))];
    expect(order).toEqual(['second', 'third']);
    expect(tokens).toEqual(tokens.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(await client.count({ prefix: 'order/' })).toBe(0n);
  });

  test('a lock says since which revision it is held, which is later for who had to wait', async () => {
    await using first = await client.session();
    await using second = await client.session();
    const held = await first.lock('since');
    expect(held.heldSinceRevision).toBe(held.fencingToken);
    const waiting = second.lock('since');
    await untilQueued('since', 2n);
    const { header } = await client.put('written meanwhile', '');
    await held.unlock();
    await using next = await waiting;
    expect(next.fencingToken).toBeLessThan(header.revision);
    expect(next.heldSinceRevision).toBe(header.revision + 1n);
  });

  test('a lock has the key that clients in Go give it', async () => {
    await using session = await client.session();
    await using lock = await session.lock('go');
    expect(toUtf8(lock.key)).toBe(`go/${session.leaseId.toString(16)}`);
    const kv = await client.get(lock.key);
    expect(kv).toMatchObject({ lease: session.leaseId, createRevision: lock.fencingToken });
    expect(kv?.value).toHaveLength(0);
  });

  test('two who lock the same name by one session wait for each other', async () => {
    await using session = await client.session();
    const first = await session.lock('same');
    const second = session.lock('same');
    expect(await session.tryLock('same')).toBeUndefined();
    let isGranted = false;
    void second.then(() => (isGranted = true));
    await client.get('any');
    expect(isGranted).toBe(false);
    await first.unlock();
    await using lock = await second;
    expect(lock.isHeld).toBe(true);
    expect(lock.fencingToken).toBeGreaterThan(first.fencingToken);
  });

  test('tryLock takes what is free, and is nowhere seen where it is not', async () => {
    await using first = await client.session();
    await using second = await client.session();
    const lock = await first.tryLock('try');
    expect(lock?.isHeld).toBe(true);
    expect(await second.tryLock('try')).toBeUndefined();
    expect(await client.count({ prefix: 'try/' })).toBe(1n);
    await lock?.unlock();
    await using other = await second.tryLock('try');
    expect(other?.isHeld).toBe(true);
  });

  test('who gives up waiting leaves no key behind, and others get the lock', async () => {
    await using first = await client.session();
    await using second = await client.session();
    const lock = await first.lock('abort');
    const stop = new AbortController();
    const waiting = second.lock('abort', { signal: stop.signal });
    await untilQueued('abort', 2n);
    const reason = new Error('enough');
    stop.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(await client.count({ prefix: 'abort/' })).toBe(1n);
    await expect(second.lock('abort', { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    expect(await client.count({ prefix: 'abort/' })).toBe(1n);
    await lock.unlock();
    await using next = await second.lock('abort');
    expect(next.isHeld).toBe(true);
  });

  test('one who gives up at any moment leaves no key behind', async () => {
    await using session = await client.session();
    for (let turns = 0; turns < 30; turns++) {
      const stop = new AbortController();
      const locking = session.lock('any moment', { signal: stop.signal });
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      stop.abort(new Error('enough'));
      const outcome = await locking.then(
        (lock) => lock.unlock(),
        () => undefined,
      );
      expect(outcome).toBeUndefined();
      expect(await client.count({ prefix: 'any moment/' })).toBe(0n);
    }
  });

  test('a lock whose lease has died is never granted', async () => {
    await using first = await client.session();
    await using second = await client.session();
    const lock = await first.lock('dead');
    const waiting = second.lock('dead');
    await untilQueued('dead', 2n);
    await client.lease.revoke(second.leaseId);
    await lock.unlock();
    await expect(waiting).rejects.toThrow(/deleted|expired or was revoked/);
    // A session whose lease is gone hears of it at the latest when it asks again.
    await expect(second.lock('dead')).rejects.toThrow(LeaseLostError);
    expect(second.signal.reason).toBeInstanceOf(LeaseLostError);
    expect(second.isAlive).toBe(false);
    await using third = await client.session();
    await using next = await third.lock('dead');
    expect(next.isHeld).toBe(true);
  });

  test('a session gives back what it holds when it is closed', async () => {
    const session = await client.session();
    const lock = await session.lock('closed');
    await client.put('closed key', 'x', { lease: session.leaseId });
    await session.close();
    expect(lock.isHeld).toBe(false);
    expect(session.signal.reason).toMatchObject({ code: 'CANCELLED', message: 'the session is closed' });
    expect(await client.get('closed key')).toBeUndefined();
    expect(await client.count({ prefix: 'closed/' })).toBe(0n);
    await expect(session.lock('closed')).rejects.toMatchObject({ message: 'the session is closed' });
    await lock.unlock();
  });

  test('a session that is orphaned leaves its lease, and another can go on with it', async () => {
    const session = await client.session({ ttlSeconds: 60 });
    const lock = await session.lock('orphan');
    await session.orphan();
    await using heir = await client.session({ leaseId: session.leaseId });
    await using again = await heir.lock('orphan');
    expect(again.fencingToken).toBe(lock.fencingToken);
  });

  test('the guard lets the holder write, and nobody who held it once', async () => {
    await using session = await client.session();
    const lock = await session.lock('guard');
    const write = () => client.txn({ compare: [lock.guard], success: [op.put('guarded', 'x')] });
    expect((await write()).succeeded).toBe(true);
    await lock.unlock();
    expect((await write()).succeeded).toBe(false);
  });

  test('locks of the member and of the client are the same', async () => {
    await using session = await client.session();
    const { ID: lease } = await client.lease.grant({ ttlSeconds: 60 });
    const { key } = await client.lockService.lock({ name: fromUtf8('service'), lease });
    expect(await session.tryLock('service')).toBeUndefined();
    const waiting = session.lock('service');
    await untilQueued('service', 2n);
    await client.lockService.unlock({ key });
    await using lock = await waiting;
    const stop = new AbortController();
    const other = client.lockService.lock({ name: fromUtf8('service'), lease }, { signal: stop.signal });
    await untilQueued('service', 2n);
    stop.abort(new Error('enough'));
    await expect(other).rejects.toThrow('enough');
    await untilQueued('service', 1n);
    expect(lock.isHeld).toBe(true);
  });

  test.skipIf(etcdBinFolder === undefined)(
    'etcdctl and the client take turns (set QUORATE_ETCD_BIN to run)',
    async () => {
      await using session = await client.session();
      const etcdctl = spawn(join(etcdBinFolder ?? '', 'etcdctl'), [
        '--endpoints',
        endpoint,
        'lock',
        'go lock',
      ]);
      try {
        // It says the key once it has the lock.
        const [said] = (await once(etcdctl.stdout, 'data')) as [Buffer];
        expect(said.toString()).toMatch(/^go lock\/[0-9a-f]+\n+$/);
        expect(await session.tryLock('go lock')).toBeUndefined();
        const waiting = session.lock('go lock');
        await untilQueued('go lock', 2n);
        etcdctl.kill('SIGINT');
        await using lock = await waiting;
        expect(lock.isHeld).toBe(true);
      } finally {
        etcdctl.kill('SIGKILL');
      }
    },
  );

  test('many who lock and unlock never hold it together', async () => {
    let holders = 0;
    let last = 0n;
    const sessions = await Promise.all(Array.from({ length: 5 }, () => client.session()));
    const work = sessions.map(async (session, i) => {
      for (let round = 0; round < 5; round++) {
        const stop = new AbortController();
        const locking = session.lock('many', { signal: stop.signal });
        if ((round + i) % 4 === 3) stop.abort(new Error('no'));
        try {
          await using lock = await locking;
          expect(++holders).toBe(1);
          expect(lock.fencingToken).toBeGreaterThan(last);
          last = lock.fencingToken;
          await client.put('many done', 'x');
          holders--;
        } catch (error) {
          if (!(error instanceof Error) || error.message !== 'no') throw error;
        }
      }
    });
    await Promise.all(work);
    await Promise.all(sessions.map((session) => session.close()));
    expect(await client.count({ prefix: 'many/' })).toBe(0n);
  });
});
