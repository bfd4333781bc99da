import { expect, test } from 'vitest';
import { parseCommandLine } from '../src/config/command-line.ts';
import { ConfigError, loadConfig } from '../src/config/load.ts';

function load(args: readonly string[]) {
  const commandLine = parseCommandLine(args);
  if (commandLine.action !== 'run') throw new Error('not a run');
  return loadConfig({ flags: commandLine.flags, env: {} });
}

function refusal(args: readonly string[]): string {
  try {
    load(args);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'not refused';
}

const client = (url: string) => [`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`];

test.each([
  [
    client('https://127.0.0.1:1'),
    'TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:1 with HTTPS scheme; or set --auto-tls',
  ],
  [
    client('unixs://m1.sock'),
    'TLS key/cert (--cert-file, --key-file) must be provided for client url unixs://m1.sock with HTTPS scheme; or set --auto-tls',
  ],
  [
    ['--listen-metrics-urls=https://127.0.0.1:1'],
    'TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:1 with HTTPS scheme; or set --auto-tls',
  ],
  [
    ['--listen-peer-urls=https://127.0.0.1:1'],
    'cannot listen on TLS for https://127.0.0.1:1: KeyFile and CertFile are not presented: give --peer-cert-file and --peer-key-file, or --peer-auto-tls',
  ],
  [['--cert-file=a'], '--cert-file and --key-file belong together: give both or none'],
  [['--peer-key-file=a'], '--peer-cert-file and --peer-key-file belong together: give both or none'],
  [
    ['--peer-client-cert-file=a'],
    '--peer-client-cert-file and --peer-client-key-file belong together: give both or none',
  ],
  [
    [...client('http://127.0.0.1:1'), '--listen-client-http-urls=http://127.0.0.1:2,http://127.0.0.1:1'],
    'cannot bind both --listen-client-urls and --listen-client-http-urls on the same url http://127.0.0.1:1: take another port',
  ],
  [
    ['--tls-min-version=TLS1.1'],
    '--tls-min-version: unexpected TLS version "TLS1.1" (must be one of: TLS1.2, TLS1.3)',
  ],
  [
    ['--tls-min-version=TLS1.3', '--tls-max-version=TLS1.2'],
    '--tls-min-version: min version (TLS1.3) is greater than max version (TLS1.2)',
  ],
  [
    ['--tls-min-version=TLS1.3', '--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
    '--cipher-suites: cipher suites cannot be configured when only TLS1.3 is enabled; leave out one of it and --tls-min-version',
  ],
  [['--self-signed-cert-validity=0'], '--self-signed-cert-validity: 0 is not within 1 .. 100'],
  [['--connection-timeout=0'], '--connection-timeout: "0" must be longer than 0'],
])('%j is refused: %s', (args, sentence) => {
  expect(refusal(args)).toBe(sentence);
});

test('a weak cipher suite is refused by name, with those to choose of', () => {
  const sentence = refusal(['--cipher-suites=TLS_RSA_WITH_AES_128_CBC_SHA']);
  expect(sentence).toMatch(
    /^--cipher-suites: TLS_RSA_WITH_AES_128_CBC_SHA is refused: .*; choose of TLS_ECDHE_/,
  );
});

test('rules that do not hold where they are hardly left out on purpose are warned of', () => {
  const { warnings } = load([
    '--cert-file=a',
    '--key-file=b',
    '--client-cert-auth',
    '--peer-client-cert-auth',
  ]);
  expect(warnings).toEqual([
    '--cert-file is not used for http://localhost:2379: its scheme is one without TLS',
    '--client-cert-auth does not hold for http://localhost:2379: its scheme is one without TLS',
    '--peer-client-cert-auth does not hold for http://localhost:2380: its scheme is one without TLS',
    '--client-cert-auth without --trusted-ca-file takes certificates of every authority that this system trusts',
    '--peer-client-cert-auth without --peer-trusted-ca-file takes certificates of every authority that this system trusts',
  ]);
});

test('TLS and sockets are taken where certificates are given or made', () => {
  const { config, warnings } = load([
    ...client('https://127.0.0.1:1'),
    '--auto-tls',
    '--listen-peer-urls=unixs://m1.sock,https://127.0.0.1:2',
    '--peer-auto-tls',
    '--listen-metrics-urls=http://127.0.0.1:3',
  ]);
  expect(config.listenPeerUrls).toEqual(['unixs://m1.sock', 'https://127.0.0.1:2']);
  expect(warnings).toEqual([]);
});
