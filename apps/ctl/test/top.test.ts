import { etcdBinFolder, freePorts, startRealCluster, startRealEtcd } from '@quorate/client/testing';
import { rpcpb } from '@quorate/wire';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import { run } from '../src/app.ts';
import type { Paint } from '../src/colour.ts';
import type { LiveScreen } from '../src/live-screen.ts';
import { LineReader } from '../src/terminal.ts';
import { parseCounters, type Counters } from '../src/top/metrics.ts';
import { median, type ClusterSample, type MemberSample } from '../src/top/sampler.ts';
import { summaryLine, tableCells, tableLines, viewJson, viewOf } from '../src/top/view.ts';
import { quoratectl } from './differential/tools.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const plain: Paint = (_, text) => text;
const counters = (puts: number): Counters => ({ puts, ranges: 0, txns: 0, events: 0, watchers: 3 });

function member(
  id: bigint,
  options: Partial<MemberSample> & { index?: bigint; errors?: string[] } = {},
): MemberSample {
  const { index = 100n, errors = [], ...rest } = options;
  const status = {
    ...rpcpb.StatusResponse.create(),
    header: { ...rpcpb.ResponseHeader.create(), memberId: id, revision: index },
    ...{ leader: 1n, version: '3.5.30', raftTerm: 2n, raftIndex: index, raftAppliedIndex: index, errors },
  };
  return {
    ...{ id, name: `n${id}`, isLearner: false, endpoint: `http://host${id}:1`, status, trouble: '' },
    ...{ latencyMs: 1.25, counters: counters(10) },
    ...rest,
  };
}

const sampleOf = (atMs: number, ...members: MemberSample[]): ClusterSample => ({ atMs, members });
const down = { status: undefined, trouble: 'refused', latencyMs: undefined, counters: undefined };

describe('what is shown of a cluster', () => {
  test('rates compare two samples, and are unknown after one, or after a restart', () => {
    const before = sampleOf(1000, member(1n), member(2n, { counters: counters(500) }));
    const now = sampleOf(3000, member(1n, { counters: counters(50), index: 140n }), member(2n));
    expect(viewOf(before, undefined).rows.map(({ rates }) => rates)).toEqual([undefined, undefined]);
    const view = viewOf(now, before);
    expect(view.rows.map(({ rates }) => rates?.puts)).toEqual([20, undefined]);
    expect(view.revisionRate).toBe(20);
  });

  test('the lag is behind the leader, never below nothing, and unknown without one', () => {
    const sample = sampleOf(0, member(1n), member(2n, { index: 90n }), member(3n, { index: 101n }));
    expect(viewOf(sample, undefined).rows.map(({ lag }) => lag)).toEqual([0, 10, 0]);
    const headless = sampleOf(0, member(1n, down), member(2n));
    expect(viewOf(headless, undefined).rows.map(({ lag, role }) => [lag, role])).toEqual([
      [undefined, 'down'],
      [undefined, 'follower'],
    ]);
  });

  test('alarms stand at the member that raised them, whoever tells', () => {
    const errors = ['memberID:2 alarm:NOSPACE ', 'etcdserver: no leader'];
    const view = viewOf(sampleOf(0, member(1n, { errors }), member(2n, down)), undefined);
    const { rows } = tableCells(view);
    expect(rows.map((row) => row.at(-1))).toEqual(['etcdserver: no leader', 'NOSPACE, refused']);
  });

  test('a table has a line for each member, dead ones too', () => {
    const lines = tableLines(viewOf(sampleOf(0, member(1n), member(2n, down)), undefined), plain);
    expect(lines).toEqual([
      'NAME  ID  ENDPOINT        ROLE    VERSION  DB SIZE  IN USE  TERM  INDEX  APPLIED  LAG    P50  PUT/S  RANGE/S  TXN/S  WATCHERS  EVENT/S  NOTES',
      'n1    1   http://host1:1  leader  3.5.30       0 B     0 B     2    100      100    0  1.3ms      -        -      -         3        -',
      'n2    2   http://host2:1  down    -              -       -     -      -        -    -      -      -        -      -         -        -  refused',
    ]);
  });

  test.each([200, 100, 60, 30, 5])('no line is longer than a terminal of %d columns', (width) => {
    const view = viewOf(sampleOf(0, member(1n), member(2n, down)), undefined);
    const lines = tableLines(view, plain, width);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
    if (width >= 30) expect(lines.join('\n')).toMatch(/NAME.*ROLE.*LAG.*NOTES\nn1.*leader[^]*refused/);
  });

  test('the first line and the JSON sum it up', () => {
    const view = viewOf(sampleOf(0, member(1n), member(2n, down)), undefined);
    expect(summaryLine(view)).toBe('1 of 2 members answer, leader n1, term 2, revision 100');
    expect(viewJson(view)).toMatchObject({
      revision: 100n,
      members: [
        { id: 1n, role: 'leader', latency_ms: 1.25, watchers: 3 },
        { id: 2n, role: 'down', error: 'refused' },
      ],
    });
  });

  test('the median is of the middle', () => {
    expect([median([]), median([5]), median([9, 1, 5])]).toEqual([undefined, 5, 5]);
  });

  test('counters are found in a page of metrics, and added up over labels', () => {
    const page =
      '# HELP x\netcd_mvcc_put_total 5\netcd_mvcc_range_total{a="b"} 1\netcd_mvcc_range_total{a="c"} 2e1\n';
    expect(parseCounters(page)).toEqual({ puts: 5, ranges: 21, txns: 0, events: 0, watchers: 0 });
    expect(parseCounters('<html>')).toBeUndefined();
  });
});

describe('quoratectl top', () => {
  test.each([
    [['top', 'x'], 128, 'top command accepts no arguments'],
    [['top', '-w', 'fields', '--interval=0s'], 4, 'fields not supported as output format'],
    [['top', '--interval=-1s'], 128, '--interval must be at least 100ms'],
  ])('%j is refused', async (argv, code, text) => {
    const outcome = await quoratectl({
      argv: [...argv, '--endpoints=127.0.0.1:1', '--command-timeout=100ms'],
    });
    expect([outcome.stdout, outcome.code]).toEqual(['', code]);
    expect(outcome.stderr).toContain(text);
  });

  test('says that nobody answers', async () => {
    const argv = ['top', '--once', '--interval=0s', '--endpoints=127.0.0.1:1', '--command-timeout=100ms'];
    const { stdout, stderr, code } = await quoratectl({ argv });
    expect(stdout).toMatch(/^NAME .*\n- .* down .* refused\n$/);
    expect([stderr, code]).toEqual(['Error: no member answers\n', 2]);
  });

  test.skipIf(etcdBinFolder === undefined)(
    'survives a member that dies while it is looked at (set QUORATE_ETCD_BIN to run)',
    async () => {
      await using cluster = await startRealCluster(etcdBinFolder ?? '', { ports: await freePorts(3) });
      const [first = '', , third = ''] = cluster.endpoints;
      const once = await quoratectl({
        argv: ['top', '--once', '--interval=100ms', '-w', 'json', `--endpoints=${first}`],
      });
      const members = ['n1', 'n2', 'n3'].map((name): unknown =>
        expect.objectContaining({ name, put_rate: 0, lag: 0 }),
      );
      const allOfThem: unknown = expect.arrayContaining(members);
      expect(JSON.parse(once.stdout.replace(/:(\d{16,})/g, ':"$1"'))).toMatchObject({
        members: allOfThem,
      });

      const pictures: string[] = [];
      const leaving = new AbortController();
      let closed = false;
      const screen: LiveScreen = {
        columns: 80,
        left: leaving.signal,
        show: (picture) => {
          pictures.push(picture);
          if (pictures.length === 1) void cluster.members[2]?.[Symbol.asyncDispose]();
          else if (/ down .*refused/.test(picture)) leaving.abort();
        },
        [Symbol.dispose]: () => void (closed = true),
      };
      let printed = '';
      const code = await run({
        argv: ['top', '--interval=100ms', `--endpoints=${first}`, '--command-timeout=1s'],
        env: { NO_COLOR: '1' },
        stdin: new LineReader((async function* () {})()),
        outputTerminal: { openScreen: () => Promise.resolve(screen) },
        out: (text) => void (printed += text),
        err: (text) => void (printed += text),
        askSecret: () => Promise.resolve(''),
        exec: () => Promise.reject(new Error('nothing is run here')),
      });
      expect([code, printed, closed, third === '']).toEqual([0, '', true, false]);
      expect(pictures[0]).toMatch(/^3 of 3 members answer, leader n\d, term \d+, revision \d+\n/);
      expect(pictures.at(-1)).toMatch(/^2 of 3 members answer, /);
    },
  );

  // `script` of util-linux runs a program in a terminal of its own.
  const canScript = process.platform === 'linux' && existsSync('/usr/bin/script');
  const keys = [['q'], ['\x03']];
  test.skipIf(etcdBinFolder === undefined || !canScript).each(keys)(
    'ends on the key %j and leaves the terminal in order (needs `script`; set QUORATE_ETCD_BIN to run)',
    async (key) => {
      await using server = await startRealEtcd(etcdBinFolder ?? '');
      const program = fileURLToPath(new URL('../bin/quoratectl.js', import.meta.url));
      const command = `${process.execPath} ${program} top --endpoints=${server.endpoint}; echo "code $?"; stty -a`;
      const child = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], {
        env: { ...process.env, SHELL: '/bin/sh', TERM: 'xterm', XDG_CONFIG_HOME: '/nonexistent' },
      });
      let shown = '';
      child.stdout.on('data', (chunk: Buffer) => {
        const before = shown;
        shown += chunk.toString();
        if (!before.includes('Ctrl-C ends') && shown.includes('Ctrl-C ends')) child.stdin.write(key);
      });
      await once(child, 'close');
      expect(shown).toContain('1 of 1 members answer, leader n1');
      expect(shown.lastIndexOf('\x1b[?25h')).toBeGreaterThan(shown.lastIndexOf('\x1b[?25l'));
      expect(shown).toMatch(/code 0\r?\n[^]* icanon [^]* echo /);
    },
  );
});
