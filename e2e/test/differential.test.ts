import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Script, type ScriptResult } from '../src/differential/script.ts';
import { etcdBin } from '../src/member-process.ts';

/** `QUORATE_SEED` replays one script, with the flags that the seed's place gives it. */
const givenSeed = process.env['QUORATE_SEED'];
const seedBase = 20261122;
const operationsPerScript = 12_600;

const flags = ['--unsafe-no-fsync'];
/** The second and the fourth script also cut the log down to a few entries, again and again. */
const scripts = [
  { seed: seedBase, flags: [...flags, '--snapshot-count=1000000'], restarts: 1 },
  { seed: seedBase + 1, flags: [...flags, '--snapshot-count=50'], restarts: 3 },
  { seed: seedBase + 2, flags: [...flags, '--snapshot-count=1000000'], restarts: 0 },
  { seed: seedBase + 3, flags: [...flags, '--snapshot-count=500'], restarts: 2 },
];
const chosen =
  givenSeed === undefined
    ? scripts
    : [{ ...scripts[(Number(givenSeed) - seedBase) & 3]!, seed: Number(givenSeed) }];

/** Every method that scripts call, and every error that they are to provoke at least once. */
const methods = [
  ...['KV/Range', 'KV/Put', 'KV/DeleteRange', 'KV/Txn', 'KV/Compact', 'Watch/Watch', 'Cluster/MemberList'],
  ...['Lease/LeaseGrant', 'Lease/LeaseRevoke', 'Lease/LeaseKeepAlive', 'Lease/LeaseTimeToLive'],
  ...['Lease/LeaseLeases', 'Maintenance/Alarm', 'Maintenance/Status', 'Maintenance/Hash'],
  ...['Maintenance/HashKV', 'Maintenance/Defragment'],
];
const errors = [
  '3 etcdserver: key is not provided',
  '3 etcdserver: key not found',
  '3 etcdserver: value is provided',
  '3 etcdserver: lease is provided',
  '3 etcdserver: too many operations in txn request',
  '3 etcdserver: duplicate key given in txn request',
  '3 etcdserver: request is too large',
  '5 etcdserver: requested lease not found',
  '8 etcdserver: mvcc: database space exceeded',
  '9 etcdserver: lease already exists',
  '11 etcdserver: mvcc: required revision has been compacted',
  '11 etcdserver: mvcc: required revision is a future revision',
  '11 etcdserver: too large lease TTL',
  '15 etcdserver: corrupt cluster',
];

async function runInFolder(script: (typeof scripts)[number]): Promise<ScriptResult> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-differential-'));
  try {
    return await Script.run({ ...script, operations: operationsPerScript, folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test.skipIf(etcdBin === undefined)(
  '50,000 random operations are answered as by etcd 3.5.30, to the byte (set QUORATE_ETCD_BIN to run)',
  { timeout: 900_000 },
  async () => {
    const results: ScriptResult[] = [];
    // Two at a time: while one pair of servers waits for its log, the other works.
    for (let i = 0; i < chosen.length; i += 2) {
      const outcomes = await Promise.allSettled(chosen.slice(i, i + 2).map(runInFolder));
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') throw outcome.reason;
        results.push(outcome.value);
      }
    }
    if (givenSeed !== undefined) return;
    const operations = results.reduce((sum, result) => sum + result.operations, 0);
    const events = results.reduce((sum, result) => sum + result.events, 0);
    console.log(`${operations} operations and ${events} events compared, no difference`);
    expect(operations).toBeGreaterThanOrEqual(50_000);
    expect(events).toBeGreaterThan(5_000);
    const called = new Set(results.flatMap((result) => [...result.byMethod.keys()]));
    expect(methods.filter((method) => !called.has(method))).toEqual([]);
    const met = new Set(results.flatMap((result) => [...result.errors.keys()]));
    expect(errors.filter((error) => !met.has(error))).toEqual([]);
  },
);
