import { freePort } from '@quorate/std/testing';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { addMemberChange, encodeMember, encodeV2Store, initialMembers, Membership } from '../src/index.ts';
import { ChangeList, crc32c, idToHex } from '@quorate/std';
import { decodeSnapshot, encodeSnapshot, snappb } from '@quorate/wire';

const run = promisify(execFile);
const bin = process.env['QUORATE_ETCD_BIN'];
const name = 'one & only';

/** A real etcd of one member; it is up when it says that it serves clients. */
async function startEtcd(dataDir: string, clientUrl: string, peerUrl: string): Promise<ChildProcess> {
  const flags = {
    name,
    'data-dir': dataDir,
    'listen-client-urls': clientUrl,
    'advertise-client-urls': clientUrl,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': `${name}=${peerUrl}`,
    'snapshot-count': '5',
  };
  const etcd = spawn(
    join(bin ?? '', 'etcd'),
    Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let log = '';
  await new Promise<void>((resolve, reject) => {
    // The log is read to its end, since etcd stops when nobody takes it.
    etcd.stderr.on('data', (chunk) => {
      log += String(chunk);
      if (log.includes('ready to serve client requests')) resolve();
    });
    etcd.once('exit', () => reject(new Error(`etcd ended: ${log}`)));
  });
  return etcd;
}

async function stop(etcd: ChildProcess): Promise<void> {
  const ended = once(etcd, 'exit');
  etcd.kill('SIGTERM');
  await ended;
}

/** Puts another content into the newest snapshot file. */
async function replaceSnapshotData(dataDir: string, data: Uint8Array): Promise<void> {
  const directory = join(dataDir, 'member', 'snap');
  const newest = (await readdir(directory))
    .filter((file) => file.endsWith('.snap'))
    .sort()
    .at(-1);
  if (newest === undefined) throw new Error('etcd has made no snapshot');
  const path = join(directory, newest);
  const file = snappb.snapshot.decode(await readFile(path));
  const snapshot = encodeSnapshot({ ...decodeSnapshot(file.data ?? new Uint8Array(0)), data });
  await writeFile(path, snappb.snapshot.encode({ crc: crc32c(snapshot), data: snapshot }).finish());
}

test.skipIf(bin === undefined)(
  'a real etcd has our rows, and starts from our membership in its snapshot (QUORATE_ETCD_BIN)',
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'membership-etcd-'));
    const [clientPort, peerPort] = [await freePort(), await freePort()];
    const clientUrl = `http://127.0.0.1:${clientPort}`;
    const peerUrl = `http://127.0.0.1:${peerPort}`;
    const etcdctl = async (...args: string[]): Promise<string> =>
      (await run(join(bin ?? '', 'etcdctl'), ['--endpoints', clientUrl, ...args])).stdout;
    let etcd = await startEtcd(dataDir, clientUrl, peerUrl);
    try {
      for (let i = 0; i < 12; i++) await etcdctl('put', `key${i}`, 'value');
      await stop(etcd);

      const [self] = initialMembers([{ name, peerUrls: [peerUrl] }], 'etcd-cluster');
      const member = { ...self!, isLearner: false, clientUrls: [clientUrl] };
      const database = await readFile(join(dataDir, 'member', 'snap', 'db'));
      expect(database.includes(`${idToHex(member.id)}${Buffer.from(encodeMember(member)).toString()}`)).toBe(
        true,
      );

      const membership = Membership.restore({ members: [], members_removed: [], cluster: [] });
      membership.apply(addMemberChange(member), new ChangeList());
      membership.setAttributes(member.id, member, new ChangeList());
      membership.setClusterVersion('3.5.0', new ChangeList());
      await replaceSnapshotData(dataDir, encodeV2Store(membership));

      etcd = await startEtcd(dataDir, clientUrl, peerUrl);
      expect(await etcdctl('member', 'list')).toBe(
        `${idToHex(member.id)}, started, ${name}, ${peerUrl}, ${clientUrl}, false\n`,
      );
      // The next snapshot is made of the tree that it has read from us.
      for (let i = 0; i < 12; i++) await etcdctl('put', `key${i}`, 'value');
      expect(await etcdctl('get', 'key11', '--print-value-only')).toBe('value\n');
    } finally {
      if (etcd.exitCode === null) await stop(etcd);
      await rm(dataDir, { recursive: true, force: true });
    }
  },
  60_000,
);
