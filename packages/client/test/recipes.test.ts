import { fromUtf8, toUtf8 } from '@quorate/std';
import { beforeAll, expect, test, vi } from 'vitest';
import { Client, compare, op, type Queue, type Session } from '../src/index.ts';
import { describeOnBoth } from './both-servers.ts';

describeOnBoth('recipes', (fixture) => {
  let client: Client;
  beforeAll(() => {
    ({ client } = fixture());
  });

  const keysBelow = async (prefix: string) => (await client.getAll({ prefix })).map(({ key }) => toUtf8(key));

  /** Resolves when there are so many keys with that prefix. */
  async function untilCount(prefix: string, size: number): Promise<void> {
    await vi.waitFor(async () => expect(await keysBelow(prefix)).toHaveLength(size), {
      timeout: 60_000,
      interval: 10,
    });
  }

  /** Whether a promise is settled by the time that a member has answered somebody else. */
  async function isPending(promise: Promise<unknown>): Promise<boolean> {
    let isSettled = false;
    const settle = () => (isSettled = true);
    promise.then(settle, settle);
    await client.get('anything');
    return !isSettled;
  }

  test('all who wait at a barrier go on when it is released', async () => {
    const barrier = client.barrier('barrier');
    await barrier.wait(); // Nobody holds it.
    await barrier.hold();
    await expect(barrier.hold()).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    const waiting = [barrier.wait(), client.barrier('barrier').wait()];
    expect(await isPending(Promise.race(waiting))).toBe(true);
    expect(await barrier.release()).toBe(true);
    await Promise.all(waiting);
    expect(await barrier.release()).toBe(false);
  });

  test('a barrier is the key that clients in Go hold, and opens when its lease ends', async () => {
    const barrier = client.barrier('leased barrier');
    await client.txn({
      compare: [compare.version('leased barrier', '=', 0n)],
      success: [op.put('leased barrier', '')], // As `recipe.Barrier` does it.
    });
    await expect(barrier.hold()).rejects.toThrow('held already');
    await client.delete('leased barrier');
    const session = await client.session();
    await barrier.hold({ lease: session.leaseId });
    const waiting = barrier.wait();
    expect(await isPending(waiting)).toBe(true);
    await session.close();
    await waiting;
  });

  test('who gives up waiting is told its reason, everywhere', async () => {
    await using session = await client.session();
    await client.barrier('given up').hold();
    const reason = new Error('enough');
    for (const wait of [
      (signal: AbortSignal) => client.barrier('given up').wait({ signal }),
      (signal: AbortSignal) => client.queue('given up').dequeue({ signal }),
      (signal: AbortSignal) => client.priorityQueue('given up').dequeue({ signal }),
      (signal: AbortSignal) => session.doubleBarrier('given up', { count: 2 }).enter({ signal }),
    ]) {
      const stop = new AbortController();
      const waiting = wait(stop.signal);
      expect(await isPending(waiting)).toBe(true);
      stop.abort(reason);
      await expect(waiting).rejects.toBe(reason);
    }
    expect(await keysBelow('given up/')).toEqual([]);
    await expect(client.queue('given up').dequeue({ timeoutMs: 10 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
  });

  test('what was put into a queue first comes out first, once', async () => {
    const queue = client.queue('queue');
    for (const value of ['a', 'b', 'c']) await queue.enqueue(value);
    const taken = [];
    for (let i = 0; i < 3; i++) taken.push(toUtf8(await queue.dequeue()));
    expect(taken).toEqual(['a', 'b', 'c']);
    expect(await keysBelow('queue/')).toEqual([]);
  });

  test('an empty queue is waited at, and each value goes to one', async () => {
    const [first, second] = [client.queue('waited').dequeue(), client.queue('waited').dequeue()];
    expect(await isPending(Promise.race([first, second]))).toBe(true);
    const queue = client.queue('waited');
    await queue.enqueue('a');
    await queue.enqueue(fromUtf8('b'));
    expect((await Promise.all([first, second])).map(toUtf8).toSorted()).toEqual(['a', 'b']);
  });

  test('what a client in Go puts into a queue is taken out of it', async () => {
    await client.put('go queue/1700000000000000001', 'second'); // As `recipe.Queue` names it: by its clock.
    await client.put('go queue/1700000000000000000', 'third');
    await client.put('go queue/1700000000000000001', 'second again'); // Order is that of writing.
    await client.put('go queues/1', 'of another queue');
    expect(toUtf8(await client.queue('go queue').dequeue())).toBe('third');
    expect(toUtf8(await client.queue('go queue').dequeue())).toBe('second again');
    await expect(client.queue('go queue').dequeue({ timeoutMs: 10 })).rejects.toThrow('deadline');
    const [key] = await keysBelow('go queues/');
    expect(key).toBe('go queues/1');
  });

  test('many who put and take lose nothing, and get nothing twice', async () => {
    const [producers, consumers, each] = [3, 4, 20];
    const taken: string[] = [];
    const stop = new AbortController();
    const consume = async (queue: Queue) => {
      for (;;) {
        taken.push(toUtf8(await queue.dequeue({ signal: stop.signal })));
        if (taken.length === producers * each) stop.abort(new Error('all'));
      }
    };
    const consuming = Array.from({ length: consumers }, () => consume(client.queue('crowd')));
    const ended = Promise.allSettled(consuming);
    await Promise.all(
      Array.from({ length: producers }, async (_, producer) => {
        for (let i = 0; i < each; i++) await client.queue('crowd').enqueue(`${producer}/${i}`);
      }),
    );
    await ended;
    expect(new Set(taken).size).toBe(producers * each);
    expect(taken).toHaveLength(producers * each);
  });

  test('the smallest priority comes out first, and of one priority the oldest', async () => {
    const queue = client.priorityQueue('urgent');
    await queue.enqueue('late', { priority: 65_535 });
    await queue.enqueue('first', { priority: 7 });
    await queue.enqueue('second', { priority: 7 });
    await queue.enqueue('sooner', { priority: 0 });
    expect(await keysBelow('urgent/')).toEqual([
      'urgent/00000/0000000000000000',
      'urgent/00007/0000000000000000',
      'urgent/00007/0000000000000001',
      'urgent/65535/0000000000000000',
    ]);
    // What clients in Go look at before they give a number away.
    expect(await keysBelow('__urgent/')).toEqual(['__urgent/00000', '__urgent/00007', '__urgent/65535']);
    const taken = [];
    for (let i = 0; i < 4; i++) taken.push(toUtf8(await queue.dequeue()));
    expect(taken).toEqual(['sooner', 'first', 'second', 'late']);
    for (const priority of [-1, 65_536, 0.5]) {
      await expect(queue.enqueue('x', { priority })).rejects.toThrow(RangeError);
    }
  });

  test('numbers within a priority are given once, however many ask for them', async () => {
    const queue = client.priorityQueue('numbers');
    await Promise.all(Array.from({ length: 12 }, (_, i) => queue.enqueue(`${i}`, { priority: 1 })));
    expect(await keysBelow('numbers/00001/')).toEqual(
      Array.from({ length: 12 }, (_, i) => `numbers/00001/${`${i}`.padStart(16, '0')}`),
    );
    await client.put('numbers/00002/none', 'x');
    await expect(queue.enqueue('x', { priority: 2 })).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });

  test('readers share a lock, and a writer has it alone, in the order of asking', async () => {
    await using session = await client.session();
    await using other = await client.session();
    const readers = await Promise.all([session.readLock('rw'), other.readLock('rw'), session.readLock('rw')]);
    const writing = other.writeLock('rw');
    await untilCount('rw/', 4);
    const late = session.readLock('rw'); // Behind the writer, who would wait for ever otherwise.
    await untilCount('rw/', 5);
    await readers[0].unlock();
    await readers[1].unlock();
    expect(await isPending(Promise.race([writing, late]))).toBe(true);
    await readers[2].unlock();
    const writer = await writing;
    expect(writer.isHeld).toBe(true);
    expect(await isPending(late)).toBe(true);
    const guarded = await client.txn({ compare: [writer.guard], success: [op.put('rw done', 'x')] });
    expect(guarded.succeeded).toBe(true);
    await writer.unlock();
    const reader = await late;
    expect(reader.fencingToken).toBeGreaterThan(writer.fencingToken);
    await reader.unlock();
    expect(await keysBelow('rw/')).toEqual([]);
  });

  test('readers and writers of Go’s RWMutex are waited for, and wait for ours', async () => {
    await using session = await client.session();
    await client.put('go rw/write/1700000000000000000', '');
    const reading = session.readLock('go rw');
    await untilCount('go rw/', 2); // Of two that ask at once either may be first.
    const writing = session.writeLock('go rw');
    await untilCount('go rw/', 3);
    expect(await isPending(Promise.race([reading, writing]))).toBe(true);
    await client.delete('go rw/write/1700000000000000000');
    const reader = await reading;
    expect(toUtf8(reader.key)).toMatch(/^go rw\/read\/[0-9a-f]{16}$/);
    expect(await isPending(writing)).toBe(true);
    await reader.unlock();
    const writer = await writing;
    expect(toUtf8(writer.key)).toMatch(/^go rw\/write\/[0-9a-f]{16}$/);
    await writer.unlock();
  });

  test('who gives up a lock for reading or writing leaves no key behind', async () => {
    await using session = await client.session();
    const writer = await session.writeLock('rw left');
    for (const ask of ['readLock', 'writeLock'] as const) {
      const asking = session[ask]('rw left', { timeoutMs: 10 });
      await expect(asking).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      expect(await keysBelow('rw left/')).toHaveLength(1);
    }
    await writer.unlock();
  });

  test('so many enter a double barrier together, and leave it together', async () => {
    await using one = await client.session();
    await using two = await client.session();
    await using three = await client.session();
    for (let round = 0; round < 2; round++) {
      const barrierOf = (session: Session) => session.doubleBarrier('double', { count: 3 });
      const [first, second, third] = [barrierOf(one), barrierOf(two), barrierOf(three)];
      const early = [first.enter(), second.enter()];
      await untilCount('double/waiters/', 2);
      expect(await isPending(Promise.race(early))).toBe(true);
      await third.enter();
      await Promise.all(early);
      await expect(barrierOf(one).enter()).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        message: 'too many clients',
      });
      const leaving = [third.leave(), first.leave()];
      expect(await isPending(Promise.race(leaving))).toBe(true);
      await second.leave();
      await Promise.all(leaving);
      expect(await keysBelow('double/')).toEqual([]);
    }
  });

  test('who is lost with its session is not waited for at the end of a double barrier', async () => {
    await using staying = await client.session();
    const lost = await client.session();
    const ours = staying.doubleBarrier('lost', { count: 2 });
    await Promise.all([ours.enter(), lost.doubleBarrier('lost', { count: 2 }).enter()]);
    const leaving = ours.leave();
    expect(await isPending(leaving)).toBe(true);
    await client.lease.revoke(lost.leaseId);
    await leaving;
    // Who was first to come would have deleted the key that says that all were there; it harms nobody.
    expect(await keysBelow('lost/waiters/')).toEqual([]);
    await lost.close();
  });

  test('clients in Go meet ours at a double barrier', async () => {
    await using session = await client.session();
    const { ID: lease } = await client.lease.grant({ ttlSeconds: 60 });
    const barrier = session.doubleBarrier('go double', { count: 2 });
    const entering = barrier.enter();
    await untilCount('go double/waiters/', 1);
    await client.put('go double/waiters/1700000000000000000', '', { lease });
    expect(await isPending(entering)).toBe(true);
    await client.put('go double/ready', ''); // By whom the count is full.
    await entering;
    const leaving = barrier.leave();
    expect(await isPending(leaving)).toBe(true);
    await client.delete('go double/waiters/1700000000000000000');
    await leaving;
    expect(await keysBelow('go double/')).toEqual([]);
  });

  test('a double barrier is entered once, and left by who has entered', async () => {
    await using session = await client.session();
    const barrier = session.doubleBarrier('once', { count: 1 });
    await expect(barrier.leave()).rejects.toThrow('not entered');
    await barrier.enter();
    await expect(barrier.enter()).rejects.toThrow('entered already');
    await barrier.leave();
    expect(() => session.doubleBarrier('once', { count: 0 })).toThrow(RangeError);
    await session.close();
    await expect(barrier.enter()).rejects.toThrow('the session is closed');
  });

  test('recipes of a namespace are inside of it', async () => {
    const namespace = client.namespace('inside/');
    await namespace.queue('q').enqueue('a');
    await namespace.priorityQueue('p').enqueue('b', { priority: 1 });
    expect(await keysBelow('inside/')).toEqual([
      'inside/__p/00001',
      'inside/p/00001/0000000000000000',
      expect.stringMatching(/^inside\/q\/[0-9a-f]{16}$/),
    ]);
    expect(toUtf8(await namespace.queue('q').dequeue())).toBe('a');
  });
});
