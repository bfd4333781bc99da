import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseCommandLine } from '../src/config/command-line.ts';
import { ConfigError, envNameOf, loadConfig } from '../src/config/load.ts';
import { memberSourceOf } from '../src/config/member-source.ts';
import {
  configKeys,
  legacyFlags,
  metaOf,
  namesOf,
  serverConfig,
  type ConfigKey,
  type ServerConfig,
} from '../src/config/schema.ts';
import type { FieldMeta } from '../src/config/field.ts';

const dir = mkdtempSync(join(tmpdir(), 'quorate-config-'));
afterAll(() => rmSync(dir, { recursive: true }));

const load = (args: readonly string[], env: Record<string, string> = {}) => {
  const commandLine = parseCommandLine(args);
  if (commandLine.action !== 'run') throw new Error(`the command line asks for ${commandLine.action}`);
  return loadConfig({ flags: commandLine.flags, env });
};

/** The sentence that a configuration is refused with. */
function refusal(args: readonly string[], env: Record<string, string> = {}): string {
  try {
    load(args, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message; // The line above says so.
  }
  throw new Error('it was not refused');
}

let fileCount = 0;
function fileOf(text: string): string {
  const path = join(dir, `${++fileCount}.yaml`);
  writeFileSync(path, text);
  return path;
}
const loadFile = (text: string) => load([`--config-file=${fileOf(text)}`]);
const fileRefusal = (text: string) => {
  const path = fileOf(text);
  return refusal([`--config-file=${path}`]).replace(path, 'FILE');
};

/** A value that a flag takes, another than its default where there is one, and what the configuration then holds. */
function sampleOf({
  kind,
  flag,
  defaultText,
  choices,
  notBuilt,
  refused,
}: FieldMeta): [text: string, value: unknown] {
  const word = words[flag];
  if (word !== undefined) return [word, word];
  if (flag === 'feature-gates') return ['CompactHashCheck=true', undefined];
  if ((notBuilt ?? refused) !== undefined) return [defaultText, undefined];
  switch (kind) {
    case 'text':
      return flag === 'auto-compaction-retention' ? ['7', '7'] : ['some text', 'some text'];
    case 'boolean':
      return defaultText === 'true' ? ['false', false] : ['true', true];
    case 'integer':
      // Election and heartbeat must fit together.
      return flag === 'election-timeout' ? ['600', 600] : ['7', 7];
    case 'duration':
      return ['1m30s', 90_000];
    case 'urls':
      return ['http://127.0.0.1:1234,http://[::1]:80', ['http://127.0.0.1:1234', 'http://[::1]:80']];
    case 'choice': {
      const word = choices?.at(-1) ?? '';
      return [word, word];
    }
  }
}

/** Texts that are not just any. */
const words: Readonly<Record<string, string>> = {
  'tls-min-version': 'TLS1.3',
  'tls-max-version': 'TLS1.2',
  'cipher-suites': 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
};

const yamlOf = (text: string): string => JSON.stringify(text);

/** What must be given with a setting for the whole to hold. */
const companionOf: Partial<Record<ConfigKey, string>> = {
  listenClientUrls: '--advertise-client-urls=http://127.0.0.1:1234',
  discoveryToken: '--discovery-endpoints=127.0.0.1:1234',
  discoveryEndpoints: '--discovery-token=word',
  discoverySrvName: '--discovery-srv=example.com',
  enableLogRotation: '--log-outputs=some.log',
  certFile: '--key-file=some.key',
  keyFile: '--cert-file=some.crt',
  peerCertFile: '--peer-key-file=some.key',
  peerKeyFile: '--peer-cert-file=some.crt',
  peerClientCertFile: '--peer-client-key-file=some.key',
  peerClientKeyFile: '--peer-client-cert-file=some.crt',
  experimentalLeaseCheckpoint: '--experimental-enable-lease-checkpoint-persist=true',
  experimentalLeaseCheckpointPersist: '--experimental-enable-lease-checkpoint=true',
};
const companions = (key: ConfigKey): string[] => {
  const companion = companionOf[key];
  return companion === undefined ? [] : [companion];
};

describe.each(configKeys.flatMap((key) => namesOf(key).map((name) => ({ name, key }))))(
  '--$name',
  ({ name, key }) => {
    const [text, value] = sampleOf(metaOf(key));
    const defaults = serverConfig.parse({});
    const expectIt = (config: ServerConfig) => {
      if (value !== undefined) expect(config[key]).toEqual(value);
      else if (metaOf(key).notBuilt !== undefined) expect(config[key]).toEqual(defaults[key]);
    };

    test('is read from the command line, with one dash or two, with = or without', () => {
      for (const args of [[`--${name}=${text}`], [`-${name}=${text}`], [`--${name}`, text]]) {
        if (metaOf(key).kind === 'boolean' && args.length > 1) continue;
        expectIt(load([...companions(key), ...args]).config);
      }
    });

    test('is read from the environment', () => {
      expectIt(load(companions(key), { [envNameOf(name)]: text }).config);
    });

    test('is read from a file', () => {
      const others = companions(key).map((flag) => flag.slice(2).replace('=', ': '));
      const { config, warnings } = loadFile([...others, `${name}: ${yamlOf(text)}`].join('\n'));
      expectIt(config);
      expect(warnings.filter((warning) => warning.includes('unknown key'))).toEqual([]);
    });

    test('is refused as flag and variable at once', () => {
      const sentence = refusal([`--${name}=${text}`], { [envNameOf(name)]: text || 'x' });
      expect(sentence).toContain(
        `"${envNameOf(name)}" is shadowed by corresponding command-line flag "--${name}"`,
      );
    });
  },
);

describe('values that make no sense', () => {
  const wrong: Record<FieldMeta['kind'], readonly string[]> = {
    text: [],
    boolean: ['maybe', '2', ''],
    integer: ['seven', '1.5', '1e3', '99999999999999999999', ''],
    duration: ['5', 'soon', '1d', '-3s', ''],
    urls: ['nowhere', 'http://127.0.0.1', 'ftp://127.0.0.1:1', 'http://127.0.0.1:1/path', 'http://h:70000'],
    choice: ['something else', ''],
  };
  const cases = configKeys.flatMap((key) =>
    wrong[metaOf(key).kind].map((value) => ({ flag: metaOf(key).flag, value })),
  );
  test.each(cases)('--$flag=$value is refused in one sentence that names it', ({ flag, value }) => {
    const sentence = refusal([`--${flag}=${value}`]);
    expect(sentence.startsWith(`--${flag}: `)).toBe(true);
    expect(sentence).toContain(`"${value}"`);
    expect(sentence).not.toContain('\n');
  });

  test.each([
    ['--heartbeat-interval=0', '--heartbeat-interval: 0 is not within 1 .. 9007199254740991'],
    ['--election-timeout=50001', '--election-timeout: 50001 is not within 1 .. 50000'],
    ['--max-request-bytes=0', '--max-request-bytes: 0 is not within 1 .. 1073741824'],
    ['--compact-hash-check-time=0', '--compact-hash-check-time: "0" must be longer than 0'],
    [
      '--election-timeout=400',
      '--election-timeout[400ms] should be at least as 5 times as --heartbeat-interval[100ms]',
    ],
    [
      '--auto-compaction-retention=x',
      '--auto-compaction-retention: "x" is neither hours nor a duration such as 10m',
    ],
    ['--auto-compaction-mode=daily', '--auto-compaction-mode: "daily" is not periodic or revision'],
    [
      '--v2-deprecation=not-yet',
      '--v2-deprecation: "not-yet" is not write-only or write-only-skip-check or write-only-drop-data or gone',
    ],
    ['--discovery-fallback=proxy', '--discovery-fallback: "proxy" is not exit'],
    ['--listen-peer-urls=', '--listen-peer-urls: at least one URL is needed'],
    [
      '--listen-peer-urls=http://example.com:1',
      '--listen-peer-urls: "http://example.com:1" has the host name example.com: listen on an IP address or localhost',
    ],
    ['--listen-peer-urls=unix://', '--listen-peer-urls: "unix://" names no socket'],
    [
      '--log-outputs=systemd/journal',
      '--log-outputs: systemd/journal is not supported by this version: the journal takes stderr',
    ],
    ['--feature-gates=Nothing=true', '--feature-gates: there is no feature gate "Nothing"'],
    [
      '--feature-gates=LeaseCheckpoint',
      '--feature-gates: "LeaseCheckpoint" must be LeaseCheckpoint=true or LeaseCheckpoint=false',
    ],
    [
      '--feature-gates=LeaseCheckpointPersist=true',
      '--feature-gates: enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint',
    ],
  ])('%s is refused: %s', (argument, sentence) => {
    expect(refusal([argument])).toBe(sentence);
  });

  test('revisions to keep are counted, so a duration is refused', () => {
    expect(refusal(['--auto-compaction-mode=revision', '--auto-compaction-retention=5m'])).toBe(
      '--auto-compaction-retention: "5m" is not a number of revisions',
    );
  });

  test('client URLs to listen on without those to advertise are refused', () => {
    expect(refusal(['--listen-client-urls=http://127.0.0.1:1'])).toBe(
      '--advertise-client-urls is required when --listen-client-urls is set explicitly',
    );
  });

  test('a wrong value of the environment is blamed on its variable', () => {
    expect(refusal([], { ETCD_MAX_WALS: 'few' })).toBe('ETCD_MAX_WALS: "few" is not a whole number');
  });
});

describe('flags that this version cannot serve', () => {
  const cases = configKeys
    .filter((key) => metaOf(key).notBuilt !== undefined)
    .map((key) => {
      const { flag, kind, notBuilt } = metaOf(key);
      const values = { text: 'x', boolean: 'true', integer: '9', duration: '9s', urls: 'http://127.0.0.1:9' };
      return { flag, value: kind === 'choice' ? '' : values[kind], notBuilt };
    });
  test.each(cases)('--$flag=$value is refused by name, its default is not', ({ flag, value, notBuilt }) => {
    expect(refusal([`--${flag}=${value}`])).toBe(
      `--${flag} needs ${notBuilt}, which this version does not support`,
    );
  });

  test.each(['enable-v2', 'proxy', 'experimental-enable-v2v3'])('--%s is gone', (flag) => {
    expect(refusal([`--${flag}=on`])).toMatch(`--${flag} is gone since etcd 3.6, with etcd's v2 `);
  });
});

describe('the command line', () => {
  test.each([
    [['--nme=x'], 'unknown flag --nme: did you mean --name?'],
    [['--nothing-like-it', '5'], 'unknown flag --nothing-like-it: --help lists all flags'],
    [['--data-dir'], '--data-dir needs a value'],
    [['somewhere'], '"somewhere" is not a flag: every setting is given as --name=value'],
    [['--pre-vote', 'false'], '"false" is not a flag: every setting is given as --name=value'],
    [['--name=a', 'b', '--nothing'], '"b" is not a flag: every setting is given as --name=value'],
    [['-'], '"-" is not a flag: every setting is given as --name=value'],
  ])('%j is refused: %s', (args, sentence) => {
    expect(refusal(args)).toBe(sentence);
  });

  test('a boolean alone is true, and what follows it is not its value', () => {
    expect(load(['--unsafe-no-fsync', '--name=x']).config).toMatchObject({ unsafeNoFsync: true, name: 'x' });
    expect(load(['-unsafe-no-fsync']).config.unsafeNoFsync).toBe(true);
  });

  test('a value may look like a flag or hold an =', () => {
    expect(load(['--quota-backend-bytes', '-1']).config.quotaBytes).toBe(-1);
    expect(load(['--name', '--version']).config.name).toBe('--version');
    expect(load(['--initial-cluster=a=http://h:1']).config.initialCluster).toBe('a=http://h:1');
  });

  test('of a flag given twice the last one counts', () => {
    expect(load(['--name=a', '--name=b']).config.name).toBe('b');
  });

  test('flags of old versions are accepted and ignored', () => {
    expect(load(legacyFlags.map((flag) => `--${flag}`)).warnings).toEqual([]);
    expect(load(['--snapshot=5', '-v=2']).warnings).toEqual([]);
  });

  test.each([[['--version']], [['-version']], [['--name', 'x', '--version']]])(
    '%j asks for the version',
    (args) => {
      expect(parseCommandLine(args).action).toBe('version');
    },
  );

  test.each(['-h', '-help', '--help'])('%s lists every flag but those of old versions', (argument) => {
    const help = parseCommandLine([argument]);
    const text = help.action === 'help' ? help.text : '';
    for (const key of configKeys) expect(text).toContain(`--${metaOf(key).flag} `);
    expect(text).toContain('--config-file ');
    expect(text).not.toContain('--peer-heartbeat-interval');
  });

  test('a flag and the name it had while it was experimental are one setting', () => {
    expect(load(['--experimental-compaction-sleep-interval=1s']).config.compactionSleepMs).toBe(1000);
    expect(refusal(['--compaction-sleep-interval=1s', '--experimental-compaction-sleep-interval=1s'])).toBe(
      '--compaction-sleep-interval and --experimental-compaction-sleep-interval are the same setting: give one of them',
    );
  });
});

describe('the environment', () => {
  test('a variable of etcd that no flag stands behind only warns', () => {
    const { warnings } = load([], { ETCD_UNSUPPORTED_ARCH: 'arm', PATH: '/bin' });
    expect(warnings).toEqual(['unrecognized environment variable ETCD_UNSUPPORTED_ARCH']);
  });

  test('an empty variable is as good as none', () => {
    expect(load(['--name=x'], { ETCD_NAME: '' }).config.name).toBe('x');
  });

  test('a variable can name the config file', () => {
    const path = fileOf('name: from-file');
    expect(load([], { ETCD_CONFIG_FILE: path }).config.name).toBe('from-file');
  });
});

describe('the config file', () => {
  test('is YAML or JSON, and durations in it may be nanoseconds', () => {
    const text =
      'name: x\nbackend-batch-interval: 20000000\nlog-outputs: [stderr, stdout]\npre-vote: false\n';
    const { config } = loadFile(text);
    expect(config).toMatchObject({
      name: 'x',
      backendBatchIntervalMs: 20,
      logOutputs: 'stderr,stdout',
      preVote: false,
    });
    expect(loadFile('{"name": "y", "max-wals": 3}').config).toMatchObject({ name: 'y', maxWals: 3 });
  });

  test('that is empty gives the defaults', () => {
    expect(loadFile('').config).toEqual(load([]).config);
  });

  test('replaces all flags and variables, and says so', () => {
    const path = fileOf('name: from-file');
    const { config, warnings } = load(['--config-file', path, '--max-wals=1'], { ETCD_MAX_TXN_OPS: '1' });
    expect(config).toMatchObject({ name: 'from-file', maxWals: 5, maxTxnOps: 128 });
    expect(warnings).toEqual([
      `the config file ${path} is used, so all other flags and ETCD_ variables are ignored`,
    ]);
  });

  test('with a key that is none only warns', () => {
    expect(loadFile('nme: x').warnings[0]).toMatch(/: unknown key nme is ignored$/);
  });

  test.each([
    ['- a\n- b', '--config-file: FILE must hold a map of settings'],
    ['just text', '--config-file: FILE must hold a map of settings'],
    ['max-wals: many', 'FILE: max-wals: "many" is not a whole number'],
    ['max-wals: [1]x', '--config-file: FILE is neither YAML nor JSON'],
    ['name: {a: 1}', 'FILE: name: must be a text'],
    ['pre-vote: 7', 'FILE: pre-vote: must be true or false'],
    ['max-wals: true', 'FILE: max-wals: must be a whole number'],
    ['backend-batch-interval: true', 'FILE: backend-batch-interval: must be a duration such as 500ms'],
    ['listen-peer-urls: 7', 'FILE: listen-peer-urls: must be a comma-separated list of URLs'],
    ['log-level: 7', 'FILE: log-level: 7 is not debug or info'],
    ['feature-gates: {A: true}', 'FILE: feature-gates: must be a text such as Name=true'],
    [
      'max-learners: 1\nexperimental-max-learners: 1',
      'FILE: max-learners and experimental-max-learners are the same',
    ],
    ['client-transport-security: 7', 'FILE: client-transport-security must be a map'],
    ['client-transport-security: {cert-file: x}', '--cert-file and --key-file belong together'],
    ['peer-transport-security: {key-file: x}', '--peer-cert-file and --peer-key-file belong together'],
    [
      'client-transport-security: {allowed-cn: x}',
      'FILE: client-transport-security: allowed-cn is not supported',
    ],
    ['discovery-config: {token: x}', 'both --discovery-token and --discovery-endpoints must be set'],
    ['discovery-config: {client: 7}', 'FILE: discovery-config: client must be a map'],
    [
      'discovery-config: {client: {secure: {server-name: x}}}',
      'FILE: discovery-config: client: secure: server-name is not supported',
    ],
  ])('%j is refused: %s', (text, sentence) => {
    const told = fileRefusal(text);
    expect(told.startsWith(sentence)).toBe(true);
    expect(told).not.toContain('\n');
  });

  test('with empty sections of TLS holds', () => {
    const text =
      'client-transport-security: {cert-file: "", client-cert-auth: false, allowed-cn: ""}\npeer-transport-security:\n';
    expect(loadFile(text).warnings).toEqual([]);
  });

  test('with sections of TLS holds, each key for its flag', () => {
    const { config } = loadFile(`
client-transport-security:
  cert-file: server.crt
  key-file: server.key
  client-cert-auth: true
  trusted-ca-file: ca.crt
  auto-tls: true
  allowed-hostname: [a.example, b.example]
peer-transport-security:
  cert-file: peer.crt
  key-file: peer.key
  client-cert-file: dial.crt
  client-key-file: dial.key
  client-cert-auth: true
  trusted-ca-file: peer-ca.crt
  auto-tls: true
  allowed-cn: m1,m2
  skip-client-san-verification: true
`);
    expect(config).toMatchObject({
      certFile: 'server.crt',
      keyFile: 'server.key',
      clientCertAuth: true,
      trustedCaFile: 'ca.crt',
      autoTls: true,
      clientCertAllowedHostname: 'a.example,b.example',
      peerCertFile: 'peer.crt',
      peerKeyFile: 'peer.key',
      peerClientCertFile: 'dial.crt',
      peerClientKeyFile: 'dial.key',
      peerClientCertAuth: true,
      peerTrustedCaFile: 'peer-ca.crt',
      peerAutoTls: true,
      peerCertAllowedCn: 'm1,m2',
      peerSkipClientSanVerification: true,
    });
  });

  test('that is not there is refused by name', () => {
    expect(refusal(['--config-file=/nowhere/at.all'])).toMatch(
      /^--config-file: cannot read \/nowhere\/at\.all \(ENOENT/,
    );
  });
});

describe('values that follow from others', () => {
  test('the data directory from the name, the cluster from the peer URLs', () => {
    const { config } = load([
      '--name=m1',
      '--initial-advertise-peer-urls=http://10.0.0.1:1,http://10.0.0.2:1',
    ]);
    expect(config.dataDir).toBe('m1.etcd');
    expect(config.initialCluster).toBe('m1=http://10.0.0.1:1,m1=http://10.0.0.2:1');
    expect(config.advertiseClientUrls).toEqual(['http://localhost:2379']);
  });

  test('a duration longer than timers can count is as long as they can', () => {
    expect(load(['--grpc-keepalive-interval=10000h']).config.grpcKeepAliveIntervalMs).toBe(2 ** 31 - 1);
  });

  test('feature gates have their defaults, and a group switches its stage', () => {
    const { featureGates } = load(['--feature-gates=AllBeta=true,CompactHashCheck=true']).config;
    expect(Object.fromEntries(featureGates)).toMatchObject({
      AllAlpha: false,
      AllBeta: true,
      CompactHashCheck: true,
      InitialCorruptCheck: false,
      FastLeaseKeepAlive: true,
    });
  });
});

describe('where members come from', () => {
  test.each([
    [['--discovery-token=x'], 'both --discovery-token and --discovery-endpoints must be set'],
    [['--discovery-endpoints=h:1'], 'both --discovery-token and --discovery-endpoints must be set'],
    [
      ['--discovery-token=x', '--discovery-endpoints=h:1,,h:2'],
      '--discovery-endpoints must not contain empty endpoints',
    ],
    [
      ['--initial-cluster=a=http://h:1', '--discovery-srv=x'],
      'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery-endpoints" or ' +
        '"discovery-srv": here are --initial-cluster and --discovery-srv',
    ],
    [
      ['--discovery-token=x', '--discovery-endpoints=h:1', '--initial-cluster-state=existing'],
      '--discovery-token is for a new cluster: name the members by --initial-cluster to join an existing one',
    ],
    [
      ['--discovery=https://discovery.example.com/x'],
      "--discovery: etcd's v2 discovery is gone after etcd 3.6: use --discovery-token with --discovery-endpoints, or --discovery-srv",
    ],
  ])('%j is refused: %s', (args, sentence) => {
    expect(refusal(args)).toBe(sentence);
  });

  test('discovery leaves no initial cluster behind', () => {
    expect(load(['--discovery-srv=example.com']).config.initialCluster).toBe('');
    const { config } = load(['--discovery-token=x', '--discovery-endpoints=h:1, h:2']);
    expect(config.initialCluster).toBe('');
    expect(memberSourceOf(config)).toEqual({ kind: 'registry', token: 'x', endpoints: ['h:1', 'h:2'] });
  });

  test('discovery of a config file is a map, as etcd writes it', () => {
    const text = [
      'discovery-config:',
      '  token: word',
      '  client:',
      '    endpoints: [h1:1, h2:2]',
      '    request-timeout: 7000000000',
      '    secure: {insecure-transport: false, cacert: ca.pem}',
      '    auth: {username: me, password: secret}',
    ].join('\n');
    expect(loadFile(text)).toMatchObject({
      warnings: [],
      config: {
        discoveryToken: 'word',
        discoveryEndpoints: 'h1:1,h2:2',
        discoveryRequestTimeoutMs: 7_000,
        discoveryInsecureTransport: false,
        discoveryCaCert: 'ca.pem',
        discoveryUser: 'me',
        discoveryPassword: 'secret',
      },
    });
  });
});

describe('what is allowed and hardly meant', () => {
  test.each([
    [
      ['--advertise-client-urls=http://0.0.0.0:2379'],
      '--advertise-client-urls: http://0.0.0.0:2379 is an address to listen on, nobody can reach it: advertise one that others can',
    ],
    [
      ['--initial-advertise-peer-urls=http://[0:0::0]:2380'],
      '--initial-advertise-peer-urls: http://[0:0::0]:2380 is an address to listen on, nobody can reach it: advertise one that others can',
    ],
    [['--discovery-srv-name=blue'], '--discovery-srv-name is ignored, since --discovery-srv is not set'],
    [
      ['--feature-gates=LeaseCheckpoint=true'],
      'Detected that checkpointing is enabled without persistence. Consider enabling feature gate LeaseCheckpointPersist',
    ],
  ])('%j is warned of', (args, warning) => {
    expect(load(args).warnings).toEqual([warning]);
  });
});

describe('feature gates that were flags', () => {
  test.each([
    ['initial-corrupt-check', 'InitialCorruptCheck'],
    ['compact-hash-check-enabled', 'CompactHashCheck'],
    ['enable-lease-checkpoint', 'LeaseCheckpoint'],
    ['stop-grpc-service-on-defrag', 'StopGRPCServiceOnDefrag'],
  ])('--experimental-%s switches %s', (flag, gate) => {
    expect(load([]).config.featureGates.get(gate)).toBe(false);
    expect(load([`--experimental-${flag}`]).config.featureGates.get(gate)).toBe(true);
  });

  test('are given in one way or the other', () => {
    expect(
      refusal(['--experimental-initial-corrupt-check', '--feature-gates=InitialCorruptCheck=true']),
    ).toBe(
      '--experimental-initial-corrupt-check and InitialCorruptCheck of --feature-gates are the same setting: give one of them',
    );
    const { featureGates } = load([
      '--experimental-enable-lease-checkpoint',
      '--feature-gates=LeaseCheckpointPersist=true',
    ]).config;
    expect([featureGates.get('LeaseCheckpoint'), featureGates.get('LeaseCheckpointPersist')]).toEqual([
      true,
      true,
    ]);
  });
});

test('time-outs of peer connections are never below five seconds, as in etcd', () => {
  const { config } = load(['--raft-read-timeout=1s', '--raft-write-timeout=6s']);
  expect([config.raftReadTimeoutMs, config.raftWriteTimeoutMs]).toEqual([5_000, 6_000]);
});

describe('what the process ends with is as of etcd', () => {
  const exitCodeOf = (args: readonly string[], env: Record<string, string> = {}): unknown => {
    try {
      load(args, env);
    } catch (error) {
      return error instanceof ConfigError ? error.exitCode : error;
    }
    return undefined;
  };

  // Each line was tried with etcd 3.5.30.
  test.each([
    ['--nope', 2],
    ['-nope', 2],
    ['--name', 2],
    ['somewhere', 1],
    ['--heartbeat-interval=soon', 2],
    ['--heartbeat-interval=-5', 2],
    ['--heartbeat-interval=0', 1],
    ['--election-timeout=10', 1],
    ['--snapshot-count=-1', 2],
    ['--quota-backend-bytes=many', 2],
    ['--force-new-cluster=maybe', 2],
    ['--grpc-keepalive-interval=soon', 2],
    ['--initial-cluster-state=old', 2],
    ['--log-format=text', 2],
    ['--listen-client-urls=nowhere', 2],
    ['--listen-peer-urls=http://127.0.0.1', 2],
    ['--auto-compaction-mode=never', 1],
    ['--auto-compaction-retention=never', 1],
    ['--tls-min-version=TLS9', 1],
    ['--config-file=/nowhere/at/all', 1],
  ])('%s: %i', (argument, code) => {
    expect(exitCodeOf([argument])).toBe(code);
  });

  test('what cannot be read in the environment, or in a file, is 1', () => {
    expect(exitCodeOf([], { ETCD_HEARTBEAT_INTERVAL: 'soon' })).toBe(1);
    expect(exitCodeOf(['--name=x'], { ETCD_NAME: 'y' })).toBe(1);
    const file = join(dir, 'unreadable.yaml');
    writeFileSync(file, 'heartbeat-interval: soon\n');
    expect(exitCodeOf([`--config-file=${file}`])).toBe(1);
  });
});
