import type { DnsResolver, SrvRecord } from '@quorate/discovery';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { flagsOf, parseFlags, type FlagSet } from '../src/commands/flag-set.ts';
import { gatewayOptions } from '../src/commands/gateway-command.ts';
import { gatewayFlags } from '../src/commands/gateway-flags.ts';
import { grpcProxyOptions } from '../src/commands/grpc-proxy-command.ts';
import { grpcProxyFlags } from '../src/commands/grpc-proxy-flags.ts';
import { parseCommandLine } from '../src/config/command-line.ts';

const uint32Max = 4_294_967_295;

/** Every flag that etcd's reference and its 3.5.30 have, with the default that it prints. */
const etcdGateway: Readonly<Record<string, unknown>> = {
  'listen-addr': '127.0.0.1:23790',
  endpoints: ['127.0.0.1:2379'],
  'discovery-srv': '',
  'discovery-srv-name': '',
  'insecure-discovery': false,
  'trusted-ca-file': '',
  'retry-delay': 60_000,
};
const etcdGrpcProxy: Readonly<Record<string, unknown>> = {
  'listen-addr': '127.0.0.1:23790',
  endpoints: ['127.0.0.1:2379'],
  'endpoints-auto-sync-interval': 0,
  'discovery-srv': '',
  'discovery-srv-name': '',
  'insecure-discovery': false,
  'metrics-addr': '',
  'advertise-client-url': '127.0.0.1:23790',
  'resolver-prefix': '',
  'resolver-ttl': 0,
  namespace: '',
  'data-dir': 'default.proxy',
  'max-send-bytes': 1.5 * 1_024 * 1_024,
  'max-recv-bytes': 2_147_483_647,
  'grpc-keepalive-min-time': 5_000,
  'grpc-keepalive-interval': 7_200_000,
  'grpc-keepalive-timeout': 20_000,
  'dial-keepalive-time': 0,
  'dial-keepalive-timeout': 20_000,
  'permit-without-stream': false,
  cert: '',
  key: '',
  cacert: '',
  'insecure-skip-tls-verify': false,
  'cert-file': '',
  'key-file': '',
  'trusted-ca-file': '',
  'auto-tls': false,
  'client-crl-file': '',
  'self-signed-cert-validity': 1,
  'listen-cipher-suites': [],
  'tls-min-version': 'TLS1.2',
  'tls-max-version': '',
  'experimental-serializable-ordering': false,
  'experimental-leasing-prefix': '',
  'experimental-enable-grpc-logging': false,
  'enable-pprof': false,
  debug: false,
  'max-concurrent-streams': uint32Max,
};
/** Where we differ: one connection has as many calls here as at a member. */
const ownDefaults: Readonly<Record<string, unknown>> = { 'max-concurrent-streams': 1_024 };

function parse<Schema extends z.ZodObject>(set: FlagSet<Schema>, ...args: string[]): z.output<Schema> {
  const parsed = parseFlags(set, args);
  if (parsed.action !== 'run') throw new Error(`the command line asks for ${parsed.action}`);
  return parsed.config;
}

function defaultsOf(set: FlagSet<z.ZodObject>): Readonly<Record<string, unknown>> {
  const config = parse(set) as Readonly<Record<string, unknown>>;
  const keys = Object.keys(set.schema.shape);
  return Object.fromEntries(flagsOf(set.schema).map(({ flag }, i) => [flag, config[keys[i] ?? '']]));
}

const commands = [
  { name: 'gateway start', set: gatewayFlags as FlagSet<z.ZodObject>, reference: etcdGateway },
  { name: 'grpc-proxy start', set: grpcProxyFlags as FlagSet<z.ZodObject>, reference: etcdGrpcProxy },
];

describe.each(commands)('$name', ({ set, reference }) => {
  test.each(Object.entries(reference))('--%s is known, and is %j when it is not given', (flag, value) => {
    expect(defaultsOf(set)).toHaveProperty([flag], ownDefaults[flag] ?? value);
  });

  test('has no flag beyond these that is not marked as its own', () => {
    const unmarked = flagsOf(set.schema).filter(({ own }) => own !== true);
    expect(unmarked.map(({ flag }) => flag).sort()).toEqual(Object.keys(reference).sort());
  });

  test('has a help that names every flag', () => {
    const parsed = parseFlags(set, ['--help']);
    if (parsed.action !== 'help') throw new Error('there is no help');
    for (const { flag } of flagsOf(set.schema)) expect(parsed.text).toContain(`--${flag} `);
  });
});

describe('flags of commands', () => {
  test('are given as --name value, as --name=value, and a boolean alone', () => {
    const { listenAddr, insecureDiscovery } = parse(
      gatewayFlags,
      '--listen-addr',
      '--odd',
      '--insecure-discovery',
    );
    expect({ listenAddr, insecureDiscovery }).toEqual({ listenAddr: '--odd', insecureDiscovery: true });
    expect(parse(gatewayFlags, '--insecure-discovery=false').insecureDiscovery).toBe(false);
  });

  test('that are lists may be given in pieces; of others the last counts', () => {
    const { endpoints } = parse(gatewayFlags, '--endpoints=a:1,b:2', '--endpoints', 'c:3');
    expect(endpoints).toEqual(['a:1', 'b:2', 'c:3']);
    expect(parse(gatewayFlags, '--retry-delay=1s', '--retry-delay=2s').retryDelayMs).toBe(2_000);
  });

  test.each([
    [['--nope'], 'unknown flag --nope: --help lists all flags'],
    [['-h', '--nope'], 'unknown flag --nope: --help lists all flags'],
    [['--endpoint=a'], 'unknown flag --endpoint: did you mean --endpoints?'],
    [['-listen-addr=a:1'], 'unknown flag -listen-addr=a:1: flags of commands have two dashes'],
    [['--listen-addr'], '--listen-addr needs a value'],
    [['extra'], '"extra" is not a flag: every setting is given as --name=value'],
    [['--insecure-discovery', 'yes'], '"yes" is not a flag: every setting is given as --name=value'],
    [['--insecure-discovery=yes'], '--insecure-discovery: "yes" is neither true nor false'],
    [['--retry-delay=soon'], '--retry-delay: "soon" is not a duration such as 500ms, 10s or 1h30m'],
    [['--retry-delay=-1s'], '--retry-delay: "-1s" must not be negative'],
    [['--max-connections=-1'], '--max-connections: -1 is not within 0 .. 9007199254740991'],
  ])('%j is refused: %s', (args, message) => {
    expect(() => parseFlags(gatewayFlags, args)).toThrow(
      expect.objectContaining({ code: 'SERVER_CONFIG', message }),
    );
  });

  test.each([
    [['--enable-pprof'], '--enable-pprof: a proxy knows no users, so anybody could ask'],
    [['--experimental-enable-grpc-logging'], 'keys and values never go into a log'],
    [['--max-send-bytes=x'], '--max-send-bytes: "x" is not a whole number'],
    [['--max-concurrent-streams=-1'], '--max-concurrent-streams: -1 is not within 1 .. 4294967295'],
  ])('of the proxy, %j is refused: %s', (args, message) => {
    expect(() => parseFlags(grpcProxyFlags, args)).toThrow(message);
  });

  test('a command that does not come first is told to', () => {
    expect(() => parseCommandLine(['--name=a', 'gateway', 'start'])).toThrow(
      '"gateway" has to come first, as in "quorate gateway start"',
    );
  });

  test('the help of the member mentions both', () => {
    const help = parseCommandLine(['--help']);
    expect(help).toMatchObject({
      text: expect.stringMatching(/quorate gateway start .*\n.*quorate grpc-proxy start /) as string,
    });
  });
});

/** DNS that knows these clients' records and nothing else. */
function depsOf(services: Readonly<Record<string, readonly SrvRecord[]>> = {}) {
  const resolver: Pick<DnsResolver, 'resolveSrv'> = {
    resolveSrv: async (service) => services[service] ?? Promise.reject(new Error('ENOTFOUND')),
  };
  return { resolver, log: pino({ level: 'silent' }) };
}

const both = depsOf({
  '_etcd-client-ssl._tcp.example.com': [{ name: 'a.example.com', port: 2379, priority: 1, weight: 2 }],
  '_etcd-client._tcp.example.com': [{ name: 'b.example.com', port: 2380, priority: 0, weight: 0 }],
});

describe('what the flags of the gateway mean', () => {
  const options = (args: readonly string[], deps = depsOf()) =>
    gatewayOptions(parse(gatewayFlags, ...args), deps);

  test('endpoints are host and port, a scheme is left out', async () => {
    const { endpoints, proof } = await options(['--endpoints=a:1,http://b:2,https://c:3,[::1]:4']);
    expect(endpoints).toEqual([
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
      { host: 'c', port: 3 },
      { host: '::1', port: 4 },
    ]);
    expect(proof).toBeUndefined();
  });

  test.each(['a', 'a:', ':1', 'a:0', 'a:99999', 'a:http', 'unix:///a', 'http://a:1/b', 'a:1,'])(
    '--endpoints=%s is refused',
    async (endpoints) => {
      await expect(options([`--endpoints=${endpoints}`])).rejects.toThrow(
        /^--endpoints: error parsing endpoint ".*": it must be of the form host:port$/,
      );
    },
  );

  test('--max-connections 0 is what the limit of open files allows', async () => {
    const { maxConnections = 0 } = await options([]);
    expect(maxConnections).toBeGreaterThan(0);
    expect(Number.isInteger(maxConnections)).toBe(true);
    expect((await options(['--max-connections=7'])).maxConnections).toBe(7);
  });

  test('--retry-delay 0 is five minutes', async () => {
    expect((await options(['--retry-delay=0'])).retryDelayMs).toBe(300_000);
    expect((await options(['--retry-delay=90s'])).retryDelayMs).toBe(90_000);
  });

  test('discovered members need TLS and a certificate for the domain', async () => {
    const found = await options(['--discovery-srv=example.com'], both);
    expect(found.endpoints).toMatchObject([{ host: 'a.example.com', port: 2379, priority: 1, weight: 2 }]);
    expect(found.proof).toEqual({ trustedCa: undefined, serverName: 'example.com' });
    const file = await options(['--discovery-srv=example.com', '--trusted-ca-file=ca.crt'], both);
    expect(file.proof?.trustedCa).toEqual({ path: 'ca.crt', flag: '--trusted-ca-file' });
  });

  test('with --insecure-discovery they need neither', async () => {
    const found = await options(['--discovery-srv=example.com', '--insecure-discovery'], both);
    expect(found.endpoints.map(({ host }) => host)).toEqual(['a.example.com', 'b.example.com']);
    expect(found.proof).toBeUndefined();
  });

  test('--trusted-ca-file holds for --endpoints, too (GHSA-wr2v-9rpq-c35q)', async () => {
    const { proof } = await options(['--trusted-ca-file=ca.crt']);
    expect(proof).toEqual({
      trustedCa: { path: 'ca.crt', flag: '--trusted-ca-file' },
      serverName: undefined,
    });
  });

  test.each([
    [
      ['--discovery-srv=example.com', '--insecure-discovery', '--trusted-ca-file=a'],
      '--trusted-ca-file and --insecure-discovery contradict each other',
    ],
    [
      ['--discovery-srv=other.com'],
      '--discovery-srv: dns lookup errors: _etcd-client-ssl._tcp.other.com: ENOTFOUND',
    ],
    [
      ['--discovery-srv=example.com', '--discovery-srv-name=x'],
      '--discovery-srv: dns lookup errors: _etcd-client-ssl-x._tcp.example.com: ENOTFOUND',
    ],
  ])('%j is refused: %s', async (args, message) => {
    await expect(options(args, both)).rejects.toThrow(message);
  });

  test('a domain that names only members without TLS is refused', async () => {
    const plain = depsOf({
      '_etcd-client._tcp.example.com': [{ name: 'b.example.com', port: 2380, priority: 0, weight: 0 }],
    });
    await expect(options(['--discovery-srv=example.com'], plain)).rejects.toThrow(
      'name no member with TLS; --insecure-discovery takes those without',
    );
  });
});

describe('what the flags of the proxy mean', () => {
  const options = (args: readonly string[], deps = depsOf()) =>
    grpcProxyOptions(parse(grpcProxyFlags, ...args), deps);

  test('each of them arrives', async () => {
    const given = [
      '--listen-addr=h:1',
      '--endpoints=a:1,https://b:2',
      '--endpoints-auto-sync-interval=30s',
      '--metrics-addr=http://m:2',
      '--advertise-client-url=c:3',
      '--resolver-prefix=p',
      '--resolver-ttl=60',
      '--namespace=n/',
      '--experimental-serializable-ordering',
      '--experimental-leasing-prefix=l/',
      '--max-send-bytes=10',
      '--max-recv-bytes=20',
      '--max-concurrent-streams=30',
      '--grpc-keepalive-min-time=3s',
      '--grpc-keepalive-interval=1m',
      '--grpc-keepalive-timeout=2s',
      '--dial-keepalive-time=3m',
      '--dial-keepalive-timeout=4s',
      '--permit-without-stream',
      '--grpc-transport=grpc-js',
    ];
    expect(await options(given)).toEqual({
      listenAddress: 'h:1',
      grpcTransport: 'grpc-js',
      endpoints: ['a:1', 'https://b:2'],
      endpointsAutoSyncIntervalMs: 30_000,
      metricsUrl: 'http://m:2',
      advertiseClientUrl: 'c:3',
      resolver: { prefix: 'p', ttlSeconds: 60 },
      namespace: 'n/',
      serializableOrdering: true,
      leasingPrefix: 'l/',
      maxSendBytes: 10,
      maxReceiveBytes: 20,
      maxConcurrentStreams: 30,
      keepAliveMinTimeMs: 3_000,
      keepAliveIntervalMs: 60_000,
      keepAliveTimeoutMs: 2_000,
      dialKeepAliveTimeMs: 180_000,
      dialKeepAliveTimeoutMs: 4_000,
      permitWithoutStream: true,
      listenTls: undefined,
      dialTls: undefined,
    });
  });

  test('members are named as clients of etcd name them', async () => {
    const all = [
      'a:1',
      'http://a:1',
      'https://a.b:1/',
      '[::1]:1',
      'http://[::1]:1',
      'unix:///a',
      'unixs://a',
    ];
    expect((await options([`--endpoints=${all.join(',')}`])).endpoints).toEqual(all);
  });

  test('files of TLS keep the names of their flags', async () => {
    const { listenTls, dialTls } = await options([
      ...['--cacert=1', '--cert=2', '--key=3', '--insecure-skip-tls-verify'],
      ...['--cert-file=4', '--key-file=5', '--trusted-ca-file=6', '--client-crl-file=7'],
      ...['--tls-min-version=TLS1.2', '--tls-max-version=TLS1.3'],
      '--listen-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    ]);
    expect(dialTls).toEqual({
      trustedCa: { path: '1', flag: '--cacert' },
      cert: { path: '2', flag: '--cert' },
      key: { path: '3', flag: '--key' },
      insecureSkipVerify: true,
    });
    expect(listenTls).toEqual({
      pair: { cert: { path: '4', flag: '--cert-file' }, key: { path: '5', flag: '--key-file' } },
      trustedCa: { path: '6', flag: '--trusted-ca-file' },
      crl: { path: '7', flag: '--client-crl-file' },
      minVersion: 'TLS1.2',
      maxVersion: 'TLS1.3',
      cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
    });
  });

  test('--auto-tls makes certificates where etcd has them, unless there are some', async () => {
    const { listenTls } = await options(['--auto-tls', '--data-dir=d', '--self-signed-cert-validity=2']);
    expect(listenTls?.pair).toEqual({ autoTlsDir: 'd/fixtures/proxy', years: 2, flag: '--auto-tls' });
    const given = await options(['--auto-tls', '--cert-file=4', '--key-file=5']);
    expect(given.listenTls?.pair).toHaveProperty('cert');
  });

  test('discovered members are those with TLS, unless others are wanted', async () => {
    const { endpoints } = await options(['--discovery-srv=example.com'], both);
    expect(endpoints).toEqual(['https://a.example.com:2379']);
    const all = await options(['--discovery-srv=example.com', '--insecure-discovery'], both);
    expect(all.endpoints).toEqual(['https://a.example.com:2379', 'http://b.example.com:2380']);
  });

  test.each([
    [['--endpoints='], '--endpoints: no available endpoints: name members as host:port or as URLs'],
    [['--endpoints=a:1,,b:2'], '--endpoints: no available endpoints'],
    [['--endpoints=ftp://a:1'], '--endpoints: "ftp://a:1" is neither host:port nor a URL such as'],
    [['--endpoints=a:1,localhost'], '--endpoints: "localhost" is neither host:port nor a URL such as'],
    [['--endpoints=http://a:1/v3'], '--endpoints: "http://a:1/v3" is neither host:port nor a URL such as'],
    [['--resolver-prefix=p'], 'invalid resolver-ttl 0'],
    [['--resolver-prefix=p', '--resolver-ttl=-5'], 'invalid resolver-ttl -5'],
    [['--resolver-ttl=5'], 'invalid resolver-prefix ""'],
    [
      ['--resolver-prefix=p', '--resolver-ttl=5', '--advertise-client-url='],
      'invalid advertise-client-url ""',
    ],
    [['--auto-tls', '--self-signed-cert-validity=0'], 'it should be greater than 0'],
    [['--cert=a'], '--cert and --key belong together: give both or none'],
    [['--key-file=a'], '--cert-file and --key-file belong together: give both or none'],
    [['--trusted-ca-file=a'], '--trusted-ca-file needs --cert-file and --key-file, or --auto-tls'],
    [['--client-crl-file=a'], '--client-crl-file needs --cert-file and --key-file, or --auto-tls'],
    [
      ['--auto-tls', '--tls-min-version=x'],
      '--tls-min-version: unexpected TLS version "x" (must be one of: TLS1.2, TLS1.3)',
    ],
    [
      ['--tls-min-version=TLS1.3', '--tls-max-version=TLS1.2'],
      'min version (TLS1.3) is greater than max version (TLS1.2)',
    ],
    [
      ['--tls-min-version=TLS1.3', '--listen-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
      '--listen-cipher-suites: cipher suites cannot be configured when only TLS1.3 is enabled',
    ],
    [['--listen-cipher-suites=FOO'], '--listen-cipher-suites: there is no cipher suite "FOO"'],
  ])('%j is refused: %s', async (args, message) => {
    await expect(options(args)).rejects.toMatchObject({
      code: 'SERVER_CONFIG',
      message: expect.stringContaining(message) as string,
    });
  });
});
