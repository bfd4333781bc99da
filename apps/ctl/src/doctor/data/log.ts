import type { LogFacts } from '@quorate/data-dir';
import { finding, ok, unchecked, type Check, type Verdict } from '../check.ts';
import type { DataFacts } from '../data-facts.ts';
import { thresholds } from '../thresholds.ts';

const replace = [
  'Keep a copy of the directory, and do not edit or delete files of the log: entries that were acknowledged would be gone',
  'If more than half of the other members live, replace this one: $ quoratectl member remove ID',
  'Else restore a backup: $ quoratectl snapshot restore FILE --data-dir=NEWDIR …',
] as const;

/** Whether the log is there. */
export const logPresent: Check<DataFacts> = {
  id: 'log-present',
  title: 'there is a log',
  why: 'votes and entries that were promised are in it; without it a member refuses to start',
  runbook: 'a-data-directory',
  examine({ dir: { dataDir, walDir, log, owner, unreadable } }) {
    if (unreadable !== undefined || (owner === 'none' && log === undefined)) return [];
    if (log !== undefined) return [ok(dataDir, `${log.segments.length} segments`)];
    return [
      finding('critical', dataDir, `there is a store, and no log in ${walDir}`, [
        'If the log lies elsewhere, give its directory: --wal-dir=DIR',
        ...replace,
      ]),
    ];
  },
};

/** Whether all records are what was written, one after the other. */
export const logDamaged: Check<DataFacts> = {
  id: 'log-damaged',
  title: 'records of the log are whole and follow each other',
  why: 'what stands behind damage cannot be trusted, and a member refuses to start on it',
  runbook: 'a-data-directory',
  examine: (facts) =>
    ofLog(facts, (log, subject) => {
      const { problem, isEndUnsure } = log;
      if (problem?.kind === 'unreadable') return [unchecked(subject, problem.text)];
      if (problem !== undefined && problem.kind !== 'torn')
        return [finding('critical', subject, `the log is damaged: ${problem.text}`, replace)];
      if (isEndUnsure) return [unchecked(subject, 'a member may be writing the last segment of the log')];
      return [ok(subject, `up to entry ${log.lastIndex}`)];
    }),
};

/** What a crash leaves at the end of a log. */
export const logTorn: Check<DataFacts> = {
  id: 'log-torn',
  title: 'the log ends with a whole record',
  why: 'a crash cut the last write: nothing that was acknowledged is lost by it, and the next start repairs it',
  runbook: 'a-data-directory',
  examine: (facts) =>
    ofLog(facts, ({ problem, isEndUnsure }, subject) => {
      if (isEndUnsure) return [unchecked(subject, 'a member may be writing the last segment of the log')];
      if (problem?.kind !== 'torn') return problem === undefined ? [ok(subject)] : [];
      return [
        finding('advice', subject, problem.text, [
          'Start the member: it cuts the record off, and keeps a copy beside the segment (.broken)',
          'If the machine did not lose power and nobody killed the member, look at the disk: $ dmesg',
        ]),
      ];
    }),
};

/** Whether log and store go together. */
export const logFitsStore: Check<DataFacts> = {
  id: 'log-fits-store',
  title: 'log and store go together',
  why: 'what is missing between them was acknowledged, and is lost here; a member refuses to start on it',
  runbook: 'a-data-directory',
  examine: (facts) =>
    ofLog(facts, (log, subject) => {
      const { store } = facts.dir;
      if (log.problem !== undefined && log.problem.kind !== 'torn')
        return [unchecked(subject, 'the log could not be read to its end')];
      const { commit } = log.hardState;
      if (commit > log.lastIndex && !log.isEndUnsure)
        return [
          finding(
            'critical',
            subject,
            `entries up to ${commit} were committed, and the log ends at ${log.lastIndex}`,
            replace,
          ),
        ];
      if (store?.position === undefined) return [unchecked(subject, 'it is not known where the store ends')];
      const { index } = store.position;
      if (index > log.lastIndex)
        return [
          finding(
            'critical',
            subject,
            `the store has entries up to ${index}, and the log ends at ${log.lastIndex}`,
            replace,
          ),
        ];
      if (!log.marks.some((mark) => mark.index <= index))
        return [
          finding('critical', subject, `the store ends at entry ${index}, and the log begins behind that`, [
            'The store is older than the log: put back the one that belongs to it, if there is a copy',
            ...replace,
          ]),
        ];
      const newest = log.marks.at(-1)?.index ?? 0;
      if (store.kind === 'etcd' && newest > index && !hasReceived(facts, newest))
        return [
          finding(
            'critical',
            subject,
            `the log tells of a snapshot at entry ${newest}, and the database ends at ${index}`,
            [
              'An etcd does not start without the database that it got then (.snap.db): put it back, if there is a copy',
              ...replace,
            ],
          ),
        ];
      return [ok(subject, `the store is at entry ${index}, the log at ${log.lastIndex}`)];
    }),
};

/** Whether a database that a leader sent waits to take the place of the one there is. */
function hasReceived({ dir }: DataFacts, index: number): boolean {
  const name = `${index.toString(16).padStart(16, '0')}.snap.db`;
  return dir.leftovers.some(({ path }) => path.endsWith(name));
}

/** Whether the log is released as snapshots are made. */
export const logSize: Check<DataFacts> = {
  id: 'log-size',
  title: 'the log is released',
  why: 'a long log fills the disk, and makes each start slow',
  runbook: 'a-data-directory',
  examine: (facts) =>
    ofLog(facts, ({ segments, lastIndex, marks }, subject) => {
      const bytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      const behind = lastIndex - (marks.at(-1)?.index ?? 0);
      const seen = `${segments.length} segments of ${Math.round(bytes / 1_000_000)} MB in all, ${behind} entries behind the last snapshot`;
      if (bytes <= thresholds.logBytes) return [ok(subject, seen)];
      return [
        finding('advice', subject, seen, [
          'Let snapshots be made more often: --snapshot-count=10000 (the default), and fewer segments be kept: --max-wals=5',
          'If the store is slow to write (check backend-commit), give it a faster disk',
        ]),
      ];
    }),
};

/** Whether space for the log was given in advance. */
export const logAhead: Check<DataFacts> = {
  id: 'log-ahead',
  title: 'segments of an etcd have their space in advance',
  why: 'a segment that grows while it is written makes syncs slower, and can meet a full disk in the middle',
  runbook: 'a-data-directory',
  examine: (facts) =>
    ofLog(facts, ({ segments }, subject) => {
      // Members of Quorate fill a segment while they write it.
      if (facts.dir.owner !== 'etcd') return [];
      const last = segments.at(-1);
      // Full segments are cut to what is in them.
      if (last === undefined || last.allocatedBytes >= last.sizeBytes) return [ok(subject)];
      const missing = last.sizeBytes - last.allocatedBytes;
      return [
        finding(
          'advice',
          subject,
          `${Math.round(missing / 1_000_000)} MB of the last segment have no place on the disk yet`,
          [
            'Use a file system that gives space in advance (ext4, xfs); copies of directories may have lost it, and the next segment has it again',
          ],
        ),
      ];
    }),
};

function ofLog(
  { dir }: DataFacts,
  examine: (log: LogFacts, subject: string) => readonly Verdict[],
): readonly Verdict[] {
  return dir.log === undefined ? [] : examine(dir.log, dir.dataDir);
}
