import { Client } from '@quorate/client';
import { freePort, startQuorate, type StartedServer } from '@quorate/client/testing';
import { systemClock } from '@quorate/std';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { datascaleCheck } from '../src/commands/check-datascale.ts';
import { perfCheck } from '../src/commands/check-perf.ts';
import { ExitError } from '../src/exit.ts';
import { LoadReport, pacedPermits, permitsOf, runLoad } from '../src/load.ts';
import { quoratectl } from './differential/tools.ts';
import { runAction } from './run-action.ts';

// Servers are started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describe('a load', () => {
  const signal = new AbortController().signal;

  test('is written by all writers together, and what fails is counted by what it says', async () => {
    let written = 0;
    const write = () => (++written % 5 === 0 ? Promise.reject(new Error('busy')) : Promise.resolve());
    const report = await runLoad({ writers: 3, permits: permitsOf(20), write, clock: systemClock, signal });
    expect(written).toBe(20);
    expect([...report.errors]).toEqual([['busy', 4]]);
  });

  test('ends when it is interrupted, with the writes under way answered', async () => {
    const stop = new AbortController();
    let written = 0;
    const write = () => {
      if (++written === 4) stop.abort();
      return Promise.resolve();
    };
    await runLoad({ writers: 2, permits: () => true, write, clock: systemClock, signal: stop.signal });
    expect(written).toBeLessThanOrEqual(5);
  });

  test('at a rate has no more than that, gives nothing back for time that was slept away, and ends', async () => {
    let nowMs = 0;
    const after = (delayMs: number, callback: () => void) => {
      nowMs += delayMs;
      callback();
      return { cancel: () => {} };
    };
    const clock = { ...systemClock, now: () => nowMs, after };
    const permits = pacedPermits(clock, { perSecond: 100, durationMs: 100 });
    expect(await permits()).toBe(true);
    expect(await permits()).toBe(true);
    expect(nowMs).toBe(10);
    nowMs = 75;
    expect([await permits(), await permits(), nowMs]).toEqual([true, true, 85]);
    expect([await permits(), await permits(), nowMs]).toEqual([true, false, 95]);
  });

  test('is summed up by rate, slowest and deviation', () => {
    const report = new LoadReport();
    for (const seconds of [0.1, 0.3]) report.add(seconds);
    report.end(4);
    expect(report.perSecond).toBe(0.5);
    expect(report.slowestSeconds).toBe(0.3);
    expect(report.deviationSeconds).toBeCloseTo(0.1);
    expect(new LoadReport().deviationSeconds).toBe(0);
  });
});

const small = { writers: 4, writesPerSecond: 100, durationSeconds: 0.3, keys: 40 };
const loads = { s: small, m: small, l: small, xl: small };

describe('at a member', () => {
  let server: StartedServer;
  let client: Client;
  let flag: string;

  beforeAll(async () => {
    server = await startQuorate();
    client = new Client({ endpoints: [server.endpoint] });
    flag = `--endpoints=${server.endpoint}`;
  });

  afterAll(async () => {
    await client.close();
    await server[Symbol.asyncDispose]();
  });

  const isEmpty = async () => expect(await client.count({ prefix: '' })).toBe(0n);

  test('perf tells of rate, slowest and deviation, and leaves nothing behind', async () => {
    const argv = ['check', 'perf', flag, '--auto-compact', '--auto-defrag'];
    const { stdout, failure } = await runAction(perfCheck(loads), argv);
    // How fast this machine is at the moment is not what is tested.
    expect(stdout).toMatch(
      new RegExp(
        '^Compacting with revision \\d+\nCompacted with revision \\d+\n' +
          `Defragmenting "${server.endpoint}"\nDefragmented "${server.endpoint}"\n` +
          '(PASS: Throughput is|FAIL: Throughput too low:) \\d+ writes/s\n' +
          '(PASS: Slowest request took|Slowest request took too long:) \\d\\.\\d{6}s\n' +
          '(PASS: Stddev is|Stddev too high:) \\d\\.\\d{6}s\n(PASS|FAIL)\n$',
      ),
    );
    expect(failure instanceof ExitError).toBe(stdout.endsWith('FAIL\n'));
    await isEmpty();
  });

  test('datascale tells how much memory it took, and leaves nothing behind', async () => {
    const { stdout, failure } = await runAction(datascaleCheck(loads), ['check', 'datascale', flag]);
    expect(failure).toBeUndefined();
    expect(stdout).toMatch(
      /^Start data scale check for work load \[40 key-value pairs, 1024 bytes per key-value, 4 concurrent clients\]\.\nPASS: Approximate system memory used : -?\d+\.\d\d MB\.\n$/,
    );
    await isEmpty();
  });

  test.each([
    ['perf', perfCheck({ ...loads, s: { ...small, durationSeconds: 3_600 } })],
    ['datascale', datascaleCheck({ ...loads, s: { ...small, keys: 1e9 } })],
  ])('%s that is interrupted deletes what it wrote', async (name, action) => {
    const onInterrupt = (listener: (signal: 'SIGINT') => void) => {
      const written = (async () => {
        for await (const event of client.watch({ prefix: '/interrupted/' })) if (event.type === 'put') break;
        listener('SIGINT');
      })();
      return { [Symbol.dispose]: () => void written.catch(() => {}) };
    };
    const argv = ['check', name, flag, '--prefix=/interrupted/'];
    const { stdout, failure } = await runAction(action, argv, { onInterrupt });
    if (name === 'perf') expect(stdout).toMatch(/(PASS|FAIL)\n$/);
    else expect(failure).toMatchObject({ code: 'interrupted' });
    await isEmpty();
  });

  test.each(['perf', 'datascale'])('%s does not run where somebody has keys', async (name) => {
    await client.put('/mine/key', '1');
    const { stderr, code } = await quoratectl({ argv: ['check', name, flag, '--prefix', '/mine/'] });
    expect(stderr).toContain('Error: prefix "/mine/" has keys. Delete with ');
    expect(code).toBe(3);
    expect(await client.delete('/mine/key')).toBe(1n);
  });
});

test.each(['perf', 'datascale'])('%s ends when nobody answers in time', async (name) => {
  const flags = [`--endpoints=127.0.0.1:${await freePort()}`, '--command-timeout=50ms'];
  const outcome = await quoratectl({ argv: ['check', name, ...flags] });
  expect(outcome).toEqual({ stdout: '', stderr: 'Error: context deadline exceeded\n', code: 1 });
});
