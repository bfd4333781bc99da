import { fromUtf8, toUtf8 } from '@quorate/std';
import { beforeAll, expect, test, vi } from 'vitest';
import type { Client } from '../src/index.ts';
import { describeOnBoth } from './both-servers.ts';

describeOnBoth('elections', (fixture) => {
  let client: Client;
  beforeAll(() => {
    ({ client } = fixture());
  });

  test('a candidate leads until it resigns, and then the next one', async () => {
    await using first = await client.session();
    await using second = await client.session();
    const election = client.election('next');
    expect(await election.leader()).toBeUndefined();
    const leadership = await first.campaign('next', 'one');
    expect(await election.leader()).toMatchObject({
      value: fromUtf8('one'),
      createRevision: leadership.fencingToken,
    });
    const waiting = second.campaign('next', 'two');
    await leadership.proclaim('one and a half');
    expect(toUtf8((await election.leader())?.value ?? new Uint8Array())).toBe('one and a half');
    await leadership.resign();
    expect(leadership.isHeld).toBe(false);
    await using next = await waiting;
    expect(next.fencingToken).toBe((await election.leader())?.createRevision);
    await expect(leadership.proclaim('late')).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: 'election: not leader',
    });
  });

  test('responses of an election say as of when each leader, and each word of one, is', async () => {
    await using session = await client.session();
    const stop = new AbortController();
    const responses = client.election('as of').observeResponses({ signal: stop.signal });
    const first = responses.next();
    const { key, fencingToken } = await session.campaign('as of', 'one');
    const { value: elected } = await first;
    expect(elected.header?.revision).toBe(fencingToken);
    expect(elected.kvs.map((kv) => [kv.key, toUtf8(kv.value)])).toEqual([[key, 'one']]);
    const second = responses.next();
    const { header } = await client.put(key, 'two', { lease: session.leaseId });
    const { value: said } = await second;
    expect(said.header?.revision).toBe(header.revision);
    expect(said.kvs.map((kv) => toUtf8(kv.value))).toEqual(['two']);
    stop.abort();
    await expect(responses.next()).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('observers see leaders, and what they proclaim, in order, also when they come first', async () => {
    const seen: string[] = [];
    const stop = new AbortController();
    const observing = (async () => {
      for await (const { value } of client.election('seen').observe({ signal: stop.signal })) {
        seen.push(toUtf8(value));
      }
    })();
    const until = (count: number) =>
      vi.waitFor(() => expect(seen).toHaveLength(count), { timeout: 60_000, interval: 5 });
    await using first = await client.session();
    await using second = await client.session();
    const one = await first.campaign('seen', 'one');
    await until(1);
    // Two stands before one speaks again, and is news all the same when it leads.
    const waiting = second.campaign('seen', 'two');
    await vi.waitFor(async () => expect(await client.count({ prefix: 'seen/' })).toBe(2n), {
      timeout: 60_000,
    });
    await one.proclaim('one again');
    await until(2);
    await one.resign();
    await using _two = await waiting;
    await until(3);
    expect(seen).toEqual(['one', 'one again', 'two']);
    stop.abort(new Error('enough'));
    await expect(observing).rejects.toThrow('enough');
  });

  test('an observer goes on when what it waited for was compacted away', async () => {
    await using session = await client.session();
    const leadership = await session.campaign('compacted', 'one');
    const observing = client.election('compacted').observe();
    expect(toUtf8((await observing.next()).value.value)).toBe('one');
    const header = await leadership.proclaim('two');
    await client.kv.compact({ revision: header.revision });
    // The watch starts only now.
    expect(toUtf8((await observing.next()).value.value)).toBe('two');
    await observing.return(undefined as never);
  });

  test('who gives up its candidature leaves no key behind', async () => {
    await using first = await client.session();
    await using second = await client.session();
    await using _leadership = await first.campaign('given up', 'one');
    const stop = new AbortController();
    const waiting = second.campaign('given up', 'two', { signal: stop.signal });
    await vi.waitFor(async () => expect(await client.count({ prefix: 'given up/' })).toBe(2n), {
      timeout: 60_000,
    });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(await client.count({ prefix: 'given up/' })).toBe(1n);
  });

  test('elections of the member and of the client are the same', async () => {
    await using session = await client.session();
    await using leadership = await session.campaign('member', 'ours');
    const name = fromUtf8('member');
    const { kv } = await client.electionService.leader({ name });
    expect(kv?.key).toEqual(leadership.key);
    for await (const response of client.electionService.observe({ name })) {
      expect(toUtf8(response.kv?.value ?? new Uint8Array())).toBe('ours');
      break;
    }
    const { ID: lease } = await client.lease.grant({ ttlSeconds: 60 });
    const campaigning = client.electionService.campaign({ name, lease, value: fromUtf8('theirs') });
    await vi.waitFor(async () => expect(await client.count({ prefix: 'member/' })).toBe(2n), {
      timeout: 60_000,
    });
    await leadership.resign();
    const { leader } = await campaigning;
    await client.electionService.proclaim({ leader, value: fromUtf8('theirs, too') });
    expect(toUtf8((await client.election('member').leader())?.value ?? new Uint8Array())).toBe('theirs, too');
    await client.electionService.resign({ leader });
    expect(await client.election('member').leader()).toBeUndefined();
  });
});
