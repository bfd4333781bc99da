import { RpcError } from '@quorate/rpc';
import { fromUtf8, toUtf8 } from '@quorate/std';
import type { electionpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { answered, leaderOf, statusOf, type Outcome } from '../src/recipes/recipe-calls.ts';
import { Observer, RecipeMember } from '../src/recipes/recipe-member.ts';

/** Enough for whatever needs no certain time to happen. */
const aWhileMs = 50;

/** A call that waits: what it has come to so far. */
class Waiting<T> {
  readonly outcome: Promise<Outcome<T>>;
  status = 'waiting';
  readonly #left: AbortController;

  constructor(call: (signal: AbortSignal) => Promise<Outcome<T>>) {
    this.#left = new AbortController();
    this.outcome = call(this.#left.signal);
    void this.outcome.then((outcome) => (this.status = statusOf(outcome)));
  }

  leave(): void {
    this.#left.abort(new RpcError(1, 'context canceled'));
  }
}

async function withLeases(count: number, ttl = 600n): Promise<RecipeMember> {
  const member = await RecipeMember.open();
  for (let id = 1; id <= count; id++) answered(await member.during(member.calls.grant(BigInt(id), ttl)));
  return member;
}

/** Joins a queue and waits until it stands there. */
async function queued<T>(
  member: RecipeMember,
  call: (signal: AbortSignal) => Promise<Outcome<T>>,
): Promise<Waiting<T>> {
  const waiting = new Waiting(call);
  await member.advance(aWhileMs);
  await member.advance(aWhileMs);
  return waiting;
}

const keyOf = (bytes: Uint8Array): string => toUtf8(bytes);

test('a lock goes to whoever asked first, then to the others by the order in which they came', async () => {
  await using member = await withLeases(4);
  const { calls } = member;
  const all = [];
  for (const lease of [3n, 1n, 4n, 2n]) {
    all.push(await queued(member, (signal) => calls.lock('job', lease, { signal })));
  }
  const held = ['job/3', 'job/1', 'job/4', 'job/2'];
  for (const [at, key] of held.entries()) {
    expect(all.map(({ status }) => status)).toEqual(all.map((_, other) => (other <= at ? '0' : 'waiting')));
    expect(keyOf(answered(await all[at]!.outcome).key)).toBe(key);
    await member.during(calls.unlock(key));
    await member.advance(aWhileMs);
  }
});

test('who asks again with the same lease has the lock already, or the old place in the queue', async () => {
  await using member = await withLeases(3);
  const { calls } = member;
  const first = answered(await member.during(calls.lock('job', 1n)));
  const again = answered(await member.during(calls.lock('job', 1n)));
  expect(keyOf(again.key)).toBe(keyOf(first.key));
  const second = await queued(member, (signal) => calls.lock('job', 2n, { signal }));
  const third = await queued(member, (signal) => calls.lock('job', 3n, { signal }));
  const secondAgain = await queued(member, (signal) => calls.lock('job', 2n, { signal }));
  await member.during(calls.unlock('job/1'));
  await member.advance(aWhileMs);
  expect([second.status, third.status, secondAgain.status]).toEqual(['0', 'waiting', '0']);
  expect(await member.keys('job/')).toEqual(['job/2=', 'job/3=']);
});

test('a lease that ends while its owner waits never gets the lock, and who waits behind it does', async () => {
  await using member = await withLeases(1);
  const { calls } = member;
  answered(await member.during(calls.grant(2n, 5n)));
  answered(await member.during(calls.grant(3n, 600n)));
  await member.during(calls.lock('job', 1n));
  const dying = await queued(member, (signal) => calls.lock('job', 2n, { signal }));
  const behind = await queued(member, (signal) => calls.lock('job', 3n, { signal }));
  for (let second = 0; second < 10; second++) await member.advance(1_000);
  expect(await member.keys('job/')).toEqual(['job/1=', 'job/3=']);
  await member.during(calls.unlock('job/1'));
  await member.advance(aWhileMs);
  expect(dying.status).toBe('2 mutex: session is expired');
  expect(behind.status).toBe('0');
});

test('a lock is free when the lease of its owner ends', async () => {
  await using member = await withLeases(1);
  const { calls } = member;
  answered(await member.during(calls.grant(2n, 5n)));
  await member.during(calls.lock('job', 2n));
  const next = await queued(member, (signal) => calls.lock('job', 1n, { signal }));
  expect(next.status).toBe('waiting');
  for (let second = 0; second < 10; second++) await member.advance(1_000);
  expect(next.status).toBe('0');
});

test('a lease that the server makes for a lock lives for a minute', async () => {
  await using member = await withLeases(0);
  const { key } = answered(await member.during(member.calls.lock('job', 0n)));
  expect(keyOf(key)).toMatch(/^job\/[0-9a-f]+$/);
  for (let second = 0; second < 55; second++) await member.advance(1_000);
  expect(await member.keys('job/')).toHaveLength(1);
  for (let second = 0; second < 10; second++) await member.advance(1_000);
  expect(await member.keys('job/')).toEqual([]);
});

test('a client that leaves the queue leaves no key behind, and those behind it move up', async () => {
  await using member = await withLeases(3);
  const { calls } = member;
  await member.during(calls.lock('job', 1n));
  const second = await queued(member, (signal) => calls.lock('job', 2n, { signal }));
  const third = await queued(member, (signal) => calls.lock('job', 3n, { signal }));
  second.leave();
  await member.advance(aWhileMs);
  expect(second.status).toBe('1 context canceled');
  expect(await member.keys('job/')).toEqual(['job/1=', 'job/3=']);
  await member.during(calls.unlock('job/1'));
  await member.advance(aWhileMs);
  expect(third.status).toBe('0');
});

test.each(['lock', 'campaign'] as const)(
  'a client that leaves at any moment of a %s leaves no key behind that nobody knows of',
  async (what) => {
    for (let turns = 0; turns < 40; turns++) {
      await using member = await withLeases(1);
      const { calls } = member;
      answered(await member.during(calls.lock('job', 1n)));
      const second = new Waiting((signal): Promise<Outcome<unknown>> => {
        if (what === 'lock') return calls.lock('job', 0n, { signal });
        return calls.campaign({ name: 'job', lease: 0n, value: 'x' }, { signal });
      });
      for (let turn = 0; turn < 12; turn++) await member.advance(1);
      // Its turn comes, and it leaves some moments later.
      const unlocked = calls.unlock('job/1');
      for (let turn = 0; turn < turns; turn++) {
        await Promise.resolve();
        if (turn % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
        if (turn % 8 === 0) member.test.clock.advance(0);
      }
      const status = second.status;
      second.leave();
      await member.during(unlocked);
      await member.advance(aWhileMs);
      await member.advance(aWhileMs);
      // Whoever had the answer already keeps what it says.
      const left = (await member.keys('job/')).length;
      expect({ turns, status, left }).toEqual({ turns, status, left: status === '0' ? 1 : 0 });
    }
  },
);

test.each(['lock', 'campaign'] as const)(
  'a client that leaves while a %s of its own making is won leaves no key behind',
  async (what) => {
    for (let turns = 0; turns < 20; turns++) {
      await using member = await withLeases(0);
      const { calls } = member;
      const only = new Waiting((signal): Promise<Outcome<unknown>> => {
        if (what === 'lock') return calls.lock('job', 0n, { signal });
        return calls.campaign({ name: 'job', lease: 0n, value: 'x' }, { signal });
      });
      for (let turn = 0; turn < turns; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
        member.test.clock.advance(0);
      }
      const status = only.status;
      only.leave();
      await member.advance(aWhileMs);
      await member.advance(aWhileMs);
      const left = (await member.keys('job/')).length;
      expect({ turns, status, left }).toEqual({ turns, status, left: status === '0' ? 1 : 0 });
    }
  },
);

test('a key that is not there is unlocked without ado, and no key at all is refused', async () => {
  await using member = await withLeases(1);
  const { calls } = member;
  expect(statusOf(await member.during(calls.unlock('job/1')))).toBe('0');
  expect(statusOf(await member.during(calls.unlock('')))).toBe('3 etcdserver: key is not provided');
  expect(statusOf(await member.during(calls.lock('job', 7n)))).toBe(
    '5 etcdserver: requested lease not found',
  );
  expect(await member.keys('job/')).toEqual([]);
});

test('a queue goes on when what it waits for has been compacted away', async () => {
  await using member = await withLeases(3);
  const { calls } = member;
  await member.during(calls.lock('job', 1n));
  const second = await queued(member, (signal) => calls.lock('job', 2n, { signal }));
  const observer = new Observer(member.test.replica, 'job');
  await member.advance(aWhileMs);
  for (let at = 0; at < 5; at++) {
    const { header } = answered(await member.during(calls.put('other', `${at}`)));
    await member.during(calls.compact(header!.revision));
  }
  expect(second.status).toBe('waiting');
  await member.during(calls.unlock('job/1'));
  await member.advance(aWhileMs);
  expect(second.status).toBe('0');
  await member.during(calls.unlock('job/2'));
  await member.advance(aWhileMs);
  const { header } = answered(await member.during(calls.put('other', 'x')));
  await member.during(calls.compact(header!.revision));
  await member.during(calls.campaign({ name: 'job', lease: 3n, value: 'late' }));
  await member.advance(aWhileMs);
  expect(observer.values.at(-1)).toBe('late');
  observer.leave();
  expect((await member.during(observer.ended))?.message).toBe('context canceled');
});

test('a won election names the key, its revision and the lease, and the others wait', async () => {
  await using member = await withLeases(2);
  const { calls } = member;
  const leader = leaderOf(await member.during(calls.campaign({ name: 'who', lease: 1n, value: 'one' })));
  expect(leader).toMatchObject({ rev: 2n, lease: 1n });
  expect([keyOf(leader.name), keyOf(leader.key)]).toEqual(['who', 'who/1']);
  const second = await queued(member, (signal) =>
    calls.campaign({ name: 'who', lease: 2n, value: 'two' }, { signal }),
  );
  expect(second.status).toBe('waiting');
  const { kv } = answered(await member.during(calls.leader('who')));
  expect(keyOf(kv!.value)).toBe('one');
  await member.during(calls.resign(leader));
  await member.advance(aWhileMs);
  expect(leaderOf(await second.outcome)).toMatchObject({ rev: 3n, lease: 2n });
});

test('who stands again with the same lease and says something else is heard', async () => {
  await using member = await withLeases(2);
  const { calls } = member;
  await member.during(calls.campaign({ name: 'who', lease: 1n, value: 'one' }));
  const second = await queued(member, (signal) =>
    calls.campaign({ name: 'who', lease: 2n, value: 'two' }, { signal }),
  );
  const again = leaderOf(await member.during(calls.campaign({ name: 'who', lease: 1n, value: 'uno' })));
  expect(again.rev).toBe(2n);
  expect(await member.keys('who/')).toEqual(['who/1=uno', 'who/2=two']);
  expect(second.status).toBe('waiting');
});

test('only whoever leads may speak for the election, with the key that was won', async () => {
  await using member = await withLeases(2);
  const { calls } = member;
  const leader = leaderOf(await member.during(calls.campaign({ name: 'who', lease: 1n, value: 'one' })));
  expect(statusOf(await member.during(calls.proclaim(leader, 'uno')))).toBe('0');
  for (const stale of [
    { ...leader, rev: leader.rev + 1n },
    { ...leader, key: fromUtf8('who/9') },
  ]) {
    expect(statusOf(await member.during(calls.proclaim(stale, 'x')))).toBe('2 election: not leader');
    expect(statusOf(await member.during(calls.resign(stale)))).toBe('0');
  }
  expect(await member.keys('who/')).toEqual(['who/1=uno']);
  await member.during(calls.resign(leader));
  expect(statusOf(await member.during(calls.proclaim(leader, 'x')))).toBe('2 election: not leader');
  expect(await member.keys('who/')).toEqual([]);
});

test('without a leader, and without the field that names one, an election says so', async () => {
  await using member = await withLeases(0);
  const { calls } = member;
  expect(statusOf(await member.during(calls.leader('who')))).toBe('2 election: no leader');
  const missing = '2 "leader" field must be provided';
  expect(statusOf(await member.during(calls.proclaim(undefined, 'x')))).toBe(missing);
  expect(statusOf(await member.during(calls.resign(undefined)))).toBe(missing);
});

test('a candidate whose lease ends while it waits does not lead', async () => {
  await using member = await withLeases(2);
  const { calls } = member;
  const leader = leaderOf(await member.during(calls.campaign({ name: 'who', lease: 1n, value: 'one' })));
  const second = await queued(member, (signal) =>
    calls.campaign({ name: 'who', lease: 2n, value: 'two' }, { signal }),
  );
  await member.during(calls.revoke(2n));
  await member.during(calls.resign(leader));
  await member.advance(aWhileMs);
  expect(second.status).toBe('2 election: not leader');
});

test('a candidate who leaves takes the key along', async () => {
  await using member = await withLeases(2);
  const { calls } = member;
  await member.during(calls.campaign({ name: 'who', lease: 1n, value: 'one' }));
  const second = await queued(member, (signal) =>
    calls.campaign({ name: 'who', lease: 2n, value: 'two' }, { signal }),
  );
  second.leave();
  await member.advance(aWhileMs);
  expect(second.status).toBe('1 context canceled');
  expect(await member.keys('who/')).toEqual(['who/1=one']);
});

test('an observer hears whoever leads and what it says, over the ends of all of them', async () => {
  await using member = await withLeases(3);
  const { calls } = member;
  const observer = new Observer(member.test.replica, 'who');
  const expected: string[] = [];
  for (const lease of [1n, 2n, 3n, 1n, 2n]) {
    const leader = leaderOf(
      await member.during(calls.campaign({ name: 'who', lease, value: `of ${lease}` })),
    );
    await member.advance(aWhileMs);
    for (const value of ['a', 'b']) await member.during(calls.proclaim(leader, `${value} ${lease}`));
    await member.advance(aWhileMs);
    expected.push(`of ${lease}`, `a ${lease}`, `b ${lease}`);
    await member.during(calls.resign(leader));
    await member.advance(aWhileMs);
  }
  expect(observer.values).toEqual(expected);
  for (const { header, kv } of observer.heard) expect(header!.revision).toBe(kv!.modRevision);
  observer.leave();
  await member.during(observer.ended);
});

test('an observer hears all that the first leader says, however fast it speaks', async () => {
  await using member = await withLeases(0);
  const { calls } = member;
  const observer = new Observer(member.test.replica, 'who');
  await member.advance(aWhileMs);
  const values = ['one', 'two', 'three', 'four'];
  await member.during(Promise.all(values.map((value) => calls.put('who/1', value))));
  await member.advance(aWhileMs);
  expect(observer.values).toEqual(values);
  const [{ header, kv }] = observer.heard as [electionpb.LeaderResponse];
  expect(header!.revision).toBe(kv!.modRevision);
  observer.leave();
  await member.during(observer.ended);
});

test('what changes while an observer is told of something else is not lost on it', async () => {
  await using member = await withLeases(30);
  const { calls } = member;
  const observer = new Observer(member.test.replica, 'who');
  const work: Promise<unknown>[] = [];
  for (let lease = 1n; lease <= 30n; lease++) {
    const campaign = { name: 'who', lease, value: `of ${lease}` };
    work.push(
      calls.campaign(campaign).then(async (won) => {
        const leader = leaderOf(won);
        await calls.proclaim(leader, `last ${lease}`);
        if (lease < 30n) await calls.resign(leader);
      }),
    );
  }
  await member.during(Promise.all(work));
  await member.advance(aWhileMs);
  expect(observer.values.at(-1)).toBe('last 30');
  observer.leave();
  await member.during(observer.ended);
});
