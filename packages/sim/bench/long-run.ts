import type { SeededRandom } from '@quorate/std';
import { execute, isReadOnlyTxn, isSerializable, type ModelRequest } from '../src/checkers/model/execute.ts';
import { StoreModel } from '../src/checkers/model/store-model.ts';
import { PastView } from '../src/checkers/wgl/past-view.ts';
import type {
  AppliedEntry,
  History,
  KvResponse,
  LoggedRequest,
  Operation,
  Outcome,
  Response,
  RevisionEvents,
  WatchEvent,
} from '../src/history/types.ts';

/** What a long run is made of. */
export interface LongRunOptions {
  readonly operationCount: number;
  /** Each has one call under way at a time. */
  readonly clientCount: number;
  readonly keyCount: number;
  readonly withEntries: boolean;
  readonly withEvents: boolean;
}

/** A long, right history with its log and its events: half of it reads, some transactions, ranges, old reads, unknowns. */
export function longRun(
  random: SeededRandom,
  options: LongRunOptions,
): {
  readonly history: History;
  readonly entries: readonly AppliedEntry[];
  readonly events: readonly RevisionEvents[];
} {
  const { operationCount, clientCount, withEntries, withEvents } = options;
  const model = new StoreModel(undefined, { keepsChanges: withEvents });
  const operations: Operation[] = [];
  const entries: AppliedEntry[] = [];
  /** What each client has seen: a stale read must not go behind it. */
  const seen = new Array<number>(clientCount).fill(1);
  for (let id = 0; id < operationCount; id++) {
    const at = id; // One operation happens each millisecond; its call and return are around that.
    const request = nextRequest(random, model, options, id);
    const calledAt = at - (random.below(clientCount * 100) + 1) / 100;
    const returnedAt = at + (random.below(clientCount * 100) + 1) / 100;
    const client = id % clientCount;
    const lag = Math.min(random.below(2), model.revision - seen[client]!);
    const outcome = happen(model, request, model.revision - lag);
    if (outcome.kind === 'ok') seen[client] = outcome.revision;
    if (withEntries && isThroughLog(request)) entries.push({ index: entries.length + 5, request });
    // Of an unknown write only the log or the events tell; the revisions of the others would have a gap.
    operations.push({
      id,
      client,
      connection: client * 4096 + (id >>> 16),
      calledAt,
      returnedAt,
      request,
      outcome,
    });
  }
  return { history: { operations }, entries, events: withEvents ? eventsOf(model) : [] };
}

function nextRequest(
  random: SeededRandom,
  model: StoreModel,
  { keyCount }: LongRunOptions,
  id: number,
): ModelRequest {
  const key = () => `key/${String(random.below(keyCount)).padStart(6, '0')}`;
  const kind = random.below(1000);
  if (kind < 380)
    return { kind: 'put', key: key(), value: `value ${id}`, ...(kind < 40 ? { prevKv: true } : {}) };
  if (kind < 680) return { kind: 'range', key: key() };
  if (kind < 740) return { kind: 'range', key: key(), rangeEnd: '\0', limit: 10 };
  if (kind < 780) return { kind: 'range', key: key(), serializable: true };
  if (kind < 820)
    return { kind: 'range', key: key(), revision: Math.max(1, model.revision - random.below(1000)) };
  if (kind < 880) return { kind: 'deleteRange', key: key() };
  if (kind < 998) {
    const name = key();
    return {
      kind: 'txn',
      compare: [{ key: name, target: 'mod', result: 'equal', operand: model.latest(name)?.modRevision ?? 0 }],
      success: [{ kind: 'put', key: name, value: `txn ${id}` }],
      failure: [{ kind: 'range', key: name }],
    };
  }
  if (kind < 999) return { kind: 'leaseGrant', id: BigInt(id + 1), ttlSeconds: 60 };
  const level = model.revision - 2000;
  return level > model.compactedRevision && level > 0
    ? { kind: 'compact', revision: level }
    : { kind: 'range', key: key() };
}

function happen(model: StoreModel, request: ModelRequest, revision: number): Outcome {
  if (isSerializable(request)) {
    const answer = execute(new PastView(model, revision), request);
    return answer.kind === 'ok' ? { kind: 'ok', response: copyOf(answer.response), revision } : answer;
  }
  const answer = execute(model, request);
  return answer.kind === 'ok'
    ? { kind: 'ok', response: copyOf(answer.response), revision: model.revision }
    : answer;
}

/** With key-values of its own, as what came over a wire has. */
function copyOf(response: Response): Response {
  switch (response.kind) {
    case 'range':
      return { ...response, kvs: response.kvs.map((kv) => ({ ...kv })) };
    case 'put':
      return response.prevKv === undefined ? response : { kind: 'put', prevKv: { ...response.prevKv } };
    case 'txn':
      return { ...response, responses: response.responses.map((nested) => copyOf(nested) as KvResponse) };
    default:
      return response;
  }
}

function isThroughLog(request: ModelRequest): request is LoggedRequest {
  return request.kind !== 'range' && !(request.kind === 'txn' && isReadOnlyTxn(request));
}

function eventsOf(model: StoreModel): readonly RevisionEvents[] {
  const revisions: RevisionEvents[] = [];
  for (let revision = 2; revision <= model.revision; revision++) {
    const events = model
      .changesOf(revision)
      .map(({ kv }): WatchEvent => ({ type: kv.version === 0 ? 'delete' : 'put', kv }));
    revisions.push({ revision, events });
  }
  return revisions;
}
