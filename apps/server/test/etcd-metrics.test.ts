import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { startServer } from '../src/index.ts';
import { unservedMetrics } from '../src/unserved-metrics.ts';

/** Every metric that members of etcd 3.5.30 serve, with its type: two members that have done most of what they can. */
const etcdMetrics = readFileSync(new URL('etcd-metrics.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => line.split(' ') as [name: string, type: string]);

const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
const isUnserved = (name: string): boolean =>
  Object.keys(unservedMetrics).some((pattern) => matches(pattern, name));

/** What Node’s collectors tell, which servers that are guests in a process leave to it. */
const ofProcess = /^process_(cpu|open|max|start|resident|virtual_memory_bytes)/;

const served = await (async () => {
  await using server = await startServer({ metrics: 'extensive' });
  const text = await (await fetch(`${server.endpoint}/metrics`)).text();
  return new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
  );
})();

test.each(etcdMetrics.filter(([name]) => !isUnserved(name) && !ofProcess.test(name)))(
  '%s is served, as a %s',
  (name, type) => {
    expect(served.get(name)).toBe(type);
  },
);

test('what is said not to be served is one of etcd’s, and is not served', () => {
  for (const pattern of Object.keys(unservedMetrics)) {
    expect([pattern, etcdMetrics.some(([name]) => matches(pattern, name))]).toEqual([pattern, true]);
    expect([...served.keys()].filter((name) => matches(pattern, name))).toEqual([]);
  }
});

test('the README lists them with their reasons', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8').replaceAll(/ +/g, ' ');
  for (const [pattern, reason] of Object.entries(unservedMetrics))
    expect(readme).toContain(`| \`${pattern}\` | ${reason} |`);
});
