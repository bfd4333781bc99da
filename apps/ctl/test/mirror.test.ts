import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Client, CompactedError, op, type WatchEvent } from '@quorate/client';
import {
  etcdBinFolder,
  freePort,
  startQuorate,
  startRealEtcd,
  type StartedServer,
} from '@quorate/client/testing';
import { fromUtf8, systemClock, toUtf8 } from '@quorate/std';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { mirrorCounting } from '../src/commands/make-mirror.ts';
import { mirror, transactionsOf, type MirrorOptions } from '../src/mirror.ts';
import type { InterruptSignal } from '../src/terminal.ts';
import { runAction } from './run-action.ts';
import { quoratectl } from './differential/tools.ts';

// Servers are started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

function eventAt(revision: bigint, key: string): WatchEvent {
  const kv = { key: fromUtf8(key), value: fromUtf8(key), modRevision: revision };
  return {
    type: 'put',
    kv: { ...kv, createRevision: revision, version: 1n, lease: 0n },
    prevKv: undefined,
  };
}

test('a transaction has changes of one revision, and no more than allowed', () => {
  const events = [eventAt(5n, 'a'), eventAt(6n, 'b'), eventAt(6n, 'c'), eventAt(6n, 'd'), eventAt(7n, 'e')];
  const keysOf = (opsMax: number) =>
    transactionsOf(events, opsMax).map((part) => part.map(({ kv }) => toUtf8(kv.key)).join(''));
  expect(keysOf(128)).toEqual(['a', 'bcd', 'e']);
  expect(keysOf(2)).toEqual(['a', 'bc', 'd', 'e']);
  expect(keysOf(0)).toEqual(['a', 'bcd', 'e']);
  expect(transactionsOf([], 1)).toEqual([]);
});

describe('between two members', () => {
  let servers: StartedServer[];
  let source: Client;
  let destination: Client;
  let destinationPort: number;

  beforeAll(async () => {
    destinationPort = await freePort();
    servers = await Promise.all([startQuorate(), startQuorate({ clientPort: destinationPort })]);
    [source, destination] = servers.map(({ endpoint }) => new Client({ endpoints: [endpoint] })) as [
      Client,
      Client,
    ];
  });

  afterAll(async () => {
    await source.close();
    await destination.close();
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  /** Mirrors in the background; disposing of it is the end of that. */
  function start(options: Partial<MirrorOptions> = {}) {
    const stop = new AbortController();
    const { promise: copied, resolve: onCopied } = Promise.withResolvers<bigint>();
    const running = mirror({
      source,
      destination,
      prefix: fromUtf8('from/'),
      destinationPrefix: fromUtf8('to/'),
      fromRevision: 0n,
      txnOpsMax: 128,
      timeoutMs: 1_000,
      clock: systemClock,
      onMirrored: () => {},
      onTrouble: () => {},
      onCopied,
      signal: stop.signal,
      ...options,
    });
    running.catch(() => {});
    return {
      copied,
      running,
      [Symbol.asyncDispose]: async () => {
        stop.abort();
        await running.catch(() => {});
      },
    };
  }

  async function clear() {
    await source.delete({ prefix: '' });
    await destination.delete({ prefix: '' });
  }

  async function mirroredKeys(): Promise<Record<string, string>> {
    const kvs = await destination.getAll({ prefix: '' });
    return Object.fromEntries(kvs.map(({ key, value }) => [toUtf8(key), toUtf8(value)]));
  }

  test('keys of several pages are copied, and what happens to them follows', async () => {
    await clear();
    const puts = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => op.put(`from/${from + i}`, `${from + i}`));
    for (let from = 0; from < 1_200; from += 100) await source.txn({ success: puts(from, 100) });
    await source.put('other', 'stays');
    let count = 0;
    await using running = start({ onMirrored: (more) => (count += more) });
    await running.copied;
    expect(count).toBe(1_200);
    await source.delete('from/7');
    await source.put('from/8', 'new');
    await vi.waitFor(async () => expect((await mirroredKeys())['to/8']).toBe('new'), 10_000);
    const keys = await mirroredKeys();
    expect(Object.keys(keys)).toHaveLength(1_199);
    expect([keys['to/7'], keys['to/1199'], keys['other']]).toEqual([undefined, '1199', undefined]);
  });

  test('a transaction of the source is one at the destination, or several if it is too large', async () => {
    await clear();
    await using running = start({ txnOpsMax: 2 });
    await running.copied;
    const keys = ['from/a', 'from/b', 'from/c'];
    await source.txn({ success: keys.map((key) => op.put(key, '1')) });
    await vi.waitFor(async () => expect(await destination.count({ prefix: 'to/' })).toBe(3n), 10_000);
    const created = (await destination.getAll({ prefix: 'to/' })).map((kv) => kv.createRevision);
    expect(created.map((revision) => revision - (created[0] ?? 0n))).toEqual([0n, 0n, 1n]);
  });

  test('from a revision on, what happened since is repeated and nothing is copied', async () => {
    await clear();
    await source.put('from/old', '1');
    const { header } = await source.put('from/new', '1');
    await using running = start({ fromRevision: header.revision });
    await vi.waitFor(async () => expect(await mirroredKeys()).toEqual({ 'to/new': '1' }), 10_000);
    expect(await Promise.race([running.copied, Promise.resolve('nothing copied')])).toBe('nothing copied');
  });

  test('history that the source has compacted ends it, with the oldest revision there is', async () => {
    await clear();
    const { header } = await source.put('from/a', '1');
    await source.kv.compact({ revision: header.revision });
    await using running = start({ fromRevision: header.revision - 1n });
    await expect(running.running).rejects.toBeInstanceOf(CompactedError);

    const flags = [`--endpoints=${servers[0]?.endpoint ?? ''}`, `--rev=${header.revision - 1n}`];
    const { stderr, code } = await quoratectl({
      argv: ['make-mirror', servers[1]?.endpoint ?? '', ...flags],
    });
    expect(code).toBe(1);
    expect(stderr).toBe(
      `the source has compacted changes that were not mirrored yet (its history begins at ${header.revision}): ` +
        'start again without --rev, which copies all keys anew; what was deleted meanwhile stays at the destination\n' +
        'Error: etcdserver: mvcc: required revision has been compacted\n',
    );
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('how many were mirrored is printed now and then, and %s ends it', async (signal, status) => {
    await clear();
    await source.put('from/a', '1');
    await source.put('from/b', '2');
    let interrupt: (signal: InterruptSignal) => void = () => expect.fail('nobody listens');
    const { stdout, failure } = await runAction(
      mirrorCounting(5),
      [
        'make-mirror',
        servers[1]?.endpoint ?? '',
        `--endpoints=${servers[0]?.endpoint ?? ''}`,
        '--prefix=from/',
      ],
      {
        onInterrupt: (listener) => {
          interrupt = listener;
          return { [Symbol.dispose]: () => {} };
        },
        onOutput: (text) => {
          if (text === '2\n') interrupt(signal);
        },
      },
    );
    expect(stdout).toMatch(/^(?:\d\n)*2\n$/);
    expect(failure).toMatchObject({ status });
    expect(await mirroredKeys()).toEqual({ 'from/a': '1', 'from/b': '2' });
  });

  test('a destination that goes away is waited for, and misses nothing', async () => {
    await clear();
    await source.put('from/a', '1');
    const { promise: silent, resolve: onSilent } = Promise.withResolvers<string>();
    await using running = start({ onTrouble: onSilent });
    await running.copied;
    await servers[1]?.[Symbol.asyncDispose]();
    await source.put('from/b', '2');
    expect(await silent).toBe('destination');
    await source.delete('from/a');
    await source.put('from/c', '3');
    // It comes back empty, on the same port, which makes visible what is written from now on.
    servers[1] = await startQuorate({ clientPort: destinationPort });
    await vi.waitFor(async () => expect(await mirroredKeys()).toEqual({ 'to/b': '2', 'to/c': '3' }), 30_000);
  });

  test('what the destination refuses ends it', async () => {
    await clear();
    const refuses = new Client({ endpoints: [servers[1]?.endpoint ?? ''], maxSendBytes: 100 });
    await source.put('from/large', 'x'.repeat(200));
    await using running = start({ destination: refuses });
    await expect(running.running).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await refuses.close();
  });
});

test('an end where nobody answers is told of when its time is over', async () => {
  await using server = await startQuorate();
  const nowhere = `127.0.0.1:${await freePort()}`;
  const timeout = '--command-timeout=100ms';
  for (const [from, to] of [
    [nowhere, server.endpoint],
    [server.endpoint, nowhere],
  ] as const) {
    const { stderr, code } = await quoratectl({ argv: ['make-mirror', to, `--endpoints=${from}`, timeout] });
    expect([stderr, code]).toEqual(['Error: context deadline exceeded\n', 1]);
  }
});

test.skipIf(etcdBinFolder === undefined)(
  'a mirror has the keys, versions and transactions that etcdctl gives it (set QUORATE_ETCD_BIN to run)',
  async () => {
    const binFolder = etcdBinFolder ?? '';
    await using server = await startRealEtcd(binFolder);
    await using client = new Client({ endpoints: [server.endpoint] });
    for (const key of ['m/a', 'm/b', 'm/c', 'm/a']) await client.put(key, key);

    const theirs = spawn(join(binFolder, 'etcdctl'), [
      ...['make-mirror', server.endpoint, `--endpoints=${server.endpoint}`],
      ...['--prefix=m/', '--dest-prefix=theirs/'],
    ]);
    const stop = new AbortController();
    const ours = mirror({
      source: client,
      destination: client,
      prefix: fromUtf8('m/'),
      destinationPrefix: fromUtf8('ours/'),
      fromRevision: 0n,
      txnOpsMax: 128,
      timeoutMs: 5_000,
      clock: systemClock,
      onMirrored: () => {},
      onTrouble: () => {},
      signal: stop.signal,
    });
    ours.catch(() => {});
    onTestFinished(() => {
      stop.abort();
      theirs.kill('SIGKILL');
    });
    /** Keys with their values and versions, and which of them were written together. */
    const mirrored = async (prefix: string) => {
      const kvs = await client.getAll({ prefix });
      const revisions = [...new Set(kvs.map((kv) => kv.modRevision))].toSorted((a, b) => Number(a - b));
      return kvs.map((kv) => ({
        key: toUtf8(kv.key.subarray(prefix.length)),
        value: toUtf8(kv.value),
        version: kv.version,
        // Copies may come in any order; what follows is in order.
        transaction:
          kv.version === 1n && !toUtf8(kv.value).startsWith('new') ? 0 : revisions.indexOf(kv.modRevision),
      }));
    };
    const both = async () => [await mirrored('theirs/'), await mirrored('ours/')] as const;
    await vi.waitFor(async () => {
      for (const keys of await both()) expect(keys).toHaveLength(3);
    }, 20_000);
    await client.txn({ success: [op.put('m/d', 'new'), op.delete({ key: 'm/b' }), op.put('m/a', 'new')] });
    await client.put('m/e', 'new');
    await client.put('m/a', 'newest');
    await vi.waitFor(async () => {
      for (const keys of await both()) expect(keys[0]).toMatchObject({ key: 'a', value: 'newest' });
    }, 20_000);
    const [expected, actual] = await both();
    expect(expected.map(({ key }) => key)).toEqual(['a', 'c', 'd', 'e']);
    expect(actual).toEqual(expected);
  },
);
