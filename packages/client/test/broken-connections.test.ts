import { fromUtf8, toUtf8 } from '@quorate/std';
import * as fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { Client, op, type ViewChange } from '../src/index.ts';
import { describeOnBoth } from './both-servers.ts';
import { CuttingProxy } from './cutting-proxy.ts';

/** What happens to a few keys: puts with values of some size, deletes, and several in one revision. */
const change = fc.record({ key: fc.nat({ max: 4 }), sizeBytes: fc.option(fc.nat({ max: 3_000 })) });
const revisions = fc.array(
  fc.uniqueArray(change, { minLength: 1, maxLength: 4, selector: ({ key }) => key }),
  {
    minLength: 1,
    maxLength: 25,
  },
);
/** A connection that is set up says about 100 bytes before the first answer. */
const cuts = fc.array(fc.oneof(fc.nat({ max: 400 }), fc.nat({ max: 20_000 })), { maxLength: 6 });

type Changes = readonly { readonly key: number; readonly sizeBytes: number | null }[];

// A small limit makes the server send large revisions in fragments.
const extraArguments = ['--max-request-bytes', '20000'];

describeOnBoth(
  'connections that are cut at any byte',
  (fixture) => {
    let client: Client;
    let endpoint: string;
    let runs = 0;
    beforeAll(() => {
      ({
        client,
        server: { endpoint },
      } = fixture());
    });

    /** Does the changes below a prefix, and returns what a watch of it must deliver, revision by revision. */
    async function happen(prefix: string, all: readonly Changes[]): Promise<string[]> {
      const events: string[] = [];
      const existing = new Set<number>();
      for (const changes of all) {
        const effective = changes.filter(({ key, sizeBytes }) => sizeBytes !== null || existing.has(key));
        if (effective.length === 0) continue;
        const { header } = await client.txn({
          success: effective.map(({ key, sizeBytes }) =>
            sizeBytes === null
              ? op.delete({ key: `${prefix}${key}` })
              : op.put(`${prefix}${key}`, new Uint8Array(sizeBytes)),
          ),
        });
        for (const { key, sizeBytes } of effective) {
          if (sizeBytes === null) existing.delete(key);
          else existing.add(key);
          events.push(`${header.revision} ${prefix}${key} ${sizeBytes ?? 'deleted'}`);
        }
      }
      return events;
    }

    test('a watch delivers each event once, in order, whatever breaks', async () => {
      const property = fc.asyncProperty(revisions, revisions, cuts, async (past, future, cutsAfterBytes) => {
        const prefix = `watched/${runs++}/`;
        const { header } = await client.put('start', 'x');
        const before = await happen(prefix, past);
        await using proxy = await CuttingProxy.start(endpoint, cutsAfterBytes);
        await using cutOff = new Client({ endpoints: [proxy.endpoint] });
        const startRevision = header.revision;
        const happening = happen(prefix, future);
        const ended = happening.then(() => client.put(`${prefix}end`, 'x'));
        const seen: string[] = [];
        let lastRevision = 0n;
        watching: for await (const { kind, events } of cutOff.watch({ prefix, startRevision }).batches()) {
          if (kind !== 'events') continue;
          expect(events[0]?.kv.modRevision).toBeGreaterThan(lastRevision);
          for (const { type, kv } of events) {
            lastRevision = kv.modRevision;
            const key = toUtf8(kv.key);
            if (key === `${prefix}end`) break watching;
            seen.push(`${kv.modRevision} ${key} ${type === 'put' ? kv.value.length : 'deleted'}`);
          }
        }
        await ended;
        expect(seen).toEqual([...before, ...(await happening)]);
      });
      await fc.assert(property, { numRuns: 25 });
    });

    test('a view is always what the cluster had at its revision, and its changes lead from each state to the next', async () => {
      const property = fc.asyncProperty(revisions, revisions, cuts, async (past, future, cutsAfterBytes) => {
        const prefix = `viewed/${runs++}/`;
        await happen(prefix, past);
        await using proxy = await CuttingProxy.start(endpoint, cutsAfterBytes);
        await using cutOff = new Client({ endpoints: [proxy.endpoint] });
        await using view = await cutOff.view({ prefix, pageSize: 2 });
        const changes = view.changes();
        const model = new Map(view.entries().map((kv) => [toUtf8(kv.key), kv.modRevision]));
        await happen(prefix, future);
        proxy.cutNow();
        const { header } = await client.put(`${prefix}end`, 'x');
        const ended = readUntil(changes, `${prefix}end`, model);
        await view.untilRevision(header.revision);
        expect(view.revision).toBeGreaterThanOrEqual(header.revision);
        await ended;
        const truth = await client.getAll({ prefix });
        expect(view.entries()).toEqual(truth);
        expect([...model].toSorted()).toEqual(truth.map((kv) => [toUtf8(kv.key), kv.modRevision]));
      });
      await fc.assert(property, { numRuns: 15 });
    });

    test('a view finds out by reading anew what was compacted away while it was cut off', async () => {
      await client.put('cut/changed', 'old');
      await client.put('cut/deleted', 'old');
      await client.put('cut/same', 'old');
      await using proxy = await CuttingProxy.start(endpoint, []);
      await using cutOff = new Client({ endpoints: [proxy.endpoint] });
      await using view = await cutOff.view({ prefix: 'cut/' });
      const changes = view.changes();
      // Cut off by a proxy that is closed, the view does not hear of any of this.
      const port = Number(proxy.endpoint.split(':')[1]);
      await proxy[Symbol.asyncDispose]();
      await client.put('cut/changed', 'between');
      await client.put('cut/changed', 'new');
      await client.delete('cut/deleted');
      await client.put('cut/short', 'x');
      await client.delete('cut/short');
      const { header } = await client.put('cut/new', 'new');
      const revision = header.revision;
      await client.kv.compact({ revision });
      expect(view.get('cut/changed')?.value).toEqual(fromUtf8('old'));
      await using _again = await CuttingProxy.start(endpoint, [], port);
      await view.untilRevision(revision);
      const seen: string[] = [];
      for await (const { type, key, before, kv } of changes) {
        seen.push(`${type} ${toUtf8(key)} ${textOf(before)} -> ${textOf(kv)}`);
        if (seen.length === 3) break;
      }
      expect(seen).toEqual([
        'delete cut/deleted old -> -',
        'put cut/changed old -> new',
        'put cut/new - -> new',
      ]);
      expect(view.entries()).toEqual(await client.getAll({ prefix: 'cut/' }));
      await client.put('cut/after', 'x');
      await view.untilRevision(revision + 1n);
      expect(view.get('cut/after')).toBeDefined();
    });

    test('a write whose answer was cut off is not done again', async () => {
      const property = fc.asyncProperty(
        fc.array(fc.nat({ max: 300 }), { maxLength: 5 }),
        async (cutsAfterBytes) => {
          const key = `once/${runs++}`;
          await using proxy = await CuttingProxy.start(endpoint, cutsAfterBytes);
          await using cutOff = new Client({ endpoints: [proxy.endpoint] });
          const { header } = await client.put('start', 'x');
          const confirmed: string[] = [];
          for (let i = 0; i < 8; i++) {
            await cutOff.put(key, `${i}`).then(
              () => confirmed.push(`${i}`),
              () => {},
            );
          }
          await client.put(`${key}/end`, 'x');
          const done: string[] = [];
          for await (const { kv } of client.watch({ prefix: key, startRevision: header.revision })) {
            if (toUtf8(kv.key) === `${key}/end`) break;
            done.push(toUtf8(kv.value));
          }
          expect(done).toEqual([...new Set(done)]);
          expect(done).toEqual(expect.arrayContaining(confirmed));
        },
      );
      await fc.assert(property, { numRuns: 15 });
    });

    test('a history that comes in fragments is put together, though connections break between them', async () => {
      const prefix = 'large/';
      const { header } = await client.put('start', 'x');
      for (let i = 0; i < 80; i++) await client.put(`${prefix}${i}`, new Uint8Array(15_000));
      await using proxy = await CuttingProxy.start(endpoint, [300_000, 700_000, 1_000_000]);
      await using cutOff = new Client({ endpoints: [proxy.endpoint] });
      const seen: string[] = [];
      for await (const { kv } of cutOff.watch({ prefix, startRevision: header.revision })) {
        expect(kv.value).toHaveLength(15_000);
        if (seen.push(toUtf8(kv.key)) === 80) break;
      }
      expect(seen).toEqual(Array.from({ length: 80 }, (_, i) => `${prefix}${i}`));
    });

    test('a lock has one holder, and leaves no key, whatever breaks', async () => {
      const property = fc.asyncProperty(cuts, async (cutsAfterBytes) => {
        const name = `locked/${runs++}`;
        await using proxy = await CuttingProxy.start(endpoint, cutsAfterBytes);
        await using cutOff = new Client({ endpoints: [proxy.endpoint] });
        // A grant that is cut off is an error, as any write; what is tested comes after it.
        await using whole = await client.session();
        await using leased = await client.session();
        await using broken = await cutOff.session({ leaseId: leased.leaseId }).catch(() => leased);
        let holders = 0;
        let lastToken = 0n;
        const work = [whole, broken].map(async (session) => {
          for (let i = 0; i < 4; i++) {
            const lock = await session.lock(name);
            expect(++holders).toBe(1);
            expect(lock.fencingToken).toBeGreaterThan(lastToken);
            lastToken = lock.fencingToken;
            await client.get(name);
            holders--;
            // When nobody could confirm it, the session goes on giving it back.
            await lock.unlock().catch(() => {});
          }
        });
        await Promise.all(work);
        await using _last = await whole.lock(name);
        expect(await client.count({ prefix: `${name}/` })).toBe(1n);
      });
      await fc.assert(property, { numRuns: 10 });
    });
  },
  { extraArguments },
);

/** Reads changes until one of this key, and does them to the model, each of which must fit. */
async function readUntil(
  changes: AsyncIterable<ViewChange>,
  lastKey: string,
  model: Map<string, bigint>,
): Promise<void> {
  let lastRevision = 0n;
  for await (const { type, key, kv, before, revision } of changes) {
    const name = toUtf8(key);
    expect(before?.modRevision).toBe(model.get(name));
    expect(kv === undefined).toBe(type === 'delete');
    expect(revision).toBeGreaterThanOrEqual(lastRevision);
    lastRevision = revision;
    if (kv === undefined) model.delete(name);
    else model.set(name, kv.modRevision);
    if (name === lastKey) return;
  }
}

function textOf(kv: { readonly value: Uint8Array } | undefined): string {
  return kv === undefined ? '-' : toUtf8(kv.value);
}
