import type { RevisionEvents, WatchEvent } from '@quorate/sim';
import { Client } from '@quorate/client';
import { isDeepStrictEqual } from 'node:util';
import { eventOf } from './call.ts';
import type { JudgedCluster } from './judged.ts';

/**
 * The members went on meanwhile: a write that its client has given up can be carried out until it times out at its
 * member, say one that has just come back to the others.
 */
export class NotAtRestError extends Error {
  override readonly name = 'NotAtRestError';
  readonly code = 'E2E_NOT_AT_REST';
}

/**
 * What every revision changed, as each member tells it by a watch of all keys from the first revision on.
 *
 * @throws NotAtRestError when there are later revisions
 * @throws Error when members tell different stories
 */
export async function truthOf(cluster: JudgedCluster, revision: number): Promise<readonly RevisionEvents[]> {
  const stories = await Promise.all(
    cluster.members.map(async ({ name, endpoint }) => ({ name, events: await storyOf(endpoint, revision) })),
  );
  const [first, ...others] = stories;
  if (first === undefined) throw new Error('a cluster has members');
  for (const { name, events } of others) {
    const at = events.findIndex((event, index) => !isDeepStrictEqual(event, first.events[index]));
    if (at < 0 && events.length === first.events.length) continue;
    const tell = (story: readonly WatchEvent[]) =>
      JSON.stringify(story[at], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    throw new Error(
      `event ${at} differs: ${first.name} has ${tell(first.events)}, ${name} has ${tell(events)}`,
    );
  }
  return byRevision(first.events);
}

async function storyOf(endpoint: string, revision: number): Promise<readonly WatchEvent[]> {
  await using client = new Client({ endpoints: [endpoint] });
  const events: WatchEvent[] = [];
  if (revision <= 1) return events;
  // A watch that hears nothing more would wait for ever.
  const signal = AbortSignal.timeout(60_000);
  for await (const { header, events: more } of client
    .watch({ prefix: '', startRevision: 1n, endpoint, signal })
    .batches()) {
    if (header.revision > BigInt(revision))
      throw new NotAtRestError(`${endpoint} is beyond revision ${revision}`);
    for (const { type, kv } of more)
      events.push(eventOf({ type: type === 'put' ? 0 : 1, kv, prevKv: undefined }));
    if (more.length > 0 && (events.at(-1)?.kv.modRevision ?? 0) >= revision) break;
  }
  return events;
}

function byRevision(events: readonly WatchEvent[]): readonly RevisionEvents[] {
  const revisions: { revision: number; events: WatchEvent[] }[] = [];
  for (const event of events) {
    const { modRevision } = event.kv;
    const last = revisions.at(-1);
    if (last?.revision === modRevision) last.events.push(event);
    else revisions.push({ revision: modRevision, events: [event] });
  }
  return revisions;
}
