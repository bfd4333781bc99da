import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Client } from '@quorate/client';
import {
  etcdBinFolder,
  freePort,
  startQuorate,
  startRealEtcd,
  type StartedServer,
} from '@quorate/client/testing';
import { toLatin1, toUtf8 } from '@quorate/std';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { run } from '../src/app.ts';
import type { ProgramEnd } from '../src/program.ts';
import { LineReader, type InterruptSignal, type Terminal } from '../src/terminal.ts';
import { quoratectl } from './differential/tools.ts';

// Servers are started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: StartedServer;
let client: Client;

beforeAll(async () => {
  server = await startQuorate();
  client = new Client({ endpoints: [server.endpoint] });
});

afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

/** A command under way in this process, which can be interrupted. */
interface Running {
  /** Resolves when stdout matches, to what stands there. */
  readonly printed: (pattern: RegExp) => Promise<string>;
  readonly interrupt: (signal?: InterruptSignal) => void;
  /** What is printed and the exit code, when it ends. */
  readonly ended: Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }>;
}

interface StartOptions {
  readonly exec?: Terminal['exec'];
  readonly endpoint?: string;
}

function start(
  argv: readonly string[],
  { exec = noProgram, endpoint = server.endpoint }: StartOptions = {},
): Running {
  let [stdout, stderr] = ['', ''];
  const listeners = new Set<(signal: InterruptSignal) => void>();
  const waiting = new Set<() => void>();
  const terminal: Terminal = {
    argv: [`--endpoints=${endpoint}`, ...argv],
    env: {},
    stdin: new LineReader(new PassThrough()),
    out: (text) => {
      stdout += text;
      for (const look of waiting) look();
    },
    err: (text) => void (stderr += text),
    askSecret: () => Promise.reject(new Error('nobody is asked')),
    exec,
    onInterrupt: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
  const ended = run(terminal).then((code) => ({ stdout, stderr, code }));
  return {
    ended,
    interrupt: (signal = 'SIGINT') => listeners.forEach((listener) => listener(signal)),
    printed: (pattern) =>
      new Promise((resolve) => {
        const look = () => {
          if (!pattern.test(stdout)) return;
          waiting.delete(look);
          resolve(stdout);
        };
        waiting.add(look);
        look();
      }),
  };
}

const noProgram: Terminal['exec'] = () => Promise.reject(new Error('no program is run here'));

/** Waits until so many stand in the queue for a name. */
async function untilQueued(name: string, count: number, at = client): Promise<void> {
  await using view = await at.view({ prefix: `${name}/` });
  const changes = view.changes();
  while (view.entries().length < count) await changes.next();
}

/** Revokes the lease of the first or last in the queue. */
async function revoke(name: string, which: 'first' | 'last'): Promise<void> {
  const kvs = await client.getAll({ prefix: `${name}/` });
  kvs.sort((a, b) => Number(a.createRevision - b.createRevision));
  await client.lease.revoke((which === 'first' ? kvs[0] : kvs.at(-1))?.lease ?? 0n);
}

async function expectNothingLeft(name: string): Promise<void> {
  expect(await client.count({ prefix: `${name}/` })).toBe(0n);
  expect((await client.lease.leases()).leases).toEqual([]);
}

test('a lock is held by one, and by the next when that one is interrupted', async () => {
  const first = start(['lock', 'turns']);
  const [key = ''] = (await first.printed(/\n\n/)).split('\n');
  expect(key).toMatch(/^turns\/[0-9a-f]+$/);
  const second = start(['lock', 'turns', '-w', 'json']);
  await untilQueued('turns', 2);
  first.interrupt();
  expect(await first.ended).toEqual({ stdout: `${key}\n\n`, stderr: '', code: 0 });
  expect(await second.printed(/\n/)).toMatch(/^\{"header":\{.*"count":1\}\n$/);
  second.interrupt('SIGTERM');
  expect((await second.ended).code).toBe(0);
  await expectNothingLeft('turns');
});

test('who is interrupted while waiting leaves the queue', async () => {
  const first = start(['lock', 'queue']);
  await first.printed(/\n/);
  const second = start(['lock', 'queue']);
  await untilQueued('queue', 2);
  second.interrupt();
  expect(await second.ended).toEqual({ stdout: '', stderr: 'Error: context canceled\n', code: 1 });
  expect(await client.count({ prefix: 'queue/' })).toBe(1n);
  first.interrupt();
  await first.ended;
  await expectNothingLeft('queue');
});

test('a lease that is lost ends holding and waiting', async () => {
  const first = start(['lock', 'lost', '--ttl=1']);
  await first.printed(/\n/);
  const second = start(['lock', 'lost', '--ttl=1']);
  await untilQueued('lost', 2);
  await revoke('lost', 'last');
  expect(await second.ended).toEqual({ stdout: '', stderr: 'Error: mutex: session is expired\n', code: 1 });
  await revoke('lost', 'first');
  expect(await first.ended).toMatchObject({ stderr: 'Error: session expired\n', code: 1 });
});

test('a command runs under the lock, knows key and revision, and its exit code is ours', async () => {
  const exec: Terminal['exec'] = async (command, env) => {
    const [kv] = await client.getAll({ prefix: 'work/' });
    expect(command).toEqual(['make', '-k']);
    const key = kv === undefined ? '' : toLatin1(kv.key);
    expect(env).toEqual({ ETCD_LOCK_KEY: key, ETCD_LOCK_REV: `${kv?.createRevision}` });
    return { status: 7, reason: 'exit status 7' };
  };
  const { ended } = start(['lock', 'work', '--', 'make', '-k'], { exec });
  expect(await ended).toEqual({ stdout: '', stderr: 'Error: exit status 7\n', code: 7 });
  await expectNothingLeft('work');
});

test('a command is asked to end as we are, except by Ctrl-C, which it gets itself', async () => {
  const exec: Terminal['exec'] = (_command, _env, { signal } = {}) => {
    const end = Promise.withResolvers<ProgramEnd>();
    signal?.addEventListener('abort', () => end.resolve({ status: -1, reason: 'signal: terminated' }));
    running.interrupt('SIGINT');
    expect(signal?.aborted).toBe(false);
    running.interrupt('SIGTERM');
    return end.promise;
  };
  const running = start(['lock', 'work', 'sleep'], { exec });
  expect(await running.ended).toMatchObject({ stderr: 'Error: signal: terminated\n', code: -1 });
  await expectNothingLeft('work');
});

test('a lock that is lost while a command runs does not end that, and is told of', async () => {
  const { promise: holding, resolve: onHolding } = Promise.withResolvers<undefined>();
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<ProgramEnd>();
  const exec: Terminal['exec'] = () => {
    onHolding(undefined);
    return mayEnd;
  };
  const { ended } = start(['lock', 'work', 'sleep'], { exec });
  await holding;
  await revoke('work', 'first');
  // The next one may have it from now on.
  const next = start(['lock', 'work']);
  await next.printed(/\n/);
  end({ status: 0, reason: 'exit status 0' });
  const text = 'the lock was lost while sleep ran: somebody else may have held it at the same time\n';
  expect(await ended).toEqual({ stdout: '', stderr: text, code: 0 });
  next.interrupt();
  await next.ended;
  await expectNothingLeft('work');
});

test('leaders follow each other, and whoever listens hears of each and of what they say', async () => {
  const listener = start(['elect', 'boss', '--listen']);
  const first = start(['elect', 'boss', 'one']);
  const [key = ''] = (await first.printed(/one\n/)).split('\n');
  await listener.printed(/one\n/);
  const second = start(['elect', 'boss', 'two']);
  await untilQueued('boss', 2);
  const lease = (await client.get(key))?.lease ?? 0n;
  await client.put(key, 'one, still', { lease });
  await listener.printed(/still\n/);
  first.interrupt();
  expect(await first.ended).toEqual({ stdout: `${key}\none\n`, stderr: '', code: 0 });
  await second.printed(/two\n/);
  await listener.printed(/two\n/);
  second.interrupt('SIGTERM');
  expect((await second.ended).code).toBe(0);
  listener.interrupt();
  const { stdout, stderr, code } = await listener.ended;
  expect(stdout.split('\n').filter((text) => !text.startsWith('boss/'))).toEqual([
    'one',
    'one, still',
    'two',
    '',
  ]);
  expect([stderr, code]).toEqual(['', 0]);
  await expectNothingLeft('boss');
});

test.each([[['lock', 'a']], [['elect', 'a', 'me']], [['elect', '-l', 'a']]])(
  '%j ends when nobody answers in time',
  async (argv) => {
    const flags = [`--endpoints=127.0.0.1:${await freePort()}`, '--command-timeout=50ms'];
    const outcome = await quoratectl({ argv: [...argv, ...flags] });
    expect(outcome).toEqual({ stdout: '', stderr: 'Error: context deadline exceeded\n', code: 1 });
  },
);

describe.skipIf(etcdBinFolder === undefined)('together with etcdctl (set QUORATE_ETCD_BIN to run)', () => {
  test.each(['lock', 'elect'])('%s: each waits for the other', async (command) => {
    await using real = await startRealEtcd(etcdBinFolder ?? '');
    await using realClient = new Client({ endpoints: [real.endpoint] });
    const argv = [command, 'shared', ...(command === 'elect' ? ['me'] : [])];
    const [program, flag] = [join(etcdBinFolder ?? '', 'etcdctl'), `--endpoints=${real.endpoint}`];

    const theirs = spawn(program, [...argv, flag]);
    await once(theirs.stdout, 'data');
    const ours = start(argv, { endpoint: real.endpoint });
    await untilQueued('shared', 2, realClient);
    theirs.kill('SIGINT');
    await ours.printed(/\n/);

    const theirsAgain = spawn(program, [...argv, flag]);
    await untilQueued('shared', 2, realClient);
    ours.interrupt();
    expect((await ours.ended).code).toBe(0);
    const [printed] = (await once(theirsAgain.stdout, 'data')) as [Buffer];
    const [kv] = await realClient.getAll({ prefix: 'shared/' });
    expect(printed.toString()).toContain(toUtf8(kv?.key ?? new Uint8Array(0)));
    theirsAgain.kill('SIGINT');
    await once(theirsAgain, 'exit');
  });
});
