import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runRandomSchedule } from '../src/testing/index.ts';
import type { MemberOptions, ScheduleReport } from '../src/testing/index.ts';

const runs = Number(process.env['RAFT_RUNS'] ?? 40);

/** Runs schedules of many seeds; a failure prints the seed, with which `runRandomSchedule` replays it. */
function runMany(group: {
  readonly voterCount: number;
  readonly spareCount?: number;
  readonly options?: MemberOptions;
}): ScheduleReport[] {
  const reports: ScheduleReport[] = [];
  const property = fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
    reports.push(runRandomSchedule({ ...group, seed, stepCount: 6000 }));
  });
  // Shrinking a seed makes no smaller schedule.
  fc.assert(property, { numRuns: runs, endOnFailure: true });
  return reports;
}

const total = (reports: ScheduleReport[], field: 'commit' | 'crashCount' | 'readCount' | 'confChangeCount') =>
  reports.reduce((sum, report) => sum + report[field], 0);

test('a single voter keeps its word through crashes', () => {
  const reports = runMany({ voterCount: 1 });
  expect(total(reports, 'commit')).toBeGreaterThan(reports.length * 50);
  expect(total(reports, 'crashCount')).toBeGreaterThan(reports.length * 5);
});

test('three voters stay safe under loss, reordering, crashes and changes, and recover', () => {
  const reports = runMany({ voterCount: 3 });
  expect(total(reports, 'commit')).toBeGreaterThan(reports.length * 10);
  expect(total(reports, 'readCount')).toBeGreaterThan(reports.length);
});

test('three voters and two spare nodes stay safe while the configuration changes', () => {
  const reports = runMany({ voterCount: 3, spareCount: 2 });
  expect(total(reports, 'confChangeCount')).toBeGreaterThan(reports.length);
});

test('five voters and two spare nodes stay safe', () => {
  const reports = runMany({ voterCount: 5, spareCount: 2 });
  expect(total(reports, 'commit')).toBeGreaterThan(reports.length * 5);
});

test('small windows and messages change nothing', () => {
  const options = {
    maxInflightMessages: 1,
    maxSizePerMessage: 1,
    maxCommittedSizePerReady: 1,
    maxInflightSize: 20,
  };
  runMany({ voterCount: 3, spareCount: 1, options });
});

test('neither pre-vote nor check-quorum are needed for safety', () => {
  runMany({ voterCount: 3, options: { preVote: false, checkQuorum: false } });
});

test('check-quorum without pre-vote, and a leader that steps down on removal, are safe', () => {
  runMany({ voterCount: 3, spareCount: 1, options: { preVote: false, stepDownOnRemoval: true } });
});
