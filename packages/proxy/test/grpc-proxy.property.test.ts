import { Client, op } from '@quorate/client';
import { startQuorate } from '@quorate/client/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GrpcProxy } from '../src/index.ts';
import { eventText, RawWatch, type Asked } from './raw-watch.ts';
import { startRelay } from './relay.ts';

const keys = ['a', 'b', 'c'] as const;
const ranges = [
  { key: 'a' },
  { key: 'b' },
  { key: 'a', rangeEnd: 'c' },
  { key: 'a', rangeEnd: '\0' },
] as const;

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ put: fc.constantFrom(...keys) }) },
  { weight: 2, arbitrary: fc.record({ delete: fc.constantFrom(...keys) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      watch: fc.constantFrom(...ranges),
      back: fc.nat({ max: 6 }),
      prevKv: fc.boolean(),
      filters: fc.constantFrom([], [], [0 as const], [1 as const]),
    }),
  },
  { weight: 1, arbitrary: fc.record({ leave: fc.nat({ max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ cut: fc.constant(true) }) },
);

/** A watcher, asked for directly and through the proxy. */
interface Pair {
  readonly direct: RawWatch;
  readonly proxied: RawWatch;
  readonly skips: number | undefined;
}

async function texts(watch: RawWatch, last: bigint): Promise<readonly string[]> {
  const responses = await watch.until(({ events }) => events.at(-1)?.kv?.modRevision === last);
  return responses.flatMap(({ events }) => events.map(eventText));
}

test('a watcher of the proxy sees exactly what one of the member sees', async () => {
  await using member = await startQuorate();
  await using relay = await startRelay(member.endpoint);
  await using proxy = await GrpcProxy.start({ endpoints: [relay.endpoint], listenAddress: '127.0.0.1:0' });
  await using writer = new Client({ endpoints: [member.endpoint] });
  await using through = new Client({ endpoints: [`127.0.0.1:${proxy.ports.client}`] });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const pairs: Pair[] = [];
      let { revision } = (await writer.put('a', 'first')).header;
      const open = async (asked: Asked): Promise<void> => {
        const pair = {
          direct: new RawWatch(writer),
          proxied: new RawWatch(through),
          skips: asked.filters?.[0],
        };
        for (const watch of [pair.direct, pair.proxied]) {
          watch.create(asked);
          expect(await watch.next()).toMatchObject({ created: true, canceled: false, watchId: 0n });
        }
        pairs.push(pair);
      };
      for (const action of steps) {
        if ('put' in action) ({ revision } = (await writer.put(action.put, `${revision}`)).header);
        else if ('delete' in action) await writer.delete(action.delete);
        else if ('cut' in action) relay.cut();
        else if ('leave' in action) pairs.splice(action.leave, 1).forEach(close);
        else {
          const { watch, back, prevKv, filters } = action;
          const wanted = revision - BigInt(back - 1);
          const startRevision = back === 0 ? 0n : wanted < 1n ? 1n : wanted;
          await open({ ...watch, startRevision, prevKv, filters: [...filters] });
        }
      }
      // A last event for each, whatever it filters, so that all know that there is no more.
      for (const isPut of [true, false]) {
        const last = keys.map((key) => (isPut ? op.put(key, 'last') : op.delete({ key })));
        ({ revision } = (await writer.txn({ success: last })).header);
        for (const { direct, proxied, skips } of pairs) {
          if (skips === (isPut ? 0 : 1)) continue;
          expect(await texts(proxied, revision)).toEqual(await texts(direct, revision));
        }
      }
      pairs.forEach(close);
    }),
    { numRuns: 15 },
  );
});

function close({ direct, proxied }: Pair): void {
  direct.close();
  proxied.close();
}
