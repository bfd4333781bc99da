import type { SeededRandom } from '@quorate/std';
import { DueEvents } from '../../src/checkers/watch/due-events.ts';
import type { TruthLog } from '../../src/checkers/truth-log.ts';
import type { ModelChange } from '../../src/checkers/model/store-model.ts';
import type { WatchAttempt, WatchCreateRequest, WatchEvent, WatchMessage } from '../../src/history/types.ts';

/** A watcher that was told what it was due: in batches, with progress answers, fragments and a cancel here and there. */
export function randomWatch(random: SeededRandom, truth: TruthLog): WatchAttempt {
  const request = randomRequest(random, truth.revision);
  const created = 1 + random.below(truth.revision);
  const messages: WatchMessage[] = [{ at: 0, revision: created, created: true, events: [] }];
  const start = (request.startRevision ?? 0) > 0 ? request.startRevision! : created + 1;
  const due = new DueEvents(truth, request);
  let seen = start - 1;
  for (;;) {
    if (seen + 1 < truth.compactedRevision && random.below(4) === 0) {
      messages.push({
        ...{ at: messages.length, revision: truth.revision, canceled: true },
        ...{ compactRevision: truth.compactedRevision, events: [] },
      });
      return { request, calledAt: 0, messages };
    }
    const first = due.firstAfter(seen, truth.revision);
    if (random.below(4) === 0) {
      const upTo = first === undefined ? truth.revision : first - 1;
      const revision = seen + random.below(Math.max(0, upTo - seen) + 1);
      if (revision > 0 && revision <= truth.revision) messages.push(progressAt(messages.length, revision));
      seen = Math.max(seen, revision);
    }
    if (first === undefined) break;
    const events: WatchEvent[] = [];
    for (
      let left = 1 + random.below(3), next: number | undefined = first;
      left > 0 && next !== undefined;
      left--
    ) {
      events.push(...due.of(next).map((change) => eventOf(change, request, truth, random)));
      seen = next;
      next = due.firstAfter(seen, truth.revision);
    }
    const revision = seen + random.below(truth.revision - seen + 1);
    messages.push(...messagesOf(events, { request, revision, at: messages.length }, random));
  }
  return { request, calledAt: 0, messages, settledRevision: truth.revision };
}

/** A progress answer. */
export function progressAt(at: number, revision: number): WatchMessage {
  return { at, revision, events: [] };
}

/** An event as a correct server tells it. */
export function eventOf(
  { kv, previous }: ModelChange,
  request: WatchCreateRequest,
  truth: TruthLog,
  random: SeededRandom,
): WatchEvent {
  const event: WatchEvent = { type: kv.version === 0 ? 'delete' : 'put', kv };
  const isCompacted = kv.modRevision <= truth.compactedRevision && random.below(2) === 0;
  return request.prevKv === true && previous !== undefined && !isCompacted
    ? { ...event, prevKv: previous }
    : event;
}

function messagesOf(
  events: readonly WatchEvent[],
  {
    request,
    revision,
    at,
  }: { readonly request: WatchCreateRequest; readonly revision: number; readonly at: number },
  random: SeededRandom,
): readonly WatchMessage[] {
  if (request.fragment !== true || events.length < 2) return [{ at, revision, events }];
  const cut = 1 + random.below(events.length - 1);
  return [
    { at, revision, events: events.slice(0, cut), fragment: true },
    { at, revision, events: events.slice(cut) },
  ];
}

function randomRequest(random: SeededRandom, lastRevision: number): WatchCreateRequest {
  const flag = () => random.below(3) === 0;
  const filter = random.below(6);
  const keys = [
    { key: 'a' },
    { key: 'a', rangeEnd: 'c' },
    { key: '\0', rangeEnd: '\0' },
    { key: 'b', rangeEnd: '\0' },
  ];
  return {
    ...keys[random.below(keys.length)]!,
    ...(flag() ? {} : { startRevision: 1 + random.below(lastRevision + 2) }),
    ...(filter === 0 ? { noPut: true } : filter === 1 ? { noDelete: true } : {}),
    ...(flag() ? {} : { prevKv: true }),
    ...(flag() ? { fragment: true } : {}),
  };
}
