import { finding, ok, unchecked, type Check } from '../check.ts';
import type { DataFacts } from '../data-facts.ts';

/** Whether there is a member's data at all, and whose. */
export const dataPresent: Check<DataFacts> = {
  id: 'data-present',
  title: 'the directory holds the data of one member',
  why: 'a member does not start on data of another program, and begins anew where there are none',
  runbook: 'a-data-directory',
  examine({ dir }) {
    const { dataDir, unreadable, owner, hasProxy, log } = dir;
    if (unreadable !== undefined) {
      return [
        finding('critical', dataDir, `it cannot be read: ${unreadable}`, [
          'See that the path is right and the disk is mounted, and run it as the user of the member: $ sudo -u quorate quoratectl doctor --data-dir=DIR',
        ]),
      ];
    }
    if (owner === 'both')
      return [
        finding(
          'critical',
          dataDir,
          'it holds the store of Quorate (member/store) and that of an etcd (member/snap/db)',
          [
            'Find out by dates which of them was in use last: $ ls -l --time-style=full-iso DIR/member DIR/member/snap',
            'Move the other one away, after a copy of both',
          ],
        ),
      ];
    if (hasProxy)
      return [
        finding('warning', dataDir, 'it holds data of a member and of a proxy: a member refuses it', [
          'Move the directory proxy away',
        ]),
      ];
    if (owner === 'none' && log === undefined)
      return [
        finding('critical', dataDir, 'it holds no member: neither a store nor a log', [
          'Give the directory that the member has as --data-dir, the one that holds "member"',
          'If its data are lost, replace the member; never start it under its old name with an empty directory',
        ]),
      ];
    return [ok(dataDir, owner === 'etcd' ? 'of an etcd' : 'of Quorate')];
  },
};

/** A restore that was interrupted. */
export const restoreInterrupted: Check<DataFacts> = {
  id: 'restore-interrupted',
  title: 'no restore was interrupted',
  why: 'a member refuses to start beside one: what was to be restored is not there',
  runbook: 'restore',
  examine({ dir: { dataDir, isRestoreInterrupted } }) {
    if (!isRestoreInterrupted) return [ok(dataDir)];
    return [
      finding('critical', dataDir, 'a restore did not come to its end (member.restoring)', [
        'Do it again: $ quoratectl snapshot restore FILE --data-dir=DIR …',
        'Or, if it is not wanted any more, remove DIR/member.restoring',
      ]),
    ];
  },
};

/** Whether a member runs on it, which keeps some of it from being looked at. */
export const dataInUse: Check<DataFacts> = {
  id: 'data-in-use',
  title: 'no process has it open',
  why: 'what a member has open changes while it is looked at',
  runbook: 'a-data-directory',
  examine({ dir: { dataDir, use, owner } }) {
    if (owner === 'none') return [];
    if (use.state === 'free') return [ok(dataDir)];
    if (use.state === 'unknown') return [unchecked(dataDir, use.reason)];
    return [
      unchecked(dataDir, `process ${use.pid} has it open: its store and the end of its log were left alone`),
    ];
  },
};
