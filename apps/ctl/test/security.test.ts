import {
  etcdBinFolder,
  freePort,
  startRealEtcd,
  startServer,
  writeTestCertificates,
} from '@quorate/client/testing';
import type { StartedServer, TestCertificateFiles } from '@quorate/client/testing';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LineReader } from '../src/terminal.ts';
import { etcdctl, quoratectl } from './differential/tools.ts';

// Processes are started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let folder: string;
let files: TestCertificateFiles;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-ctl-tls-'));
  files = await writeTestCertificates(folder);
  await writeFile(join(folder, 'junk'), 'junk\n');
});

afterAll(() => rm(folder, { recursive: true }));

const fill = (text: string) => text.replace(/\{(\w+\.?\w*)\}/g, (_, name: string) => join(folder, name));

describe('files of TLS that are of no use are named, with their flag and what to do', () => {
  const remedies = {
    cacert: 'give a file in PEM form with the certificates of the CA that the server is to be trusted by',
    cert: "give a file in PEM form with the client's certificate",
    key: "give a file in PEM form with the key of the client's certificate",
  };
  const cases: readonly (readonly [string, number, string])[] = [
    [
      '--cacert {none}',
      128,
      `--cacert {none}: cannot be read: no such file or directory; ${remedies.cacert}`,
    ],
    ['--cacert {}', 128, `--cacert {}: cannot be read: illegal operation on a directory; ${remedies.cacert}`],
    ['--cacert {junk}', 1, `--cacert {junk}: it has no certificate in PEM form; ${remedies.cacert}`],
    [
      '--cacert {alice.key}',
      128,
      `--cacert {alice.key}: it has a PRIVATE KEY where a CERTIFICATE should be; ${remedies.cacert}`,
    ],
    ['--cert {alice.crt}', 128, '--cert {alice.crt} is given without --key: give both, or none of them'],
    ['--key {alice.key}', 128, '--key {alice.key} is given without --cert: give both, or none of them'],
    [
      '--cert {none} --key {alice.key}',
      128,
      `--cert {none}: cannot be read: no such file or directory; ${remedies.cert}`,
    ],
    [
      '--cert {alice.crt} --key {none}',
      128,
      `--key {none}: cannot be read: no such file or directory; ${remedies.key}`,
    ],
    [
      '--cert {junk} --key {alice.key}',
      128,
      `--cert {junk}: it has no certificate in PEM form; ${remedies.cert}`,
    ],
    [
      '--cert {alice.crt} --key {junk}',
      128,
      `--key {junk}: it has no private key in PEM form; ${remedies.key}`,
    ],
    [
      '--cert {alice.crt} --key {server.key}',
      128,
      '--key {server.key} is not the key of --cert {alice.crt}: give the key that the certificate was made with',
    ],
    [
      '--cert {alice.key} --key {alice.crt}',
      128,
      `--cert {alice.key}: it has a PRIVATE KEY where a CERTIFICATE should be; ${remedies.cert}`,
    ],
    ['--cert=', 128, 'empty string is passed to --cert option'],
  ];

  test.each(cases)('%s', async (flags, code, text) => {
    const argv = ['get', 'a', ...fill(flags.replace('{}', folder)).split(' ')];
    const outcome = await quoratectl({ argv });
    expect(outcome).toEqual({ stdout: '', stderr: `Error: ${fill(text.replace('{}', folder))}\n`, code });
  });

  test.skipIf(etcdBinFolder === undefined).each(cases)(
    'the exit code of etcdctl is the same: %s (set QUORATE_ETCD_BIN to run)',
    async (flags, code) => {
      const argv = ['get', 'a', ...fill(flags.replace('{}', folder)).split(' ')];
      const timeouts = ['--endpoints=127.0.0.1:1', '--dial-timeout=100ms', '--command-timeout=100ms'];
      const outcome = await etcdctl(etcdBinFolder ?? '')({ argv: [...argv, ...timeouts] });
      expect(outcome.code).toBe(code);
    },
  );
});

describe('a token made elsewhere', () => {
  test('is not given together with a name', async () => {
    const { stderr, code } = await quoratectl({ argv: ['get', 'a', '--auth-jwt-token=t', '--user=a:b'] });
    expect([stderr, code]).toEqual([
      'Error: --auth-jwt-token and --user are both given: use one of them\n',
      128,
    ]);
  });

  test('that cannot be one is refused without being told', async () => {
    const { stderr, code } = await quoratectl({
      argv: ['get', 'a'],
      env: { ETCDCTL_AUTH_JWT_TOKEN: 'se cret' },
    });
    expect([stderr, code]).toEqual([
      'Error: --auth-jwt-token has characters that are in no token: give it without spaces and line breaks\n',
      128,
    ]);
  });
});

describe('a line typed on a terminal in raw mode', () => {
  const typed = async (keys: string) => {
    const reader = new LineReader(
      (async function* () {
        for (const key of keys) yield Buffer.from(key, 'latin1');
      })(),
    );
    return [await reader.typedLine(), await reader.rest()];
  };

  test.each([
    ['ends with the key that ends lines', 'secret\rmore', 'secret', 'more'],
    ['loses what is deleted, character by character', 'a\xc3\xbc\x7f\x7fb\b\bc\r', 'c', ''],
    ['loses all of it at Ctrl-U', 'wrong\x15right\n', 'right', ''],
    ['ends at Ctrl-D when it is empty', '\x04more', '', 'more'],
    ['is nothing after Ctrl-C', 'se\x03cret\r', undefined, 'cret\r'],
    ['may end with the input', 'secret', 'secret', ''],
  ])('%s', async (_, keys, line, rest) => {
    expect(await typed(keys)).toEqual([line, rest]);
  });
});

// `script` of util-linux runs a program in a terminal of its own.
const canScript = process.platform === 'linux' && existsSync('/usr/bin/script');

describe.skipIf(!canScript)('on a terminal (needs `script` of util-linux)', () => {
  const program = fileURLToPath(new URL('../bin/quoratectl.js', import.meta.url));

  /** Types an answer to each prompt; resolves to all that the terminal showed, and the exit code. */
  async function type(command: string, answers: readonly [prompt: string, typed: string][]) {
    const child = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, SHELL: '/bin/sh', NO_COLOR: '1', XDG_CONFIG_HOME: folder },
    });
    const open = [...answers];
    let shown = '';
    let seen = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString('latin1');
      const [next] = open;
      const at = next === undefined ? -1 : shown.indexOf(next[0], seen);
      if (next === undefined || at < 0) return;
      seen = at + next[0].length;
      open.shift();
      child.stdin.write(next[1]);
    });
    await once(child, 'close');
    return { shown: shown.replaceAll('\r\n', '\n'), code: child.exitCode };
  }

  const ours = `${process.execPath} ${program}`;

  test('a new password is asked for twice and not shown', async () => {
    const { shown, code } = await type(`${ours} user add x -w bogus`, [
      ['Password of x: ', 'sesame\r'],
      ['Type password of x again for confirmation: ', 'sesame\r'],
    ]);
    expect(shown).toBe(
      'Password of x: \nType password of x again for confirmation: \nError: unsupported output format\n',
    );
    expect(code).toBe(4);
  });

  test('a prompt is left with Ctrl-C', async () => {
    const { shown, code } = await type(`${ours} user passwd x`, [['Password of x: ', 'ses\x03']]);
    expect(shown).toBe('Password of x: \n');
    expect(code).toBe(255);
  });

  test('a prompt is not part of output that goes elsewhere', async () => {
    const endpoint = `127.0.0.1:${await freePort()}`;
    const command = `${ours} get x --user root --endpoints ${endpoint} --dial-timeout 50ms > /dev/null`;
    const { shown, code } = await type(command, [['Password: ', 'sesame\r']]);
    expect(shown).toMatch(/^Password: \nError: context deadline exceeded\nHint: .+\n$/);
    expect(code).toBe(2);
  });
});

describe.skipIf(etcdBinFolder === undefined)('at a server with TLS (set QUORATE_ETCD_BIN to run)', () => {
  let server: StartedServer;
  const common = () => [`--endpoints=${server.endpoint}`, '--command-timeout=3s'];
  const both = async (...argv: string[]) => {
    const invocation = { argv: [...argv, ...common()] };
    const expected = await etcdctl(etcdBinFolder ?? '')(invocation);
    const actual = await quoratectl(invocation);
    expect([actual.stdout, actual.code]).toEqual([expected.stdout, expected.code]);
    return actual;
  };
  const trusting = () => `--cacert=${files.ca}`;
  const asAlice = () => [trusting(), `--cert=${files.alice.cert}`, `--key=${files.alice.key}`];

  beforeAll(async () => {
    server = await startTlsServer();
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function startTlsServer(): Promise<StartedServer> {
    const candidate = process.env['QUORATE_CTL_SERVER'];
    const options = { certificates: files };
    if (candidate === undefined) return await startRealEtcd(etcdBinFolder ?? '', options);
    const isScript = /\.[cm]?[jt]s$/.test(candidate);
    return await startServer(isScript ? [process.execPath, candidate] : [candidate], options);
  }

  test('a client with a certificate reads and writes', async () => {
    expect((await both('put', 'a', '1', ...asAlice())).stdout).toBe('OK\n');
    expect((await both('get', 'a', ...asAlice())).stdout).toBe('a\n1\n');
  });

  test('a client without a certificate is refused', async () => {
    expect((await both('get', 'a', trusting())).code).toBe(1);
  });

  test('a server that nothing vouches for is not trusted, and stderr says why', async () => {
    const { stderr, code } = await both('get', 'a', ...asAlice().slice(1));
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^no connection to https:[^ ]*: .*certificate.*\nError: context deadline exceeded\n$/,
    );
  });

  test('a server is trusted unseen when that is asked for', async () => {
    const [, ...own] = asAlice();
    expect((await both('get', 'a', '--insecure-skip-tls-verify', ...own)).stdout).toBe('a\n1\n');
  });

  test('a certificate names the user who has no password', async () => {
    for (const argv of [
      ['user', 'add', 'root:pw'],
      ['user', 'add', 'alice', '--no-password'],
      ['role', 'add', 'reader'],
      ['role', 'grant-permission', 'reader', 'read', 'a'],
      ['user', 'grant-role', 'alice', 'reader'],
      ['auth', 'enable'],
    ]) {
      expect(await quoratectl({ argv: [...argv, ...asAlice(), ...common()] })).toMatchObject({ code: 0 });
    }
    expect((await both('get', 'a', ...asAlice())).stdout).toBe('a\n1\n');
    expect((await both('put', 'a', '2', ...asAlice())).stderr).toBe('Error: etcdserver: permission denied\n');
    expect((await both('put', 'a', '3', ...asAlice(), '--user=root:pw')).stdout).toBe('OK\n');
    expect((await both('get', 'a', ...asAlice(), '--user=alice:pw')).code).toBe(2);
  });
});
