import { startQuorate, testCertificates, writeTestCertificates } from '@quorate/client/testing';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, pipeline } from 'node:stream';
import { createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../src/app.ts';
import { allFlags, findCommand } from '../src/cli/command.ts';
import { Flags } from '../src/cli/flags.ts';
import { tlsFlags, withFiles } from '../src/cli/tls-files.ts';
import { rootCommand } from '../src/commands.ts';
import { LineReader, type InterruptSignal, type Terminal } from '../src/terminal.ts';

let folder: string;
const pathOf = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-ctl-renewed-'));
  await writeTestCertificates(folder);
});

afterAll(() => rm(folder, { recursive: true }));

/** TLS in front of a member, which remembers whose certificates it was shown. */
async function startFront(endpoint: string) {
  const sockets = new Set<TLSSocket>();
  const names: string[] = [];
  const { hostname, port } = new URL(endpoint.includes('://') ? endpoint : `http://${endpoint}`);
  const { cert, key } = testCertificates.server;
  const settings = { cert, key, requestCert: true, rejectUnauthorized: false, ALPNProtocols: ['h2'] };
  const server = createServer(settings, (socket) => {
    sockets.add(socket);
    names.push(String(socket.getPeerCertificate().subject.CN));
    pipeline(socket, connect(Number(port), hostname), socket, () => {});
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    // What a server listens on is an address unless it is a pipe.
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    names,
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      server.close();
    },
  };
}

/** Holds a lock in this process until it is interrupted. */
function holdLock(flags: readonly string[]) {
  const said = { stdout: '', stderr: '' };
  const printed = Promise.withResolvers<void>();
  let interrupt: ((signal: InterruptSignal) => void) | undefined;
  const refuse = () => Promise.reject(new Error('not here'));
  const terminal: Terminal = {
    argv: [...flags, 'lock', 'renewed'],
    env: {},
    stdin: new LineReader(new PassThrough()),
    out: (text) => {
      said.stdout += text;
      printed.resolve();
    },
    err: (text) => void (said.stderr += text),
    askSecret: refuse,
    exec: refuse,
    onInterrupt: (listener) => {
      interrupt = listener;
      return { [Symbol.dispose]: () => {} };
    },
  };
  const ended = run(terminal).then((code) => ({ ...said, code }));
  return { held: Promise.race([printed.promise, ended]), ended, interrupt: () => interrupt?.('SIGINT') };
}

test('a command that goes on shows the certificate that its file has when it connects again', async () => {
  await using member = await startQuorate();
  await using front = await startFront(member.endpoint);
  const [cert, key] = [pathOf('client.crt'), pathOf('client.key')];
  const show = async (name: 'alice' | 'named') => {
    await copyFile(pathOf(`${name}.crt`), cert);
    await copyFile(pathOf(`${name}.key`), key);
  };
  await show('alice');
  const flags = [`--endpoints=${front.endpoint}`, `--cacert=${pathOf('ca.crt')}`];
  const lock = holdLock([...flags, `--cert=${cert}`, `--key=${key}`]);
  await lock.held;
  /** Resolves when the connection was cut, and there is another one. */
  const reconnected = async () => {
    const before = front.names.length;
    front.cut();
    await expect.poll(() => front.names.length, { timeout: 60_000, interval: 10 }).toBeGreaterThan(before);
  };

  // A certificate whose key is not there yet changes nothing, and is told of.
  await copyFile(pathOf('named.crt'), cert);
  await reconnected();
  await show('named');
  await reconnected();
  lock.interrupt();
  const { code, stderr } = await lock.ended;
  expect(code).toBe(0);
  expect(stderr).toMatch(/^(warning: --key .* is not the key of --cert .* what was read before\n)+$/);
  expect(front.names.slice(0, 2)).toEqual(['alice', 'alice']);
  const { subject } = new X509Certificate(testCertificates.named.cert);
  expect(subject).toContain(`CN=${front.names.at(-1)}`);
}, 60_000);

test('what is no file that can be read again is read once', async () => {
  await writeFile(pathOf('ca again.crt'), testCertificates.ca);
  const flagsOf = (...argv: string[]) => {
    const found = findCommand(rootCommand, [...argv, 'get', 'a']);
    const flags = new Flags(allFlags(found.path));
    flags.parse(found.argv);
    return flags;
  };
  const flags = flagsOf(`--cacert=${pathOf('ca again.crt')}`);
  const { options } = tlsFlags(flags);
  expect(options?.ca?.length).toBe(testCertificates.ca.length);
  expect(withFiles(options ?? {}, flags).ca).toEqual({ file: pathOf('ca again.crt') });
  // Such as a shell makes of <(…).
  const pipe = flagsOf('--cacert=/dev/null');
  const bytes = new Uint8Array(1);
  expect(withFiles({ ca: bytes }, pipe).ca).toBe(bytes);
});
