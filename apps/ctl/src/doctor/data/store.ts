import { finding, ok, unchecked, type Check } from '../check.ts';
import type { DataFacts } from '../data-facts.ts';
import { humanSize } from '../../print/size.ts';
import { thresholds } from '../thresholds.ts';

/** Whether the store opens, and each page and row of it can be read. */
export const storeDamaged: Check<DataFacts> = {
  id: 'store-damaged',
  title: 'the store can be read from end to end',
  why: 'what cannot be read is lost here, and the member stops when it meets it',
  runbook: 'a-data-directory',
  examine({ dir: { dataDir, owner, store, use } }) {
    if (owner === 'none') return [];
    if (store === undefined) {
      return [
        unchecked(
          dataDir,
          use.state === 'used' ? `process ${use.pid} has the store open` : 'there is no store',
        ),
      ];
    }
    if (store.problem?.kind === 'unchecked') return [unchecked(dataDir, store.problem.text)];
    if (store.problem === undefined)
      return [ok(dataDir, `${store.rowCount} rows, ${humanSize(BigInt(store.sizeBytes))}`)];
    return [
      finding('critical', dataDir, `the store is damaged: ${store.problem.text}`, [
        'Keep a copy of the directory, and look at the disk: $ dmesg',
        'If more than half of the other members live, replace this one: $ quoratectl member remove ID',
        'Else restore a backup: $ quoratectl snapshot restore FILE --data-dir=NEWDIR …',
      ]),
    ];
  },
};

/** Alarms that stand in the store, and will stand when the member starts. */
export const storeAlarms: Check<DataFacts> = {
  id: 'store-alarms',
  title: 'no alarm stands in the store',
  why: 'an alarm stands until somebody lowers it, over restarts too',
  runbook: 'quoratenospace',
  examine({ dir: { dataDir, store } }) {
    if (store === undefined || store.problem !== undefined) return [];
    if (store.alarmCount === 0) return [ok(dataDir)];
    return [
      finding('warning', dataDir, `${store.alarmCount} alarms stand in the store`, [
        'When the cluster runs, see which, and what to do: $ quoratectl doctor --cluster',
      ]),
    ];
  },
};

/** A database of an etcd that is mostly free pages. */
export const storeFragmented: Check<DataFacts> = {
  id: 'store-fragmented',
  title: 'the database of an etcd holds what is used',
  why: 'free pages count for the quota, and make starts and snapshots slow',
  runbook: 'a-database-of-an-etcd-is-mostly-empty',
  examine({ dir: { dataDir, store } }) {
    if (store?.kind !== 'etcd' || store.problem !== undefined) return [];
    const share = store.freeBytes / Math.max(1, store.sizeBytes);
    const seen = `${Math.round(share * 100)} % of ${humanSize(BigInt(store.sizeBytes))} is free`;
    const isSmall = store.sizeBytes < thresholds.fragmentedBytes;
    if (isSmall || share <= 1 - thresholds.inUseShare) return [ok(dataDir, seen)];
    return [
      finding('advice', dataDir, seen, [
        `While no member runs on it: $ quoratectl defrag --data-dir=${dataDir}`,
      ]),
    ];
  },
};

/** Files of snapshots, of which a start takes the newest good one. */
export const snapFiles: Check<DataFacts> = {
  id: 'snap-files',
  title: 'files of snapshots are good',
  why: 'an etcd starts from the newest of them; members of Quorate start from their store, and write them for etcds',
  runbook: 'a-data-directory',
  examine({ dir: { dataDir, snapFiles: files, owner, log } }) {
    const bad = files.filter(({ problem }) => problem !== undefined);
    const isEtcd = owner === 'etcd';
    const verdicts = bad.map(({ problem }) =>
      finding(isEtcd ? 'warning' : 'advice', dataDir, problem ?? '', [
        isEtcd
          ? 'A start passes it over and takes the one before, if the log still goes back to that: make a copy first'
          : 'Nothing needs it: the next snapshot makes a new one',
        'Look at the disk: $ dmesg',
      ]),
    );
    const newest = log?.marks.at(-1);
    const isMissing =
      newest !== undefined && newest.index > 0 && !files.some(({ index }) => index === newest.index);
    if (isEtcd && isMissing)
      verdicts.push(
        finding(
          'warning',
          dataDir,
          `the log tells of a snapshot at entry ${newest.index}, and there is no file of it`,
          ['A start takes an older one, if the log still goes back to that: make a copy first'],
        ),
      );
    if (verdicts.length > 0) return verdicts;
    return owner === 'none' && log === undefined ? [] : [ok(dataDir, `${files.length} files`)];
  },
};

/** What is left of interrupted work. */
export const leftovers: Check<DataFacts> = {
  id: 'leftovers',
  title: 'nothing is left of interrupted work',
  why: 'it takes space; most of it goes away at the next start',
  runbook: 'a-data-directory',
  examine({ dir: { dataDir, leftovers: found, unreadable } }) {
    if (unreadable !== undefined) return [];
    const left = found.filter(({ path }) => !path.endsWith('member.restoring'));
    if (left.length === 0) return [ok(dataDir)];
    const names = left.map(({ path, sizeBytes }) => `${path} (${humanSize(BigInt(sizeBytes))})`).join(', ');
    const hasBroken = left.some(({ kind }) => kind === 'broken');
    return [
      finding('advice', dataDir, `left over: ${names}`, [
        'What was being made is removed or finished by the next start of the member',
        ...(hasBroken
          ? ['Files named .broken are copies from before a repair: remove them when the member runs well']
          : []),
      ]),
    ];
  },
};
