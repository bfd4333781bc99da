import { expect, test } from 'vitest';
import { childrenCpuMs, parseH2load, runProgram } from '../src/bench/programs.ts';

const h2load = `finished in 1.23s, 48731.71 req/s, 12.21MB/s
requests: 60000 total, 60000 started, 60000 done, 60000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 60000 2xx, 0 3xx, 0 4xx, 0 5xx`;

test('the rate and the count that h2load tells are read', () => {
  expect(parseH2load(h2load)).toEqual({ perSecond: 48_731.71, succeeded: 60_000 });
});

test('requests that failed are no measurement', () => {
  expect(() => parseH2load(h2load.replace('60000 succeeded', '59999 succeeded'))).toThrow('59999 of 60000');
  expect(() => parseH2load('no such host')).toThrow('no such host');
});

test('CPU time of a program is that of the children of the shell', () => {
  expect(childrenCpuMs('some output\n0m0.001s 0m0.002s\n1m1.250s 0m0.250s\n')).toBe(61_500);
});

test('a program that fails says what it said', async () => {
  await expect(runProgram('sh', ['-c', 'echo broken; exit 3'])).rejects.toThrow('ended with 3: broken');
});

test('what a program prints is there, and what it cost', async () => {
  const { output, seconds, cpuMs } = await runProgram('echo', ['well']);
  expect(output).toContain('well\n');
  expect(seconds).toBeGreaterThan(0);
  expect(cpuMs).toBeGreaterThanOrEqual(0);
});
