import type { SeededRandom } from '@quorate/std';
import { DueEvents } from '../../src/checkers/watch/due-events.ts';
import type { Rule, TruthLog } from '../../src/index.ts';
import type { KeyValue, WatchAttempt, WatchEvent, WatchMessage } from '../../src/history/types.ts';
import { eventOf, progressAt } from './random-watch.ts';

/** What a mutation may work with. */
export interface WatchScene {
  readonly attempt: WatchAttempt;
  readonly truth: TruthLog;
  readonly random: SeededRandom;
}

/** One way to tell a watcher wrong; undefined when this watcher has nothing to do it to. */
export interface WatchMutation {
  readonly name: string;
  /** Rules of which at least one must be found broken. */
  readonly rules: readonly Rule[];
  readonly apply: (scene: WatchScene) => readonly WatchMessage[] | undefined;
}

/** Ways to tell a watcher wrong. Each leaves a history that is wrong for sure. */
export const watchMutations: readonly WatchMutation[] = [
  {
    name: 'an event twice',
    rules: ['watch-duplicate', 'watch-atomicity', 'watch-bookmark'],
    apply: (scene) => {
      const at = pickIndex(scene, isWhole);
      const { messages } = scene.attempt;
      if (at === undefined || isCanceled(scene)) return undefined;
      const later = at + 1 + scene.random.below(messages.length - at);
      // Not between two fragments.
      if (messages[later - 1]!.fragment === true) return undefined;
      return messages.toSpliced(later, 0, messages[at]!);
    },
  },
  {
    name: 'a missing event',
    rules: ['watch-lost-event', 'watch-unsettled', 'watch-bookmark'],
    apply: (scene) => {
      if (isCanceled(scene)) return undefined; // What would have come before the cancel is not known.
      return changeEvents(scene, (events, random) => events.toSpliced(random.below(events.length), 1));
    },
  },
  {
    name: 'two messages the other way round',
    rules: ['watch-duplicate', 'watch-lost-event', 'watch-bookmark'],
    apply: (scene) => {
      const { messages } = scene.attempt;
      const at = pickIndex(
        scene,
        (message, i) => isWhole(message, i, messages) && isWhole(messages[i + 1], i + 1, messages),
      );
      return at === undefined ? undefined : messages.toSpliced(at, 2, messages[at + 1]!, messages[at]!);
    },
  },
  {
    name: 'two revisions of a message the other way round',
    rules: ['watch-duplicate', 'watch-lost-event', 'watch-header'],
    apply: (scene) =>
      changeEvents(scene, (events) => {
        const reversed = events.toReversed();
        return reversed[0]!.kv.modRevision === events[0]!.kv.modRevision ? undefined : reversed;
      }),
  },
  {
    name: 'an early bookmark',
    rules: ['watch-bookmark'],
    apply: (scene) => {
      const at = pickIndex(
        scene,
        ({ events }, i) => events.length > 0 && scene.attempt.messages[i - 1]!.fragment !== true,
      );
      if (at === undefined) return undefined;
      const { messages } = scene.attempt;
      return messages.toSpliced(at, 0, progressAt(at, messages[at]!.events[0]!.kv.modRevision));
    },
  },
  {
    name: 'a bookmark that falls',
    rules: ['watch-bookmark'],
    apply: (scene) => {
      const at = pickIndex(scene, (message) => isProgress(message) && message.revision > 1);
      if (at === undefined) return undefined;
      const { messages } = scene.attempt;
      return messages.toSpliced(at + 1, 0, progressAt(at, messages[at]!.revision - 1));
    },
  },
  {
    name: 'another previous value',
    rules: ['watch-prev-kv'],
    apply: (scene) =>
      changeOne(scene, (event) =>
        event.prevKv === undefined ? undefined : { ...event, prevKv: alter(event.prevKv, scene.random) },
      ),
  },
  {
    name: 'no previous value where there is one',
    rules: ['watch-prev-kv'],
    apply: (scene) =>
      changeOne(scene, (event) =>
        event.prevKv === undefined || event.kv.modRevision <= scene.truth.compactedRevision
          ? undefined
          : { type: event.type, kv: event.kv },
      ),
  },
  {
    name: 'a previous value of what was created, or that nobody asked for',
    rules: ['watch-prev-kv'],
    apply: (scene) =>
      changeOne(scene, (event) =>
        event.prevKv !== undefined || (event.type === 'put' ? event.kv.version > 1 : true)
          ? undefined
          : { ...event, prevKv: event.kv },
      ),
  },
  {
    name: 'a wrong create flag',
    rules: ['watch-wrong-event'],
    apply: (scene) =>
      changeOne(scene, (event) => {
        const { kv } = event;
        if (event.type === 'delete') return undefined;
        const isCreate = kv.createRevision === kv.modRevision;
        const other = isCreate
          ? { createRevision: kv.modRevision - 1 }
          : { createRevision: kv.modRevision, version: 1 };
        return { ...event, kv: { ...kv, ...other } };
      }),
  },
  {
    name: 'another value',
    rules: ['watch-wrong-event'],
    apply: (scene) =>
      changeOne(scene, (event) => ({ ...event, kv: { ...event.kv, value: `${event.kv.value}?` } })),
  },
  {
    name: 'a delete for a put, or a put for a delete',
    rules: ['watch-wrong-event'],
    apply: (scene) =>
      changeOne(scene, (event) => ({ ...event, type: event.type === 'put' ? 'delete' : 'put' })),
  },
  {
    name: 'an event from before the start',
    rules: ['watch-before-start'],
    apply: (scene) => {
      const { attempt, truth, random } = scene;
      const start = startOf(attempt);
      const first = new DueEvents(truth, attempt.request).firstAfter(1, start - 1);
      if (first === undefined) return undefined;
      const events = new DueEvents(truth, attempt.request)
        .of(first)
        .map((change) => eventOf(change, attempt.request, truth, random));
      return attempt.messages.toSpliced(1, 0, { at: 0, revision: truth.revision, events });
    },
  },
  {
    name: 'an event that should have been left out',
    rules: [
      'watch-filter',
      'watch-foreign-event',
      'watch-bookmark',
      'watch-duplicate',
      'watch-before-start',
      'watch-atomicity',
    ],
    apply: (scene) => {
      const { attempt, truth, random } = scene;
      const { messages, request } = attempt;
      const due = new DueEvents(truth, request);
      const revisions = Array.from({ length: truth.revision }, (_, i) => i + 1);
      const others = revisions
        .flatMap((revision) => truth.changesOf(revision))
        .filter(({ kv }) => !due.hasKey(kv.key) || due.isFiltered(kv.version === 0 ? 'delete' : 'put'));
      if (others.length === 0 || isCanceled(scene)) return undefined;
      const event = eventOf(others[random.below(others.length)]!, request, truth, random);
      const at = 1 + random.below(messages.length);
      if (messages[at - 1]!.fragment === true) return undefined;
      return messages.toSpliced(at, 0, { at, revision: truth.revision, events: [event] });
    },
  },
  {
    name: 'a revision split in two messages',
    rules: ['watch-atomicity'],
    apply: (scene) => {
      const { messages } = scene.attempt;
      const cutOf = ({ events }: WatchMessage) =>
        events.findIndex(({ kv }, i) => i > 0 && kv.modRevision === events[i - 1]!.kv.modRevision);
      const at = pickIndex(scene, (message, i) => isWhole(message, i, messages) && cutOf(message) > 0);
      if (at === undefined) return undefined;
      const message = messages[at]!;
      const cut = cutOf(message);
      return messages.toSpliced(
        at,
        1,
        { ...message, events: message.events.slice(0, cut) },
        { ...message, events: message.events.slice(cut) },
      );
    },
  },
  {
    name: 'fragments that nobody asked for',
    rules: ['watch-atomicity'],
    apply: (scene) => {
      const { messages, request } = scene.attempt;
      const at = pickIndex(scene, ({ events }) => events.length > 1);
      if (at === undefined || request.fragment === true) return undefined;
      const message = messages[at]!;
      const [first, ...rest] = message.events;
      return messages.toSpliced(
        at,
        1,
        { ...message, events: [first!], fragment: true },
        { ...message, events: rest },
      );
    },
  },
  {
    name: 'a revision that never was',
    rules: ['watch-header', 'watch-foreign-event'],
    apply: (scene) => {
      const { attempt, truth } = scene;
      if (isCanceled(scene)) return undefined;
      const revision = truth.revision + 1;
      const kv = {
        key: 'a',
        value: '',
        createRevision: revision,
        modRevision: revision,
        version: 1,
        lease: 0n,
      };
      return [...attempt.messages, { at: 99, revision, events: [{ type: 'put', kv }] }];
    },
  },
  {
    name: 'a header that is older than its events',
    rules: ['watch-header'],
    apply: ({ attempt: { messages }, ...scene }) => {
      const at = pickIndex(
        { attempt: { messages } as WatchAttempt, ...scene },
        ({ events }) => events.length > 0,
      );
      if (at === undefined) return undefined;
      const message = messages[at]!;
      return messages.toSpliced(at, 1, { ...message, revision: message.events.at(-1)!.kv.modRevision - 1 });
    },
  },
  {
    name: 'a message before the watcher is created',
    rules: ['watch-created', 'watch-header'],
    apply: ({ attempt: { messages } }) => (messages.length < 2 ? undefined : messages.slice(1)),
  },
  {
    name: 'created twice',
    rules: ['watch-created'],
    apply: ({ attempt: { messages } }) => [messages[0]!, ...messages],
  },
  {
    name: 'a message after the cancel',
    rules: ['watch-after-cancel'],
    apply: (scene) =>
      isCanceled(scene) ? [...scene.attempt.messages, progressAt(99, scene.truth.revision)] : undefined,
  },
  {
    name: 'a second cancel',
    rules: ['watch-after-cancel'],
    apply: (scene) =>
      isCanceled(scene) ? [...scene.attempt.messages, scene.attempt.messages.at(-1)!] : undefined,
  },
  {
    name: 'a cancel for a compaction that did not concern the watcher',
    rules: ['watch-compacted'],
    apply: (scene) => {
      const { attempt, truth } = scene;
      const { compactedRevision } = truth;
      if (isCanceled(scene) || compactedRevision < 1) return undefined;
      const seen = Math.max(
        startOf(attempt) - 1,
        ...attempt.messages.flatMap(({ events }) => events.map(({ kv }) => kv.modRevision)),
      );
      if (seen + 1 < compactedRevision) return undefined;
      return [...attempt.messages, cancelAt(compactedRevision)];
    },
  },
  {
    name: 'a cancel for a compaction that never was',
    rules: ['watch-compacted'],
    apply: (scene) =>
      isCanceled(scene)
        ? undefined
        : [...scene.attempt.messages, cancelAt(scene.truth.compactedRevision + 3)],
  },
];

function cancelAt(compactRevision: number): WatchMessage {
  return { at: 99, revision: 1, canceled: true, compactRevision, events: [] };
}

function startOf({ request, messages }: WatchAttempt): number {
  return (request.startRevision ?? 0) > 0 ? request.startRevision! : messages[0]!.revision + 1;
}

function isCanceled({ attempt }: WatchScene): boolean {
  return attempt.messages.at(-1)!.canceled === true;
}

function isProgress(message: WatchMessage): boolean {
  return message.events.length === 0 && message.created !== true && message.canceled !== true;
}

/** Whether a message has events, and is not a fragment of something. */
function isWhole(message: WatchMessage | undefined, i: number, messages: readonly WatchMessage[]): boolean {
  return (
    (message?.events.length ?? 0) > 0 && message!.fragment !== true && messages[i - 1]?.fragment !== true
  );
}

function pickIndex(
  { attempt: { messages }, random }: WatchScene,
  test: (message: WatchMessage, i: number, messages: readonly WatchMessage[]) => boolean,
): number | undefined {
  const indexes = [...messages.keys()].filter((i) => test(messages[i]!, i, messages));
  return indexes[random.below(Math.max(1, indexes.length))];
}

function changeEvents(
  scene: WatchScene,
  change: (events: readonly WatchEvent[], random: SeededRandom) => readonly WatchEvent[] | undefined,
): readonly WatchMessage[] | undefined {
  const { messages } = scene.attempt;
  const at = pickIndex(scene, isWhole);
  if (at === undefined) return undefined;
  const events = change(messages[at]!.events, scene.random);
  if (events === undefined) return undefined;
  return events.length === 0
    ? messages.toSpliced(at, 1)
    : messages.toSpliced(at, 1, { ...messages[at]!, events });
}

function changeOne(
  scene: WatchScene,
  change: (event: WatchEvent) => WatchEvent | undefined,
): readonly WatchMessage[] | undefined {
  return changeEvents(scene, (events, random) => {
    const at = random.below(events.length);
    const changed = change(events[at]!);
    return changed === undefined ? undefined : events.toSpliced(at, 1, changed);
  });
}

function alter(kv: KeyValue, random: SeededRandom): KeyValue {
  switch (random.below(4)) {
    case 0:
      return { ...kv, value: `${kv.value}?` };
    case 1:
      return { ...kv, modRevision: kv.modRevision - 1 };
    case 2:
      return { ...kv, version: kv.version + 1 };
    default:
      return { ...kv, lease: kv.lease + 1n };
  }
}
