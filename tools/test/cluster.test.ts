import { spawn, type ChildProcess } from 'node:child_process';
import { Client } from '@quorate/client';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ClusterError, parseOptions, portsOf } from '../src/cluster/options.ts';
import { checkPortsAreFree } from '../src/cluster/ports.ts';
import { Printer } from '../src/cluster/printer.ts';

vi.setConfig({ testTimeout: 120_000 });

/** How many members the clusters of these tests have. */
const memberCount = 3;

const script = resolve(import.meta.dirname, '../src/cluster.ts');

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'quorate-cluster-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** A running `npm run cluster`, and what it has written. */
class Running implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  output = '';
  #more = Promise.withResolvers<void>();

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.exited = once(this.child, 'close').then(([code]: unknown[]) => code);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        this.#more.resolve();
        this.#more = Promise.withResolvers();
      });
    }
  }

  /** Waits until the output matches. */
  async until(pattern: RegExp): Promise<void> {
    const ended = this.exited.then(() => 'ended');
    while (!pattern.test(this.output)) {
      if ((await Promise.race([this.#more.promise, ended])) === 'ended') {
        throw new Error(`it ended:\n${this.output}`);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGTERM');
    await this.exited;
  }
}

/** The first of so many ports in a row that are free at the moment. */
async function freeBasePort(count: number): Promise<number> {
  for (;;) {
    const base = 20_000 + Math.floor(Math.random() * 20_000);
    const ports = portsOf({ memberCount: count, basePort: base });
    const isFree = await checkPortsAreFree(ports).then(
      () => true,
      () => false,
    );
    if (isFree) return base;
  }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const pidsIn = (output: string): number[] =>
  [...output.matchAll(/ starting .*pid=(\d+)/g)].map(([, pid]) => Number(pid));

describe('npm run cluster', () => {
  test('serves, says how to try it, stops all members on Ctrl-C, and has its data at the next start', async () => {
    const basePort = await freeBasePort(memberCount);
    const args = [`--members=${memberCount}`, `--base-port=${basePort}`, `--data-dir=${join(dir, 'data')}`];
    const endpoints = portsOf({ memberCount, basePort }).map(({ client }) => `127.0.0.1:${client}`);
    {
      await using cluster = new Running(args);
      await cluster.until(/Ctrl-C stops all members/);
      expect(cluster.output).toContain(
        `npx quoratectl --endpoints=${endpoints.join(',')} member list -w table`,
      );
      expect(cluster.output).not.toContain('\x1b'); // Nobody looks: no colours.
      await using client = new Client({ endpoints });
      await client.put('greeting', 'hello');
      expect(pidsIn(cluster.output)).toHaveLength(memberCount);
      cluster.child.kill('SIGINT');
      expect(await cluster.exited).toBe(0);
      expect(pidsIn(cluster.output).filter(isAlive)).toEqual([]);
      expect(cluster.output.match(/ stopped memberId=/g)).toHaveLength(memberCount);
    }
    await using again = new Running(args);
    await again.until(/Ctrl-C stops all members/);
    await using client = new Client({ endpoints });
    expect(await client.count({ key: 'greeting' })).toBe(1n);
    // Its logs know the ports that it was made with.
    await using other = new Running([...args, `--base-port=${await freeBasePort(memberCount)}`]);
    expect(await other.exited).toBe(1);
    expect(other.output).toMatch(/^cluster: .* holds the data of a cluster with other members or ports: /);
  });

  test('starts a member again that died, when it is asked to', async () => {
    const basePort = await freeBasePort(memberCount);
    const dataDir = `--data-dir=${join(dir, 'data')}`;
    const members = `--members=${memberCount}`;
    await using cluster = new Running([members, `--base-port=${basePort}`, dataDir, '--restart']);
    await cluster.until(/Ctrl-C stops all members/);
    const [pid = 0] = pidsIn(cluster.output);
    process.kill(pid, 'SIGKILL');
    await cluster.until(new RegExp(`^m\\d \\(pid ${pid}\\) was ended by SIGKILL; starting it again$`, 'm'));
    const readyAgain = new RegExp('( ready to serve [^]*){' + (memberCount + 1) + '}');
    await cluster.until(readyAgain);
    cluster.child.kill('SIGTERM');
    expect(await cluster.exited).toBe(0);
    expect(pidsIn(cluster.output).filter(isAlive)).toEqual([]);
  });

  test('tells of members that die, and ends with the last of them', async () => {
    const basePort = await freeBasePort(memberCount);
    await using cluster = new Running([
      `--members=${memberCount}`,
      `--base-port=${basePort}`,
      `--data-dir=${join(dir, 'data')}`,
    ]);
    await cluster.until(/Ctrl-C stops all members/);
    for (const pid of pidsIn(cluster.output)) process.kill(pid, 'SIGKILL');
    expect(await cluster.exited).toBe(1);
    expect(cluster.output).toContain(`was ended by SIGKILL; 0 of ${memberCount} members run`);
  });

  test('names the port that is taken, and starts nothing', async () => {
    const basePort = await freeBasePort(memberCount);
    const holder = createServer().listen(basePort + 1, '127.0.0.1');
    await once(holder, 'listening');
    await using cluster = new Running([`--base-port=${basePort}`, `--data-dir=${join(dir, 'data')}`]);
    expect(await cluster.exited).toBe(1);
    expect(cluster.output).toBe(
      `cluster: port ${basePort + 1} is taken: stop what listens there, or choose others by --base-port\n`,
    );
    holder.close();
    await once(holder, 'close');
  });

  test('ends when a member refuses its flags, with what the member said', async () => {
    const basePort = await freeBasePort(memberCount);
    await using cluster = new Running([
      `--members=${memberCount}`,
      `--base-port=${basePort}`,
      `--data-dir=${join(dir, 'data')}`,
      '--',
      '--nme=x',
    ]);
    expect(await cluster.exited).toBe(1);
    // The first to end stops the others, perhaps before these have said it.
    expect(cluster.output).toMatch(/^m\d \| quorate: unknown flag --nme: did you mean --name\?$/m);
    expect(cluster.output).toMatch(
      /^cluster: m\d ended with code 2 before it served: its lines above say why$/m,
    );
  });
});

describe('options', () => {
  test('are three members at the ports of etcd’s examples', () => {
    const options = parseOptions([]);
    expect(options).toMatchObject({ memberCount: 3, restart: false, memberFlags: [] });
    expect(options && portsOf(options)).toEqual([
      { client: 2379, peer: 2380 },
      { client: 22379, peer: 22380 },
      { client: 32379, peer: 32380 },
    ]);
  });

  test('choose ports in a row, and pass flags on', () => {
    const options = parseOptions(['--members', '2', '--base-port', '5000', '--', '--members=9']);
    expect(options?.memberFlags).toEqual(['--members=9']);
    expect(options && portsOf(options).flatMap(({ client, peer }) => [client, peer])).toEqual([
      5000, 5001, 5002, 5003,
    ]);
  });

  test.each([
    [['--members=0'], '--members: "0" is not a whole number from 1 to 31'],
    [['--members=2.5'], '--members: "2.5" is not a whole number from 1 to 31'],
    [['--base-port=x'], '--base-port: "x" is not a whole number from 1 to 65535'],
    [['--members=7'], '7 members would need ports up to 72380'],
    [['--base-port=65534'], '3 members would need ports up to 65539'],
    [['--wat'], "Unknown option '--wat'"],
  ])('%j are refused: %s', (args, sentence) => {
    expect(() => parseOptions(args)).toThrow(ClusterError);
    expect(() => parseOptions(args)).toThrow(sentence);
  });

  test('ask for help', () => {
    expect(parseOptions(['--help', '--members=2'])).toBeUndefined();
  });
});

describe('lines of members', () => {
  const printed = (line: string, isTTY = false): string => {
    let text = '';
    const stream = { isTTY, write: (more: string) => (text += more) };
    new Printer(stream).memberLine('m2', 1, line);
    return text;
  };
  const line =
    '{"level":"warn","time":"2026-01-02T03:04:05.678Z","member":"m2","pid":7,"err":{"message":"a b"},"dir":"x y","msg":"slow"}';

  test('are readable: who, when, how serious, what', () => {
    expect(printed(line)).toBe('m2 | 03:04:05.678 warn  slow pid=7 err="a b" dir="x y"\n');
  });

  test('are coloured for a terminal', () => {
    vi.stubEnv('NO_COLOR', '');
    expect(printed(line, true)).toContain('\x1b[33mwarn  slow\x1b[39m');
    vi.stubEnv('NO_COLOR', '1');
    expect(printed(line, true)).not.toContain('\x1b');
    vi.unstubAllEnvs();
  });

  test.each(['plain text', '{ no json', '{"no":"message"}', ''])(
    'that are no log are as they were: %j',
    (text) => {
      expect(printed(text)).toBe(`m2 | ${text}\n`);
    },
  );
});
