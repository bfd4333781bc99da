import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toLatin1 } from '@quorate/std';
import type { rpcpb } from '@quorate/wire';
import type { TestOp } from '../src/testing/index.ts';
import { World, type CreateOptions, type TestClient } from './harness.ts';

/** What happened, told as simply as can be: a list of all events ever, each with what it should look like. */
interface ModelEvent {
  readonly revision: number;
  readonly key: string;
  readonly isDelete: boolean;
  /** Mod revision of the key before, 0 when it was absent. */
  readonly prevRevision: number;
}

interface ModelWatcher {
  readonly options: CreateOptions;
  readonly createdAt: number;
  /** No event below it is due. */
  readonly from: number;
  /** Events that came, each as `key@revision`, those of one revision in one response. */
  readonly got: string[];
  readonly compactedAtCreate: boolean;
  /** The last revision of which an event came. */
  lastRevision: number;
  /** Set while the pieces of a response come in. */
  inPieces: boolean;
  state: 'created' | 'live' | 'compacted' | 'canceled';
}

const keys = ['a', 'b', 'b\0', 'ba', 'c', 'd', '\xff'];

const op: fc.Arbitrary<TestOp> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constant('put' as const), key: fc.constantFrom(...keys) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('delete' as const), key: fc.constantFrom(...keys) }) },
);

type Command =
  | { readonly kind: 'txn'; readonly ops: readonly TestOp[] }
  | { readonly kind: 'burst'; readonly count: number }
  | {
      readonly kind: 'create';
      readonly stream: number;
      readonly options: CreateOptions;
      readonly back: number;
    }
  | { readonly kind: 'cancel'; readonly stream: number; readonly pick: number }
  | { readonly kind: 'progress'; readonly stream: number }
  | { readonly kind: 'take'; readonly stream: number; readonly maxBytes: number }
  | { readonly kind: 'tick' }
  | { readonly kind: 'restore'; readonly ops: readonly TestOp[] }
  | { readonly kind: 'compact'; readonly back: number };

const streams = 2;
const stream = fc.nat(streams - 1);
const txnOps = fc.uniqueArray(op, { selector: ({ key }) => key, minLength: 1, maxLength: 5 });

const create: fc.Arbitrary<Command> = fc.record({
  kind: fc.constant('create' as const),
  stream,
  // Start: 0 none, otherwise so far back from the revision after the current one; below zero in the future.
  back: fc.oneof(fc.constant(-100), fc.integer({ min: -3, max: 30 })),
  options: fc.record({
    key: fc.constantFrom('', ...keys),
    end: fc.constantFrom('', '', '\0', 'b', 'c', 'e', '\xff'),
    prevKv: fc.boolean(),
    fragment: fc.boolean(),
    progress: fc.boolean(),
    filters: fc.constantFrom([], [], [0], [1], [0, 1]),
  }),
});

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('txn' as const), ops: txnOps }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('burst' as const), count: fc.nat(60) }) },
  { weight: 4, arbitrary: create },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), stream, pick: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('progress' as const), stream }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      stream,
      maxBytes: fc.constantFrom(1, 60, 300, 100_000),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'tick' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), ops: txnOps }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const), back: fc.nat(20) }) },
);

const maxFragmentBytes = 150;
const progressIntervalMs = 1000;

/** Runs commands against a hub and the model side by side, and compares what clients were sent. */
class Run {
  readonly world: World;
  readonly events: ModelEvent[] = [];
  readonly newest = new Map<string, number>();
  readonly clients: TestClient[] = [];
  readonly watchers: Map<bigint, ModelWatcher>[] = [];
  readonly progressAsked: number[] = [];
  nowMs = 0;

  constructor(limits: { maxLogBytes: number; maxHistoryCacheBytes: number; liveQueueMax: number }) {
    this.world = new World(limits);
    for (let i = 0; i < streams; i++) {
      this.clients.push(this.world.open({ maxFragmentBytes, progressIntervalMs }));
      this.watchers.push(new Map());
      this.progressAsked.push(0);
    }
  }

  apply(command: Command): void {
    const { source, hub } = this.world;
    switch (command.kind) {
      case 'txn':
        this.txn(command.ops, true);
        break;
      case 'burst':
        for (let i = 0; i < command.count; i++) this.txn([{ op: 'put', key: keys[i % keys.length]! }], true);
        break;
      case 'create':
        this.create(command.stream, command.options, command.back);
        break;
      case 'cancel':
        this.cancel(command.stream, command.pick);
        break;
      case 'progress':
        this.progressAsked[command.stream]!++;
        this.clients[command.stream]!.progress();
        break;
      case 'take':
        this.take(command.stream, command.maxBytes);
        break;
      case 'tick':
        this.nowMs += progressIntervalMs * 1.2;
        hub.tick(this.nowMs);
        break;
      case 'restore':
        this.txn(command.ops, false);
        hub.restore();
        break;
      case 'compact': {
        const revision = source.currentRevision - command.back;
        if (revision > source.compactedRevision && revision > 0) source.compact(revision);
        break;
      }
    }
  }

  /** Reads everything, and checks that nothing is missing. */
  finish(): void {
    for (let i = 0; i < streams; i++) {
      for (let takes = 0; this.clients[i]!.stream.hasPending; takes++) {
        expect(takes, 'a stream comes to an end').toBeLessThan(10_000);
        this.take(i, 500);
      }
      for (const watcher of this.watchers[i]!.values()) this.checkComplete(watcher);
    }
    expect(this.world.hub.metrics).toMatchObject({ unsyncedWatchers: 0, pendingEvents: 0 });
    for (const { stream } of this.clients) stream.close();
    expect(this.world.hub.metrics).toMatchObject({ streams: 0, watchers: 0, pendingEvents: 0 });
  }

  private txn(ops: readonly TestOp[], append: boolean): void {
    const { source, hub } = this.world;
    const changes = source.txn(ops);
    const revision = source.currentRevision;
    for (const { key, type } of changes) {
      this.events.push({ revision, key, isDelete: type === 1, prevRevision: this.newest.get(key) ?? 0 });
      this.newest.set(key, type === 1 ? 0 : revision);
    }
    if (append && changes.length > 0) hub.append(revision, changes);
  }

  private create(index: number, options: CreateOptions, back: number): void {
    const { source, hub } = this.world;
    const start = back === -100 ? 0 : Math.max(1, hub.revision + 1 - back);
    const before = this.clients[index]!.stream.watcherCount;
    const isEmpty = options.end !== '' && options.end !== '\0' && (options.key || '\0') >= options.end!;
    const compactedAtCreate = start > 0 && start <= hub.revision && start < source.compactedRevision;
    // An ID of our own, so that the model need not know how the stream counts.
    const id = BigInt(this.watchers[index]!.size + 1);
    this.clients[index]!.create({ ...options, start, id });
    if (isEmpty) return;
    expect(this.clients[index]!.stream.watcherCount).toBe(before + (compactedAtCreate ? 0 : 1));
    this.watchers[index]!.set(id, {
      options,
      createdAt: hub.revision,
      from: start === 0 || start > hub.revision ? Math.max(start, hub.revision + 1) : start,
      got: [],
      compactedAtCreate,
      lastRevision: 0,
      inPieces: false,
      state: 'created',
    });
  }

  private cancel(index: number, pick: number): void {
    const ids = [...this.watchers[index]!.keys()];
    if (ids.length === 0) return;
    const id = ids[pick % ids.length]!;
    this.clients[index]!.cancel(id);
  }

  private take(index: number, maxBytes: number): void {
    for (const response of this.clients[index]!.take(maxBytes)) this.receive(index, response);
  }

  private receive(index: number, response: rpcpb.WatchResponse): void {
    const revision = Number(response.header!.revision);
    if (response.watchId === -1n) {
      if (response.canceled) {
        expect(response.cancelReason).toBe('mvcc: watcher range is empty');
      } else {
        expect(--this.progressAsked[index]!).toBeGreaterThanOrEqual(0);
        for (const watcher of this.watchers[index]!.values()) {
          // One whose `created` has not come yet was made after the progress request, or is told later.
          if (watcher.state === 'live') this.checkPromise(watcher, revision);
        }
      }
      return;
    }
    const watcher = this.watchers[index]!.get(response.watchId)!;
    if (response.created) {
      expect(watcher.state).toBe('created');
      expect(revision).toBe(watcher.createdAt);
      watcher.state = 'live';
    } else if (response.canceled) {
      if (response.compactRevision > 0n) {
        expect(watcher.state).toBe('live');
        expect(revision).toBe(0);
        watcher.state = 'compacted';
      } else {
        expect(['live', 'compacted']).toContain(watcher.state);
        watcher.state = 'canceled';
      }
    } else {
      this.receiveEvents(watcher, response);
    }
  }

  private receiveEvents(watcher: ModelWatcher, response: rpcpb.WatchResponse): void {
    const revision = Number(response.header!.revision);
    expect(watcher.state).toBe('live');
    if (response.events.length === 0) {
      expect(watcher.options.progress).toBe(true);
      this.checkPromise(watcher, revision);
      return;
    }
    for (const [i, { type, kv, prevKv }] of response.events.entries()) {
      const modRevision = Number(kv!.modRevision);
      expect(modRevision).toBeLessThanOrEqual(revision);
      // A response never starts in the middle of a revision, unless it is a later piece.
      if (i === 0 && !watcher.inPieces) expect(modRevision).toBeGreaterThan(watcher.lastRevision);
      watcher.lastRevision = modRevision;
      const key = toLatin1(kv!.key);
      watcher.got.push(`${key}@${modRevision}`);
      const event = this.events.find((e) => e.revision === modRevision && e.key === key)!;
      expect(type === 1).toBe(event.isDelete);
      if (prevKv !== undefined) expect(Number(prevKv.modRevision)).toBe(event.prevRevision);
      if (!watcher.options.prevKv) expect(prevKv).toBeUndefined();
      else if (modRevision - 1 >= this.world.source.compactedRevision) {
        expect(Number(prevKv?.modRevision ?? 0)).toBe(event.prevRevision);
      }
    }
    if (response.fragment) expect(watcher.options.fragment).toBe(true);
    watcher.inPieces = response.fragment;
  }

  /** The events due to a watcher up to a revision. */
  private due(watcher: ModelWatcher, upTo: number): string[] {
    const { key, end = '', filters } = watcher.options;
    const start = key || '\0';
    return this.events
      .filter((e) => e.revision >= watcher.from && e.revision <= upTo)
      .filter((e) => (end === '' ? e.key === start : e.key >= start && (end === '\0' || e.key < end)))
      .filter((e) => !filters!.includes(e.isDelete ? 1 : 0))
      .map((e) => `${e.key}@${e.revision}`);
  }

  private checkPromise(watcher: ModelWatcher, revision: number): void {
    expect(watcher.got.slice(0, this.due(watcher, revision).length)).toEqual(this.due(watcher, revision));
  }

  private checkComplete(watcher: ModelWatcher): void {
    expect(watcher.state, 'its created response came').not.toBe('created');
    expect(watcher.inPieces).toBe(false);
    const due = this.due(watcher, Infinity);
    if (watcher.state === 'live') {
      expect(watcher.got).toEqual(due);
    } else {
      expect(watcher.got).toEqual(due.slice(0, watcher.got.length));
      // Whole revisions, also of one that ended early.
      const cut = due[watcher.got.length]?.split('@')[1];
      if (watcher.got.length > 0) expect(cut).not.toBe(watcher.got.at(-1)!.split('@')[1]);
      if (watcher.compactedAtCreate) expect(watcher.got).toEqual([]);
    }
  }
}

describe('against a list of all events', () => {
  test(
    'every watcher gets what is due to it, in order, once, revision by revision; progress keeps its word',
    {
      timeout: 600_000,
    },
    () => {
      fc.assert(
        fc.property(
          fc.constantFrom(0, 2_000, 20_000, 64 << 20),
          fc.constantFrom(0, 4_000, 1 << 20),
          fc.constantFrom(0, 5, 1024),
          fc.array(command, { minLength: 5, maxLength: 120, size: 'max' }),
          (maxLogBytes, maxHistoryCacheBytes, liveQueueMax, commands) => {
            const run = new Run({ maxLogBytes, maxHistoryCacheBytes, liveQueueMax });
            for (const command of commands) run.apply(command);
            run.finish();
          },
        ),
        { numRuns: Number(process.env['WATCH_PROPERTY_RUNS'] ?? 300) },
      );
    },
  );
});
