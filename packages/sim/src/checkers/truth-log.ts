import type {
  AppliedEntry,
  InitialState,
  KeyValue,
  RefusalCode,
  RevisionEvents,
  WatchEvent,
} from '../history/types.ts';
import { textOfEvent, textOfRequest } from './describe.ts';
import { equalKeyValues } from './model/differences.ts';
import type { AuthCourse } from './auth/auth-course.ts';
import { execute, type ModelAnswer } from './model/execute.ts';
import { emptyState, StoreModel, type ModelChange } from './model/store-model.ts';
import { Report, type Violation } from './violation.ts';

const forbidden: ModelAnswer = { kind: 'refused', code: 'other' };

/** What became of an applied entry. */
export interface TruthStep {
  readonly entry: AppliedEntry;
  /** Why it changed nothing, if the rules say so. */
  readonly refusal: RefusalCode | undefined;
  readonly revisionBefore: number;
  readonly revisionAfter: number;
}

/**
 * What really happened to the store, replayed on a model: the judge of everything that clients saw.
 *
 * Best is the log of applied entries (`ofEntries`): it orders leases and compactions too, and says which unknown
 * write took place. Where only a watch of all keys from the first revision can be had (`ofEvents`), the order of
 * leases and compactions within one revision stays open.
 */
export class TruthLog {
  /** The applied entries, or undefined for a truth of events. */
  readonly steps: readonly TruthStep[] | undefined;
  /** The events by revision, or undefined for a truth of entries. */
  readonly revisions: readonly RevisionEvents[] | undefined;
  readonly initial: InitialState;
  /** Where the source contradicts itself. */
  readonly violations: readonly Violation[];
  readonly #model: StoreModel;
  readonly #times: ReadonlyMap<number, number>;

  private constructor(parts: {
    readonly model: StoreModel;
    readonly initial: InitialState;
    readonly steps?: readonly TruthStep[];
    readonly revisions?: readonly RevisionEvents[];
    readonly times: ReadonlyMap<number, number>;
    readonly violations: readonly Violation[];
  }) {
    this.#model = parts.model;
    this.initial = parts.initial;
    this.steps = parts.steps;
    this.revisions = parts.revisions;
    this.#times = parts.times;
    this.violations = parts.violations;
  }

  /**
   * The truth of a log; entries in the order of their indexes. In a cluster with users `course` says which of them
   * were refused to who sent them.
   */
  static ofEntries(
    entries: readonly AppliedEntry[],
    initial: InitialState = emptyState,
    course?: AuthCourse,
  ): TruthLog {
    const model = new StoreModel(initial, { keepsChanges: true });
    const report = new Report();
    const times = new Map<number, number>();
    const steps: TruthStep[] = [];
    let lastIndex = -1;
    for (const entry of entries) {
      const revisionBefore = model.revision;
      const isForbidden = course?.refusalOfEntry(entry, (lease) => model.keysOfLease(lease)) !== undefined;
      const answer = isForbidden ? forbidden : execute(model, entry.request);
      const refusal = answer.kind === 'refused' ? answer.code : undefined;
      const step = { entry, refusal, revisionBefore, revisionAfter: model.revision };
      checkStep(step, lastIndex, report);
      if (entry.at !== undefined && model.revision > revisionBefore) times.set(model.revision, entry.at);
      steps.push(step);
      lastIndex = entry.index;
    }
    return new TruthLog({ model, initial, steps, times, violations: report.verdict().violations });
  }

  /** The truth of a watch of all keys; revisions in order, from the one after the initial state. */
  static ofEvents(revisions: readonly RevisionEvents[], initial: InitialState = emptyState): TruthLog {
    const model = new StoreModel(initial, { keepsChanges: true });
    const report = new Report();
    const times = new Map<number, number>();
    for (const { revision, events, at } of revisions) {
      if (revision !== model.revision + 1) {
        report.add({
          rule: 'truth-disagrees',
          message: `revision ${revision} follows ${model.revision} in the watch of all keys`,
          operations: [],
          revision,
        });
        break;
      }
      for (const event of events) applyEvent(model, event, report);
      model.commit();
      if (at !== undefined) times.set(revision, at);
    }
    return new TruthLog({ model, initial, revisions, times, violations: report.verdict().violations });
  }

  /** The newest revision. */
  get revision(): number {
    return this.#model.revision;
  }

  /** The compacted revision at the end; -1 when never compacted, or when only events are known. */
  get compactedRevision(): number {
    return this.#model.compactedRevision;
  }

  /** What a revision changed, in order. */
  changesOf(revision: number): readonly ModelChange[] {
    return this.#model.changesOf(revision);
  }

  /** A key's value as of a revision. */
  at(key: string, revision: number): KeyValue | undefined {
    return this.#model.at(key, revision);
  }

  /** When a revision was first applied (or seen), where that is known. */
  timeOf(revision: number): number | undefined {
    return this.#times.get(revision);
  }

  /** The model at the end, for reads of any revision. */
  get model(): StoreModel {
    return this.#model;
  }
}

function checkStep({ entry, revisionAfter }: TruthStep, lastIndex: number, report: Report): void {
  if (entry.index <= lastIndex) {
    const message = `entry ${entry.index} follows entry ${lastIndex}`;
    report.add({ rule: 'truth-disagrees', message, operations: [] });
  }
  if (entry.revision !== undefined && entry.revision !== revisionAfter) {
    report.add({
      rule: 'truth-disagrees',
      message: `entry ${entry.index} (${textOfRequest(entry.request)}) left the member at revision ${entry.revision}, the replay at ${revisionAfter}`,
      operations: entry.operation === undefined ? [] : [entry.operation],
      revision: revisionAfter,
    });
  }
}

/** Takes an event into the model, and says where its fields do not follow from what was before. */
export function applyEvent(model: StoreModel, event: WatchEvent, report: Report): void {
  const { kv } = event;
  const previous = model.latest(kv.key);
  const revision = model.revision + 1;
  const fits =
    kv.modRevision === revision &&
    (event.type === 'delete'
      ? previous !== undefined
      : kv.createRevision === (previous?.createRevision ?? revision) &&
        kv.version === (previous?.version ?? 0) + 1);
  if (!fits) {
    const message = `${textOfEvent(event)} does not follow from what revision ${model.revision} holds`;
    report.add({ rule: 'truth-disagrees', message, operations: [], revision });
  }
  if (event.type === 'put') model.put(kv.modRevision === revision ? kv : { ...kv, modRevision: revision });
  else if (previous !== undefined) model.delete(kv.key);
}

/** Whether what a revision changed is what its events say. */
export function changesEqualEvents(changes: readonly ModelChange[], events: readonly WatchEvent[]): boolean {
  return (
    changes.length === events.length &&
    changes.every(({ kv }, i) => {
      const event = events[i]!;
      if ((event.type === 'delete') !== (kv.version === 0)) return false;
      return kv.version === 0
        ? kv.key === event.kv.key && kv.modRevision === event.kv.modRevision
        : equalKeyValues(kv, event.kv);
    })
  );
}
