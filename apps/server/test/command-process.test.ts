import { Client } from '@quorate/client';
import { startQuorate } from '@quorate/client/testing';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';

const bin = join(import.meta.dirname, '../bin/quorate.js');

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `quorate` to its end. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [bin, ...args],
      { env: { ...process.env, ...env } },
      (error, stdout, stderr) => {
        // Whatever a process ends with that is not 0 comes as an error with that code.
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
  });
}

/** Where nobody listens: one that was free a moment ago may be anybody's by now, the gateway's too. */
const deadPort = 1;

describe('a command that cannot be done', () => {
  test.each([
    [['gateway', 'start', '--nope'], 'quorate: unknown flag --nope: --help lists all flags\n'],
    [
      ['gateway', '--listen-addr', 'a:1', 'start'],
      'quorate: unknown flag --listen-addr: flags come behind "gateway start"\n',
    ],
    [['grpc-proxy', 'start', '--resolver-ttl=5'], 'invalid resolver-prefix ""'],
    [['gateway', 'start', '--endpoints=127.0.0.1:23790'], 'should not resolve to the gateway listen addr'],
    [['gateway', 'start', '--listen-addr=192.0.2.1:1'], 'quorate: --listen-addr: listen EADDRNOTAVAIL: '],
    [['grpc-proxy', 'start', '--listen-addr=192.0.2.1:1'], 'quorate: --listen-addr: listen EADDRNOTAVAIL: '],
  ])('%j ends with 1 and one sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(sentence);
  });

  test('without a word that it knows shows its help, and says which word it does not know', async () => {
    const [bare, wrong] = await Promise.all([run(['gateway']), run(['grpc-proxy', 'strat'])]);
    expect(bare).toMatchObject({ code: 0, stderr: '' });
    expect(bare.stdout).toContain('Usage: quorate gateway start [flags]');
    expect(wrong.code).toBe(0);
    expect(wrong.stderr).toBe(
      'quorate: there is no command "grpc-proxy strat": grpc-proxy start is the only one\n',
    );
    expect(wrong.stdout).toContain('Usage: quorate grpc-proxy start [flags]');
  });
});

test('a gateway passes on what comes, takes no flag from the environment, and lets end what stands', async () => {
  const member = createServer({ allowHalfOpen: true });
  const accepted = once(member, 'connection') as Promise<[Socket]>;
  await once(member.listen(0, '127.0.0.1'), 'listening');
  const { port } = member.address() as AddressInfo; // What listens on a port has an address, and no name of a pipe.
  const endpoints = `127.0.0.1:${deadPort},127.0.0.1:${port}`;
  const gateway = spawn(
    process.execPath,
    [bin, 'gateway', 'start', '--listen-addr=127.0.0.1:0', `--endpoints=${endpoints}`],
    {
      env: { ...process.env, ETCD_LISTEN_ADDR: 'bad', ETCD_ENDPOINTS: 'bad' },
      stdio: ['ignore', 'inherit', 'pipe'],
    },
  );
  started.push(gateway);
  const exited = once(gateway, 'exit');
  const lines = createInterface(gateway.stderr)[Symbol.asyncIterator]();
  const log = new LogOf(lines);
  const { port: gatewayPort } = await log.line('ready to pass on connections');

  const client = connect({ host: '127.0.0.1', port: Number(gatewayPort), allowHalfOpen: true });
  client.write('question');
  await log.line('an endpoint does not answer: it is set aside');
  const [server] = await accepted;
  expect(String((await once(server, 'data'))[0])).toBe('question');

  gateway.kill('SIGTERM');
  await log.line('stopping: what is under way may end');
  server.end('answer');
  expect(String((await once(client, 'data'))[0])).toBe('answer');
  client.end();
  expect(await exited).toEqual([143, null]);
  member.close();
});

// With the one there is a file for the client and none for the member, with the other there is none for either.
test.each([80, 81])(
  'a gateway that may open no more than %i files blames no member for it, and goes on',
  async (files) => {
    const member = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('hello');
    });
    await once(member.listen(0, '127.0.0.1'), 'listening');
    const { port } = member.address() as AddressInfo; // What listens on a port has an address, and no name of a pipe.
    const flags = ['--listen-addr=127.0.0.1:0', `--endpoints=127.0.0.1:${port}`, '--max-connections=1000'];
    const limited = [
      '-c',
      `ulimit -n ${files} && exec "$@"`,
      'sh',
      process.execPath,
      bin,
      'gateway',
      'start',
      ...flags,
    ];
    const gateway = spawn('sh', limited, { stdio: ['ignore', 'inherit', 'pipe'] });
    started.push(gateway);
    const exited = once(gateway, 'exit');
    const log = new LogOf(createInterface(gateway.stderr)[Symbol.asyncIterator]());
    const { port: gatewayPort } = await log.line('ready to pass on connections');

    const many = Array.from({ length: 100 }, () => greetingFrom(Number(gatewayPort)));
    const greeted = (await Promise.all(many)).filter((socket) => socket !== undefined);
    expect(greeted.length).toBeGreaterThan(0);
    expect(greeted.length).toBeLessThan(100);
    for (const socket of greeted) socket.destroy();
    let again: Socket | undefined;
    while (again === undefined) again = await greetingFrom(Number(gatewayPort));
    again.destroy();

    gateway.kill('SIGTERM');
    await exited;
    expect(await log.rest()).not.toContain('an endpoint does not answer: it is set aside');
    member.close();
  },
);

/** A connection on which something has come; undefined for one that was closed before. */
function greetingFrom(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => resolve(socket));
    socket.on('error', () => {});
    socket.once('close', () => resolve(undefined));
  });
}

test('a proxy serves a part of the keys of a cluster, with a certificate of its own making', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-proxy-'));
  await using member = await startQuorate();
  const flags = [
    `--endpoints=${member.endpoint}`,
    '--listen-addr=127.0.0.1:0',
    '--namespace=app/',
    '--auto-tls',
    `--data-dir=${folder}`,
  ];
  const proxy = spawn(process.execPath, [bin, 'grpc-proxy', 'start', ...flags], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  started.push(proxy);
  const exited = once(proxy, 'exit');
  const log = new LogOf(createInterface(proxy.stderr)[Symbol.asyncIterator]());
  const { ports } = await log.line('ready to serve');
  // The proxy says where it listens.
  const { client: port } = ports as { readonly client: number };

  const tls = { insecureSkipVerify: true };
  await using through = new Client({ endpoints: [`https://127.0.0.1:${port}`], tls });
  await through.put('greeting', 'hello');
  await using direct = new Client({ endpoints: [member.endpoint] });
  expect(Buffer.from((await direct.get('app/greeting'))?.value ?? []).toString()).toBe('hello');
  await through.close();

  proxy.kill('SIGTERM');
  expect(await exited).toEqual([143, null]);
  await rm(folder, { recursive: true });
});

/** Log lines of a process, in their order. */
class LogOf {
  readonly #lines: AsyncIterator<string>;

  constructor(lines: AsyncIterator<string>) {
    this.#lines = lines;
  }

  /** The messages of all lines that have not been asked for, until the process ends. */
  async rest(): Promise<readonly unknown[]> {
    const messages: unknown[] = [];
    for (let next = await this.#lines.next(); next.done !== true; next = await this.#lines.next()) {
      messages.push((JSON.parse(next.value) as Readonly<Record<string, unknown>>)['msg']);
    }
    return messages;
  }

  /** The next line with this message. */
  async line(message: string): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const next = await this.#lines.next();
      if (next.done === true) throw new Error(`the process has ended without saying "${message}"`);
      // The gateway writes a JSON object a line.
      const line = JSON.parse(next.value) as Readonly<Record<string, unknown>>;
      if (line['msg'] === message) return line;
    }
  }
}
