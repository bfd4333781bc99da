import type { DnsResolver, RegistryClient, RegistryEntry } from '@quorate/discovery';
import { ManualClock } from '@quorate/std/testing';
import { describe, expect, test } from 'vitest';
import { resolveBootstrap, type BootstrapDeps } from '../src/bootstrap.ts';
import { parseCommandLine } from '../src/config/command-line.ts';
import { ConfigError, loadConfig } from '../src/config/load.ts';
import { newTestLog } from './test-log.ts';

/** DNS that knows the hosts `one` and `two`, and a service of both. */
const dns: DnsResolver = {
  async resolveSrv(service) {
    if (service !== '_etcd-server._tcp.x') throw new Error(`no such service ${service}`);
    return ['one', 'two'].map((name) => ({ name, port: 2380, priority: 0, weight: 0 }));
  },
  async lookup(host) {
    const address = { one: '10.0.0.1', two: '10.0.0.2' }[host];
    if (address === undefined) throw new Error(`no such host ${host}`);
    return [address];
  },
};

const nothing: Pick<BootstrapDeps, 'resolver' | 'connect'> = {
  resolver: {
    resolveSrv: () => Promise.reject(new Error('DNS was asked')),
    lookup: () => Promise.reject(new Error('DNS was asked')),
  },
  connect: () => Promise.reject(new Error('the registry was asked')),
};

function resolve(args: readonly string[], deps: Partial<BootstrapDeps> = {}) {
  const commandLine = parseCommandLine(args);
  if (commandLine.action !== 'run') throw new Error(`the command line asks for ${commandLine.action}`);
  const { config } = loadConfig({ flags: commandLine.flags, env: {} });
  const { log, lines } = newTestLog();
  const resolved = resolveBootstrap(config, {
    hasLog: false,
    log,
    clock: new ManualClock(),
    ...nothing,
    ...deps,
  });
  return { resolved, lines };
}

const refusal = async (args: readonly string[], deps: Partial<BootstrapDeps> = {}): Promise<string> => {
  const error: unknown = await resolve(args, deps).resolved.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  const { message } = error as ConfigError; // The line above says so.
  expect(message).not.toContain('\n');
  return message;
};

const own = ['--name=m1', '--initial-advertise-peer-urls=http://10.0.0.1:2380'];

describe('a list of members', () => {
  test('is this member alone when nothing is given', async () => {
    expect(await resolve([]).resolved).toEqual({
      bootstrap: {
        kind: 'new',
        initialCluster: 'default=http://localhost:2380',
        clusterToken: 'etcd-cluster',
      },
      forceNewCluster: false,
      advertisePeerUrls: ['http://localhost:2380'],
    });
  });

  test('is taken as it is given', async () => {
    const initialCluster = 'm1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380';
    const { resolved, lines } = resolve([
      ...own,
      `--initial-cluster=${initialCluster}`,
      '--initial-cluster-token=mine',
    ]);
    expect((await resolved).bootstrap).toEqual({ kind: 'new', initialCluster, clusterToken: 'mine' });
    expect(lines).toEqual([]);
  });

  test('may name hosts where the member advertises addresses', async () => {
    const { bootstrap } = await resolve([...own, '--initial-cluster=m1=http://one:2380'], { resolver: dns })
      .resolved;
    expect(bootstrap.initialCluster).toBe('m1=http://one:2380');
  });

  test('may give a member several URLs', async () => {
    const urls = ['http://10.0.0.1:2380', 'http://10.0.0.9:2380'];
    const { bootstrap, advertisePeerUrls } = await resolve([
      '--name=m1',
      `--initial-advertise-peer-urls=${urls.join(',')}`,
      `--initial-cluster=m1=${urls[1]},m2=http://10.0.0.2:2380,m1=${urls[0]}`,
    ]).resolved;
    expect(bootstrap.kind).toBe('new');
    expect(advertisePeerUrls).toEqual(urls);
  });

  test('with members that are called default gets a warning', async () => {
    const { resolved, lines } = resolve([
      '--initial-cluster=default=http://localhost:2380,m2=http://10.0.0.2:2380',
    ]);
    await resolved;
    expect(lines).toEqual([expect.objectContaining({ level: 40 })]);
  });

  test.each([
    [
      '--initial-cluster=m2=http://10.0.0.2:2380',
      'couldn\'t find local name "m1" in the initial cluster configuration (m2=http://10.0.0.2:2380): ' +
        'add m1=http://10.0.0.1:2380 to --initial-cluster, or correct --name',
    ],
    [
      '--initial-cluster=m1=http://10.0.0.1:9',
      '--initial-cluster has m1=http://10.0.0.1:9 but missing from --initial-advertise-peer-urls=http://10.0.0.1:2380: ' +
        'they must be the same URLs of m1, so correct --initial-advertise-peer-urls',
    ],
    [
      '--initial-cluster=m1=http://10.0.0.1:2380,m2=http://10.0.0.1:2380',
      'initial cluster m1=http://10.0.0.1:2380,m2=http://10.0.0.1:2380 has duplicate url',
    ],
    [
      '--initial-cluster=m1=http://10.0.0.1:2380,m2=somewhere',
      'error setting up initial cluster: URL scheme must be http, https, unix, or unixs: somewhere',
    ],
  ])('%s is refused: %s', async (flag, sentence) => {
    expect(await refusal([...own, flag])).toBe(sentence);
  });

  test('with a host that does not resolve is refused after 30 seconds', async () => {
    const clock = new ManualClock();
    const after = clock.after.bind(clock);
    clock.after = (delayMs, action) => {
      const timer = after(delayMs, action);
      queueMicrotask(() => clock.advance(delayMs));
      return timer;
    };
    expect(
      await refusal([...own, '--initial-cluster=m1=http://nowhere:2380'], { resolver: dns, clock }),
    ).toBe(
      'failed to resolve nowhere to match --initial-advertise-peer-urls with --initial-cluster (no such host nowhere): ' +
        'give both the same URL, or see to its DNS',
    );
    expect(clock.now()).toBe(30_000);
  });
});

describe('an existing cluster', () => {
  const existing = [...own, '--initial-cluster-state=existing'];

  test('is joined by the list of its members', async () => {
    const initialCluster = 'm1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380';
    const { bootstrap } = await resolve([...existing, `--initial-cluster=${initialCluster}`]).resolved;
    expect(bootstrap).toEqual({ kind: 'existing', initialCluster });
  });

  test('goes by the URLs that it knows, whatever the member advertises', async () => {
    const { bootstrap } = await resolve([...existing, '--initial-cluster=m1=http://10.9.9.9:1']).resolved;
    expect(bootstrap.kind).toBe('existing');
  });

  test('must have this member in it, and no URL twice', async () => {
    expect(await refusal([...existing, '--initial-cluster=m2=http://10.0.0.2:1'])).toMatch(
      /^couldn't find local name "m1"/,
    );
    expect(await refusal([...existing, '--initial-cluster=m1=http://h:1,m2=http://h:1'])).toBe(
      'initial cluster m1=http://h:1,m2=http://h:1 has duplicate url',
    );
  });
});

describe('a member that has a log', () => {
  test('asks nobody, whatever its flags say', async () => {
    for (const flags of [
      ['--initial-cluster=m2=http://nowhere:1'],
      ['--discovery-srv=x'],
      ['--discovery-token=x', '--discovery-endpoints=h:1'],
      ['--initial-cluster-state=existing'],
    ]) {
      const { resolved, lines } = resolve([...own, ...flags, '--force-new-cluster'], { hasLog: true });
      expect(await resolved).toMatchObject({ forceNewCluster: true });
      expect(lines).toHaveLength(flags[0]?.startsWith('--discovery') === true ? 1 : 0);
    }
  });
});

describe('DNS', () => {
  test('names the members of a new cluster, or of one that exists', async () => {
    const flags = [...own, '--discovery-srv=x'];
    const initialCluster = 'm1=http://one:2380,0=http://two:2380';
    const { bootstrap } = await resolve(flags, { resolver: dns }).resolved;
    expect(bootstrap).toEqual({ kind: 'new', initialCluster, clusterToken: 'etcd-cluster' });
    const joining = resolve([...flags, '--initial-cluster-state=existing'], { resolver: dns });
    expect((await joining.resolved).bootstrap).toEqual({ kind: 'existing', initialCluster });
  });

  test('that does not know the service, or this member, is told of by its flag', async () => {
    expect(await refusal([...own, '--discovery-srv=y'], { resolver: dns })).toBe(
      '--discovery-srv: error querying DNS SRV records for _etcd-server-ssl no such service ' +
        '_etcd-server-ssl._tcp.y; error querying DNS SRV records for _etcd-server no such service _etcd-server._tcp.y',
    );
    const other = ['--name=m1', '--initial-advertise-peer-urls=http://10.0.0.7:2380', '--discovery-srv=x'];
    expect(await refusal(other, { resolver: dns })).toMatch(
      /^--discovery-srv: cannot find local etcd member "m1" in SRV records of x/,
    );
  });
});

describe('discovery', () => {
  /** A registry of one moment: whoever registers finds the others there. */
  class Registry implements RegistryClient, AsyncDisposable {
    isClosed = false;
    readonly rows = new Map<string, RegistryEntry>();

    constructor(rows: Readonly<Record<string, string>>) {
      for (const [key, value] of Object.entries(rows)) this.#set(key, value);
    }

    #set(key: string, value: string): void {
      this.rows.set(key, { key, value, createRevision: this.rows.size });
    }

    async get(key: string) {
      return this.rows.get(key);
    }

    async put(key: string, value: string): Promise<void> {
      this.#set(key, value);
    }

    async list(prefix: string) {
      return { entries: [...this.rows.values()].filter(({ key }) => key.startsWith(prefix)), revision: 1 };
    }

    async *watch() {
      await Promise.resolve();
      yield [];
      throw new Error('nobody else comes');
    }

    async [Symbol.asyncDispose](): Promise<void> {
      this.isClosed = true;
    }
  }

  const flags = [...own, '--discovery-token=word', '--discovery-endpoints=h:1'];
  const size = '/_etcd/registry/word/_config/size';

  test('makes a cluster whose token is that of the discovery', async () => {
    const registry = new Registry({
      [size]: '2',
      '/_etcd/registry/word/members/7': 'm2=http://10.0.0.2:2380',
    });
    const { resolved, lines } = resolve(flags, { connect: async () => registry });
    expect((await resolved).bootstrap).toEqual({
      kind: 'new',
      initialCluster: 'm1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380',
      clusterToken: 'word',
    });
    expect(registry.isClosed).toBe(true);
    expect(JSON.stringify(lines)).not.toContain('word');
    expect(lines.map(({ msg }) => msg)).toContain('registered for discovery');
  });

  test.each([
    [
      {},
      'discovery: size key not found (put the number of members at /_etcd/registry/word/_config/size first)',
    ],
    [{ [size]: '-1' }, 'discovery: size key is bad ("-1" is not a whole number from 1 to 100)'],
    [
      { [size]: '1', '/_etcd/registry/word/members/7': 'm2=http://10.0.0.2:2380' },
      'discovery: cluster is full (1 others have registered: join them by "member add", or use a new token)',
    ],
  ])('with %j is refused: %s', async (rows, sentence) => {
    const registry = new Registry(rows);
    expect(await refusal(flags, { connect: async () => registry })).toBe(
      `--discovery-token: failed to join discovery cluster (${sentence})`,
    );
    expect(registry.isClosed).toBe(true);
  });

  test('ends when it is told to', async () => {
    const registry = new Registry({ [size]: '2' });
    const aborting = new AbortController();
    const connect = async () => {
      queueMicrotask(() => aborting.abort(new Error('told to')));
      return registry;
    };
    await expect(resolve(flags, { connect, signal: aborting.signal }).resolved).rejects.toThrow('told to');
    expect(registry.isClosed).toBe(true);
  });
});
