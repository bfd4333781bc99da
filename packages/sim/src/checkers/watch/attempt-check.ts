import type { WatchAttempt, WatchEvent, WatchMessage } from '../../history/types.ts';
import { quote, textOfEvent, textOfKeyValue } from '../describe.ts';
import { equalKeyValues } from '../model/differences.ts';
import type { ModelChange } from '../model/store-model.ts';
import type { TruthLog } from '../truth-log.ts';
import type { Rule } from '../violation.ts';
import { DueEvents } from './due-events.ts';

/** What is asked of a watcher beside the truth. */
export interface AttemptContext {
  readonly truth: TruthLog;
  /** The compacted revision that any member can have had by a time. */
  readonly compactedBy: (time: number) => number;
  readonly add: (rule: Rule, message: string, revision?: number) => void;
}

/** Messages that belong together: a whole one, or all fragments of one. */
interface Batch {
  readonly messages: readonly WatchMessage[];
  /** False when the stream ended in the middle of the fragments. */
  readonly isWhole: boolean;
}

/**
 * Follows one server-side watcher through its messages.
 *
 * What it knows: everything due up to `#seen` was delivered (or left out, which was reported then), and no event up to
 * `#bookmark` may follow, since a progress answer said that there were no more.
 */
export class AttemptCheck {
  readonly #attempt: WatchAttempt;
  readonly #context: AttemptContext;
  readonly #due: DueEvents;
  /** Undefined until it is known where the watcher starts. */
  #start: number | undefined;
  #seen = 0;
  #lastEvent = 0;
  #bookmark = 0;
  #isCreated = false;
  #cancel: WatchMessage | undefined;
  #eventCount = 0;

  constructor(attempt: WatchAttempt, context: AttemptContext) {
    this.#attempt = attempt;
    this.#context = context;
    this.#due = new DueEvents(context.truth, attempt.request);
    const start = attempt.request.startRevision ?? 0;
    if (start > 0) this.#startAt(start);
  }

  /** Everything due up to here was seen; where the next attempt may go on. Undefined if it never began. */
  get seen(): number | undefined {
    return this.#start === undefined ? undefined : this.#seen;
  }

  /** How the watcher was canceled, undefined when it was not. */
  get cancel(): WatchMessage | undefined {
    return this.#cancel;
  }

  /** How many events it was told. */
  get eventCount(): number {
    return this.#eventCount;
  }

  run(): void {
    for (const batch of batchesOf(this.#attempt.messages)) this.#take(batch);
    const { settledRevision } = this.#attempt;
    if (settledRevision === undefined || this.#start === undefined || this.#cancel !== undefined) return;
    const missing = this.#due.firstAfter(this.#seen, settledRevision);
    if (missing === undefined) return;
    this.#context.add(
      'watch-unsettled',
      `nothing was said of revision ${missing} (${this.#dueText(missing)}) by the end, when all up to ${settledRevision} should have arrived`,
      missing,
    );
  }

  #startAt(start: number): void {
    this.#start = start;
    this.#seen = start - 1;
  }

  #take(batch: Batch): void {
    const message = batch.messages[0]!;
    if (this.#cancel !== undefined) {
      this.#context.add(
        'watch-after-cancel',
        `a message at ${message.at}, after the cancel at ${this.#cancel.at}`,
      );
      return;
    }
    this.#checkHeader(batch);
    if (message.created === true) this.#takeCreated(message);
    else if (!this.#isCreated) {
      this.#context.add('watch-created', `a message at ${message.at}, before the watcher was created`);
      this.#isCreated = true; // Once is enough.
    }
    const hasEvents = batch.messages.some(({ events }) => events.length > 0);
    if (hasEvents) this.#takeEvents(batch);
    if (message.canceled === true || (message.compactRevision ?? 0) > 0) this.#takeCancel(message, hasEvents);
    else if (!hasEvents && message.created !== true) this.#takeProgress(message);
  }

  /** A header speaks of revisions that are there, and of no older ones than its events. */
  #checkHeader({ messages }: Batch): void {
    const { truth, add } = this.#context;
    for (const { at, revision, events } of messages) {
      const newest = events.at(-1)?.kv.modRevision ?? 0;
      if (revision < newest)
        add('watch-header', `header revision ${revision} with an event of ${newest}`, newest);
      if (revision > truth.revision) {
        add(
          'watch-header',
          `header revision ${revision}, but there are none after ${truth.revision}`,
          revision,
        );
      } else if (truth.steps !== undefined && at < (truth.timeOf(revision) ?? -Infinity)) {
        add('watch-header', `revision ${revision} at ${at}, before any member had applied it`, revision);
      }
    }
  }

  #takeCreated(message: WatchMessage): void {
    if (this.#isCreated) this.#context.add('watch-created', `created a second time at ${message.at}`);
    this.#isCreated = true;
    if (message.canceled === true) return; // Refused: it never began.
    if (this.#start === undefined) this.#startAt(message.revision + 1);
  }

  #takeEvents({ messages, isWhole }: Batch): void {
    if (messages.length > 1 && this.#attempt.request.fragment !== true) {
      this.#context.add('watch-atomicity', `fragments at ${messages[0]!.at} that nobody asked for`);
    }
    const events = messages.flatMap((message) => message.events);
    const { at } = messages.at(-1)!;
    this.#eventCount += events.length;
    for (let from = 0; from < events.length;) {
      const revision = events[from]!.kv.modRevision;
      let to = from + 1;
      while (to < events.length && events[to]!.kv.modRevision === revision) to++;
      const isCutOff = !isWhole && to === events.length;
      this.#takeRevision(revision, events.slice(from, to), { at, isCutOff });
      from = to;
    }
  }

  /** All events that a message has of one revision. */
  #takeRevision(
    revision: number,
    events: readonly WatchEvent[],
    where: { readonly at: number; readonly isCutOff: boolean },
  ): void {
    const { add } = this.#context;
    const text = events.map(textOfEvent).join(', ');
    if (this.#start !== undefined && revision < this.#start) {
      add('watch-before-start', `${text}, but the watcher starts at ${this.#start}`, revision);
      return;
    }
    if (revision <= this.#bookmark) {
      add('watch-bookmark', `${text}, after a progress answer at ${this.#bookmark}`, revision);
      return;
    }
    if (revision <= this.#lastEvent) {
      this.#reportRepeated(revision, events);
      return;
    }
    const missing = this.#due.firstAfter(this.#seen, revision - 1);
    if (missing !== undefined) {
      add(
        'watch-lost-event',
        `revision ${revision} came after ${this.#seen}, without ${this.#dueText(missing)}`,
        missing,
      );
    }
    this.#compare(revision, events, where);
    this.#seen = revision;
    this.#lastEvent = revision;
  }

  #reportRepeated(revision: number, events: readonly WatchEvent[]): void {
    const text = events.map(textOfEvent).join(', ');
    const { add } = this.#context;
    if (this.#due.of(revision).length === 0) {
      add('watch-foreign-event', `${text}, of which the watcher is due nothing`, revision);
    } else if (revision === this.#lastEvent) {
      add('watch-atomicity', `revision ${revision} is split, or told twice: ${text}`, revision);
    } else {
      add(
        'watch-duplicate',
        `${text}, after revision ${this.#lastEvent}: told twice, or out of order`,
        revision,
      );
    }
  }

  #compare(
    revision: number,
    events: readonly WatchEvent[],
    { at, isCutOff }: { readonly at: number; readonly isCutOff: boolean },
  ): void {
    const { add } = this.#context;
    const due = this.#due.of(revision);
    let next = 0;
    for (const event of events) {
      const found = due.findIndex(({ kv }, i) => i >= next && kv.key === event.kv.key);
      if (found === -1) {
        this.#reportForeign(revision, event, due, next);
        continue;
      }
      if (found > next)
        add('watch-lost-event', `${textOfEvent(event)} came without ${textOfChange(due[next]!)}`, revision);
      next = found + 1;
      this.#compareEvent(due[found]!, event, at);
    }
    if (next < due.length && !isCutOff) {
      add('watch-lost-event', `revision ${revision} came without ${textOfChange(due[next]!)}`, revision);
    }
  }

  #reportForeign(revision: number, event: WatchEvent, due: readonly ModelChange[], next: number): void {
    const { add } = this.#context;
    const isEarlier = due.slice(0, next).some(({ kv }) => kv.key === event.kv.key);
    if (isEarlier) add('watch-duplicate', `${textOfEvent(event)} twice, or out of order`, revision);
    else if (!this.#due.hasKey(event.kv.key)) {
      add('watch-foreign-event', `${textOfEvent(event)}: ${quote(event.kv.key)} is not watched`, revision);
    } else if (this.#due.isFiltered(event.type)) {
      add('watch-filter', `${textOfEvent(event)} should have been left out`, revision);
    } else {
      add(
        'watch-foreign-event',
        `${textOfEvent(event)}, but revision ${revision} did nothing like it`,
        revision,
      );
    }
  }

  #compareEvent({ kv, previous }: ModelChange, event: WatchEvent, at: number): void {
    const { add } = this.#context;
    const type = kv.version === 0 ? 'delete' : 'put';
    if (event.type !== type || !equalKeyValues(kv, event.kv)) {
      const wanted = type === 'put' ? `put ${textOfKeyValue(kv)}` : `delete ${quote(kv.key)}`;
      add('watch-wrong-event', `${textOfEvent(event)} where there was ${wanted}`, kv.modRevision);
    }
    const { prevKv } = event;
    if (this.#attempt.request.prevKv !== true) {
      if (prevKv !== undefined)
        add('watch-prev-kv', `prev_kv that nobody asked for: ${textOfEvent(event)}`, kv.modRevision);
      return;
    }
    const isCompacted = this.#context.compactedBy(at) >= kv.modRevision;
    if (prevKv === undefined && (previous === undefined || isCompacted)) return;
    if (prevKv !== undefined && previous !== undefined && equalKeyValues(prevKv, previous)) return;
    add(
      'watch-prev-kv',
      `prev_kv of ${textOfEvent(event)} is ${textOfKeyValue(prevKv)} where there was ${textOfKeyValue(previous)}`,
      kv.modRevision,
    );
  }

  /** A progress answer says that everything up to its revision was told; a client resumes after it. */
  #takeProgress({ revision }: WatchMessage): void {
    const { add } = this.#context;
    if (this.#start !== undefined && revision < this.#start - 1) {
      add('watch-bookmark', `progress at ${revision}, but the watcher starts at ${this.#start}`, revision);
      return;
    }
    if (revision < Math.max(this.#lastEvent, this.#bookmark)) {
      const before = Math.max(this.#lastEvent, this.#bookmark);
      add('watch-bookmark', `progress at ${revision}, when ${before} had been told before`, revision);
      return;
    }
    const missing = this.#due.firstAfter(this.#seen, revision);
    if (missing !== undefined) {
      add(
        'watch-bookmark',
        `progress at ${revision} before ${this.#dueText(missing)} of ${missing}`,
        missing,
      );
    }
    this.#bookmark = revision;
    this.#seen = Math.max(this.#seen, revision);
  }

  #takeCancel(message: WatchMessage, hasEvents: boolean): void {
    const { truth, add, compactedBy } = this.#context;
    const { at, canceled, compactRevision = 0 } = message;
    this.#cancel = message;
    if (compactRevision === 0) return;
    if (canceled !== true) add('watch-compacted', `compacted at ${compactRevision} without a cancel`);
    if (hasEvents) add('watch-compacted', `events in the cancel of a compacted watcher`);
    if (compactRevision > truth.revision || compactRevision > compactedBy(at)) {
      add('watch-compacted', `canceled for a compaction at ${compactRevision} that was not there by ${at}`);
    } else if (this.#start !== undefined && this.#seen + 1 >= compactRevision) {
      add(
        'watch-compacted',
        `canceled for a compaction at ${compactRevision}, but it only needed ${this.#seen + 1} and later`,
      );
    }
  }

  #dueText(revision: number): string {
    return this.#due.of(revision).map(textOfChange).join(', ');
  }
}

function* batchesOf(messages: readonly WatchMessage[]): Iterable<Batch> {
  let fragments: WatchMessage[] = [];
  for (const message of messages) {
    fragments.push(message);
    if (message.fragment === true) continue;
    yield { messages: fragments, isWhole: true };
    fragments = [];
  }
  if (fragments.length > 0) yield { messages: fragments, isWhole: false };
}

function textOfChange({ kv }: ModelChange): string {
  return kv.version === 0 ? `delete ${quote(kv.key)}` : `put ${textOfKeyValue(kv)}`;
}
