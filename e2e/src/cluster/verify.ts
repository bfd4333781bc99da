import {
  checkLinearizable,
  checkWatch,
  TruthLog,
  type History,
  type RevisionEvents,
  type Verdict,
  type WatchHistory,
} from '@quorate/sim';
import { untilEqual } from './consensus.ts';
import type { JudgedCluster, JudgedMember } from './judged.ts';
import type { ClusterLoad } from './load.ts';
import type { RecordedWatch } from './recorded-watch.ts';
import { NotAtRestError, truthOf } from './truth.ts';

/** What was found in order. */
export interface Verified {
  readonly revision: number;
  /** Operations that had an answer. */
  readonly answered: number;
  readonly acknowledgedWrites: number;
  /** Operations of unknown outcome. */
  readonly unknown: number;
  readonly watchEvents: number;
  /** How often a member put a snapshot of the leader in the place of its state. */
  readonly snapshotsInstalled: number;
}

/** What members log then. */
const installedTexts = { quorate: 'installed a snapshot of the leader', etcd: 'applied snapshot' } as const;

/**
 * Ends the load of a cluster whose members are all up, waits until it is quiet, and judges all that was seen of it:
 * members have equal hashes and tell the same story from the first revision on, the history is linearizable within
 * that story (no acknowledged write is missing), and the watches heard all of it, in order, and nothing else.
 *
 * @throws Error that shows what is wrong
 */
export async function verify(
  cluster: JudgedCluster,
  load: ClusterLoad,
  watches: readonly RecordedWatch[] = [],
): Promise<Verified> {
  const history = await load.end();
  await cluster.checkRunning();
  const quiet = Number((await untilEqual(cluster)).revision);
  const watched = await Promise.all(watches.map((watch) => watch.settle(quiet)));
  // Read last, so that whatever a watch has heard is in it.
  const { revision, events } = await truthAtRest(cluster);
  const truth = TruthLog.ofEvents(events);
  fail('the history', checkLinearizable(history, truth, { leasesExpire: false }));
  fail('what was watched', checkWatch(watched, truth));
  const installed = await Promise.all(cluster.members.map(countInstalled));
  return {
    revision,
    ...countOutcomes(history),
    acknowledgedWrites: load.acknowledgedWrites,
    watchEvents: watched.reduce((sum, watch) => sum + countEvents(watch), 0),
    snapshotsInstalled: installed.reduce((sum, count) => sum + count, 0),
  };
}

/** The truth up to the revision that all members are at, once nothing is carried out late any more. */
async function truthAtRest(
  cluster: JudgedCluster,
): Promise<{ readonly revision: number; readonly events: readonly RevisionEvents[] }> {
  for (;;) {
    const revision = Number((await untilEqual(cluster)).revision);
    try {
      return { revision, events: await truthOf(cluster, revision) };
    } catch (error) {
      // Nobody asks for more writes, so that they come to an end.
      if (!(error instanceof NotAtRestError)) throw error;
    }
  }
}

function fail(what: string, { violations, violationCount, unresolved }: Verdict): void {
  if (violationCount === 0 && unresolved.length === 0) return;
  const told = [...violations.map(({ rule, message }) => `${rule}: ${message}`), ...unresolved].slice(0, 10);
  throw new Error(`${what} breaks ${violationCount} promises:\n${told.join('\n')}`);
}

function countOutcomes({ operations }: History): { readonly answered: number; readonly unknown: number } {
  const unknown = operations.filter(({ outcome }) => outcome.kind === 'unknown').length;
  return { answered: operations.length - unknown, unknown };
}

function countEvents({ attempts }: WatchHistory): number {
  let count = 0;
  for (const { messages } of attempts) for (const { events } of messages) count += events.length;
  return count;
}

async function countInstalled(member: JudgedMember): Promise<number> {
  return (await member.logs()).split(installedTexts[member.kind]).length - 1;
}
