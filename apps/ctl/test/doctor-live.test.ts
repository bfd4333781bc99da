import { Client } from '@quorate/client';
import {
  etcdBinFolder,
  freePort,
  freePorts,
  startQuorate,
  startQuorateCluster,
  startRealEtcd,
  writeTestCertificates,
  type StartedServer,
} from '@quorate/client/testing';
import { rpcpb } from '@quorate/wire';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { doctor } from '../src/doctor/doctor.ts';
import { quoratectl } from './differential/tools.ts';
import { runAction } from './run-action.ts';

/** What `-w json` prints, as far as it is looked at here. */
interface Printed {
  readonly findings: readonly {
    readonly id: string;
    readonly severity: string;
    readonly subject: string;
    readonly seen: string;
  }[];
  readonly ok: readonly { readonly id: string; readonly subject: string; readonly seen?: string }[];
  readonly unchecked: readonly { readonly id: string; readonly reason: string }[];
}

/** Findings that depend on how busy the machine is, or on the shape of a cluster for tests. */
const ofMachine = [
  'wal-sync',
  'backend-commit',
  'read-latency',
  'peer-round-trip',
  'event-loop',
  'slow-applies',
  'leader-changes',
  'peers-disconnected',
];
const ofTests = ['voters-count', 'started-lately', 'one-machine'];

async function look(endpoints: string, ...flags: string[]) {
  const { stdout, stderr, code } = await quoratectl({
    argv: ['doctor', `--endpoints=${endpoints}`, '-w', 'json', ...flags],
  });
  expect(stderr).toBe('');
  // The shape is what this test is about.
  const printed = JSON.parse(stdout) as Printed;
  const findings = printed.findings.filter(({ id }) => ![...ofMachine, ...ofTests].includes(id));
  return { ...printed, findings, code };
}

/**
 * Looks until there are no findings: for a moment after members have begun, the version of the cluster is not agreed on, and
 * terms may differ.
 */
function settled(endpoints: string, ...flags: string[]) {
  return vi.waitFor(
    async () => {
      const seen = await look(endpoints, ...flags);
      expect(seen.findings).toEqual([]);
      return seen;
    },
    { timeout: 60_000, interval: 200 },
  );
}

/** How far the log of a member is. */
async function raftIndexOf({ endpoint }: StartedServer): Promise<bigint> {
  await using client = new Client({ endpoints: [endpoint] });
  return (await client.maintenance.status({})).raftIndex;
}

const programs = [
  ['Quorate', true, () => startQuorate()],
  [
    'etcd (set QUORATE_ETCD_BIN to run)',
    etcdBinFolder !== undefined,
    () => startRealEtcd(etcdBinFolder ?? ''),
  ],
] as const;

describe.each(programs)('a member of %s', (name, isThere, start) => {
  const run = test.skipIf(!isThere);
  let server: StartedServer;
  beforeAll(async () => {
    if (!isThere) return;
    server = await start();
    return () => server[Symbol.asyncDispose]();
  });

  run('that is well has no findings, and its log has no entry more', async () => {
    await settled(server.endpoint);
    const before = await raftIndexOf(server);
    const { findings, ok, unchecked } = await look(server.endpoint, '--cluster');
    expect(findings).toEqual([]);
    expect(await raftIndexOf(server)).toBe(before);
    const ids = ok.map(({ id }) => id);
    const checked = [
      'quorum',
      'leader',
      'health',
      'quota',
      'clock',
      'raft-lag',
      'open-files',
      'leases',
      'member-unreachable',
    ];
    expect(ids).toEqual(expect.arrayContaining(checked));
    expect(ids.includes('event-loop')).toBe(name === 'Quorate');
    expect(unchecked.map(({ id }) => id)).toContain('hash-mismatch');
    expect(ok.find(({ id }) => id === 'clock')?.seen).toMatch(
      /^its clock is within \d+(?:\.\d)? m?s of ours$/,
    );
  });

  run('whose quota is used up is told how to get out, and that works', async () => {
    await using client = new Client({ endpoints: [server.endpoint] });
    const { ACTIVATE } = rpcpb.AlarmRequest_AlarmAction;
    const { memberId = 0n } = (await client.maintenance.status({})).header ?? {};
    await client.put('a', 'b');
    await client.maintenance.alarm({ action: ACTIVATE, memberID: memberId, alarm: rpcpb.AlarmType.NOSPACE });
    const { findings, code } = await look(server.endpoint);
    expect([findings[0]?.id, findings[0]?.severity, code]).toEqual(['alarm-nospace', 'critical', 3]);
    const { stdout } = await quoratectl({ argv: ['doctor', `--endpoints=${server.endpoint}`] });
    const commands = [...stdout.matchAll(/\$ quoratectl ((?:compaction|alarm) .*)$/gm)].map(
      ([, words = '']) => words,
    );
    expect(commands).toHaveLength(2);
    for (const words of commands) {
      const { code: ended } = await quoratectl({
        argv: [...words.split(' '), `--endpoints=${server.endpoint}`],
      });
      expect(ended).toBe(0);
    }
    expect((await look(server.endpoint)).findings).toEqual([]);
  });

  run('that a password is needed for is looked at without one as far as it goes', async () => {
    const tool = (...argv: string[]) => quoratectl({ argv: [...argv, `--endpoints=${server.endpoint}`] });
    await tool('user', 'add', 'root:secret-word');
    await tool('user', 'grant-role', 'root', 'root');
    await tool('auth', 'enable');
    const nobody = await look(server.endpoint);
    expect(nobody.findings).toEqual([]);
    const unchecked = nobody.unchecked.map(({ id }) => id);
    expect(unchecked).toEqual(expect.arrayContaining(['leases', 'leader', 'quorum']));
    expect(nobody.ok.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['member-unreachable', 'clock', 'open-files']),
    );
    const root = await look(server.endpoint, '--user=root:secret-word');
    expect(root.findings).toEqual([]);
    expect(root.ok.map(({ id }) => id)).toContain('leases');
    expect(JSON.stringify([nobody, root])).not.toContain('secret-word');
  });
});

test('a member of three that is gone is named, with what that means', async () => {
  await using cluster = await startQuorateCluster({ ports: await freePorts(3) });
  const all = await settled(cluster.endpoints[0] ?? '', '--cluster');
  expect(all.ok.map(({ id }) => id)).toEqual(
    expect.arrayContaining(['hash-mismatch', 'raft-terms', 'quorum']),
  );
  await cluster.members[2]?.[Symbol.asyncDispose]();
  // If it was the leader, there is another one soon.
  await vi.waitFor(
    async () => {
      const { findings, ok, code } = await look(
        cluster.endpoints[0] ?? '',
        ...['--cluster', '--command-timeout=2s'],
      );
      const [first] = findings;
      expect([first?.id, first?.seen]).toEqual(['quorum', '2 of 3 voters answer, 2 are needed; n3 does not']);
      expect(findings.map(({ id }) => id)).toContain('member-unreachable');
      expect(ok.map(({ id }) => id)).toContain('hash-mismatch');
      expect(code).toBe(3);
    },
    { timeout: 60_000, interval: 200 },
  );
});

test('nobody at all is critical, and nothing counts as well', async () => {
  const { findings, ok, code } = await look('127.0.0.1:1', '--command-timeout=500ms');
  expect([findings.map(({ id }) => id), code]).toEqual([['member-unreachable'], 3]);
  expect(ok.map(({ id }) => id)).toEqual(['access']);
});

test('who has seen enough ends it', async () => {
  const { stdout, failure } = await runAction(
    doctor,
    ['doctor', '--endpoints=127.0.0.1:1', '--command-timeout=500ms'],
    {
      onInterrupt: (listener) => {
        queueMicrotask(() => listener('SIGINT'));
        return { [Symbol.dispose]: () => undefined };
      },
    },
  );
  expect(stdout).toBe('');
  expect(failure).toMatchObject({ code: 'interrupted', status: 5 });
});

describe('certificates', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-doctor-tls-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('one that has expired is why a member does not answer', async () => {
    const [cert, key] = [join(folder, 'expired.crt'), join(folder, 'expired.key')];
    await writeFile(cert, expired.cert);
    await writeFile(key, expired.key);
    const files = { cert, key };
    await using server = await startQuorate({
      tls: true,
      extraArguments: ['--cert-file', files.cert, '--key-file', files.key],
    });
    const { findings, code } = await look(
      server.endpoint,
      `--cacert=${cert}`,
      '--command-timeout=2s',
      '--dial-timeout=1s',
    );
    expect(code).toBe(3);
    const [first] = findings;
    expect([first?.id, first?.severity]).toEqual(['certificate-expiry', 'critical']);
    expect(first?.seen).toContain('the certificate of expired has expired at 2021-01-01');
    expect(findings.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['member-unreachable', 'client-certificate']),
    );
  });

  test('good ones are looked at, with the versions of TLS, and those of the client', async () => {
    const certificates = await writeTestCertificates(folder);
    const peerUrl = `https://127.0.0.1:${await freePort()}`;
    await using server = await startQuorate({
      certificates,
      member: { name: 'n1', peerUrl, initialCluster: `n1=${peerUrl}`, state: 'new' },
      extraArguments: ['--peer-auto-tls'],
    });
    const { cert, key } = certificates.alice;
    const flags = [`--cacert=${certificates.ca}`, `--cert=${cert}`, `--key=${key}`];
    const { ok, unchecked } = await settled(server.endpoint, ...flags);
    const seen = new Map(ok.map((each) => [each.id, each.seen]));
    expect(seen.get('tls-versions')).toBe('TLSv1.3');
    expect([seen.has('certificate-trust'), seen.has('client-certificate')]).toEqual([true, true]);
    expect(unchecked).toContainEqual({
      ...{ id: 'certificate-expiry', subject: peerUrl },
      reason: 'give --peer-certificates to look at it',
    });
    const peers = await look(server.endpoint, ...flags, '--peer-certificates', '--interval=50ms');
    // It has signed it itself.
    expect(peers.findings.map(({ id, subject }) => [id, subject])).toEqual([['certificate-trust', peerUrl]]);
    expect(peers.ok).toContainEqual({
      ...{ id: 'leader-changes', subject: server.endpoint, seen: '0 changes of the leader in 50 ms' },
    });
  });
});

/** For the address 127.0.0.1, signed by itself; good for the year 2020. Its key is public: nothing may trust it. */
const expired = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBTzCB9qADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB2V4cGlyZWQw
HhcNMjAwMTAxMDAwMDAwWhcNMjEwMTAxMDAwMDAwWjASMRAwDgYDVQQDDAdleHBp
cmVkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEXkcfm8E8JHz3lM7GsVuTwzS3
2/jBeG51rlhyGHcU95mCbE3aCOH48jNhw4MsdTRza9Zub5PV4z73GRBB/vfNv6M9
MDswGgYDVR0RBBMwEYcEfwAAAYIJbG9jYWxob3N0MB0GA1UdDgQWBBSqP6ZTET9p
jP3vGfTCzZ4nqmW3NzAKBggqhkjOPQQDAgNIADBFAiBNsTbB3jVG+LmX9V56TbYS
WC1u4YApfhiFQ4HETMYvwwIhANhpTfzuiHO+Wi8qD53samtfihEMlmIjkJu34ZZz
ReUf
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgu16604v68RLAi6bp
6rw/R/JT45K2E4b6SOEOLxb+CVqhRANCAAReRx+bwTwkfPeUzsaxW5PDNLfb+MF4
bnWuWHIYdxT3mYJsTdoI4fjyM2HDgyx1NHNr1m5vk9XjPvcZEEH+982/
-----END PRIVATE KEY-----
`,
};
