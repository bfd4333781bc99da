import { expect, test } from 'vitest';
import { WatchScene, type SceneClient } from './watch-scene.ts';

const revisionsOf = (client: SceneClient | undefined, watcher = 0) =>
  client?.heard[watcher]?.events.map(({ revision }) => revision);
const lastOf = (client: SceneClient | undefined) => client?.responses.at(-1);

function connected(clients?: number): WatchScene {
  const scene = new WatchScene(clients);
  scene.connect();
  return scene;
}

test('watchers of one range are one watcher of the member, and each gets every event', () => {
  const scene = connected(3);
  for (const client of scene.clients) client.create({ key: 'a' });
  scene.settle();
  expect(scene.member?.size).toBe(1);
  scene.store.write('a', '1');
  scene.settle();
  for (const client of scene.clients) expect(revisionsOf(client)).toEqual([2n]);
  expect(scene.coalesced).toBe(2);
});

test('ranges that only look alike are apart', () => {
  const scene = connected(2);
  scene.clients[0]?.create({ key: 'ab' });
  scene.clients[1]?.create({ key: 'a', rangeEnd: 'b' });
  scene.settle();
  expect(scene.member?.size).toBe(2);
});

test('who joins from now on gets nothing of before, though the shared watcher is still behind', () => {
  const scene = connected(2);
  const [early, late] = scene.clients;
  early?.create({ key: 'a' });
  scene.settle();
  scene.store.write('a', '1');
  scene.member?.announce(); // On its way, and not delivered yet.
  late?.create({ key: 'a' });
  scene.settle();
  expect(scene.member?.size).toBe(1);
  expect(late?.heard[0]?.createdRevision).toBe(2n);
  scene.store.write('a', '2');
  scene.settle();
  expect(revisionsOf(early)).toEqual([2n, 3n]);
  expect(revisionsOf(late)).toEqual([3n]);
});

test('who joins while the shared watcher runs ahead loses nothing', () => {
  const scene = connected(2);
  const [early, late] = scene.clients;
  early?.create({ key: 'a' });
  scene.settle();
  late?.create({ key: 'a' });
  scene.member?.takeRequest(); // Created at revision 1, and its client does not know it yet.
  scene.store.write('a', '1');
  scene.member?.announce();
  // The event of the first one overtakes that the second was created.
  scene.deliver('news');
  expect(revisionsOf(early)).toEqual([2n]);
  expect(late?.heard).toEqual([]);
  scene.settle();
  expect(revisionsOf(late)).toEqual([2n]);
  expect(scene.member?.size).toBe(1);
});

test('history is read by a watcher of its own, which ends when it has caught up', () => {
  const scene = connected(2);
  const [live, old] = scene.clients;
  scene.store.write('a', '1');
  scene.store.write('a', '2');
  live?.create({ key: 'a' });
  scene.settle();
  old?.create({ key: 'a', startRevision: 2n });
  scene.settle();
  expect(revisionsOf(old)).toEqual([2n, 3n]);
  expect(revisionsOf(live)).toEqual([]);
  expect(scene.member?.size).toBe(1);
});

test('a watcher of revisions to come gets none of those before them', () => {
  const scene = connected(2);
  const [live, future] = scene.clients;
  future?.create({ key: 'a', startRevision: 4n });
  live?.create({ key: 'a' });
  scene.settle();
  for (const value of ['1', '2', '3']) scene.store.write('a', value);
  scene.settle();
  expect(revisionsOf(live)).toEqual([2n, 3n, 4n]);
  expect(revisionsOf(future)).toEqual([4n]);
  expect(scene.member?.size).toBe(1);
});

test('previous values and filters are each watcher’s own, whatever is shared', () => {
  const scene = connected(3);
  const [plain, previous, deletes] = scene.clients;
  plain?.create({ key: 'a' });
  previous?.create({ key: 'a', prevKv: true });
  deletes?.create({ key: 'a', filters: [0] });
  scene.settle();
  scene.store.write('a', '1');
  scene.store.write('a', undefined);
  scene.settle();
  expect(scene.member?.size).toBe(1);
  const previousOf = (client: SceneClient | undefined) =>
    client?.responses.flatMap(({ events }) => events.map(({ prevKv }) => prevKv !== undefined));
  expect(previousOf(plain)).toEqual([false, false]);
  expect(previousOf(previous)).toEqual([true, true]);
  expect(revisionsOf(deletes)).toEqual([3n]);
});

test('after the stream broke each watcher goes on where it was, and is not created again', () => {
  const scene = connected(2);
  const [first, second] = scene.clients;
  first?.create({ key: 'a' });
  second?.create({ key: 'a', rangeEnd: 'c' });
  scene.settle();
  scene.store.write('a', '1');
  scene.member?.announce(); // Lost on its way.
  scene.disconnect();
  scene.store.write('a', '2');
  scene.connect();
  scene.settle();
  expect(revisionsOf(first)).toEqual([2n, 3n]);
  expect(revisionsOf(second)).toEqual([2n, 3n]);
  expect(first?.responses.filter(({ created }) => created)).toHaveLength(1);
});

test('compaction ends those who want what is gone, with the words of the member', () => {
  const scene = connected(2);
  for (const value of ['1', '2', '3']) scene.store.write('a', value);
  scene.store.compacted = 3n;
  scene.clients[0]?.create({ key: 'a', startRevision: 2n });
  scene.clients[1]?.create({ key: 'a', startRevision: 3n });
  scene.settle();
  expect(lastOf(scene.clients[0])).toMatchObject({ watchId: 0n, canceled: true, compactRevision: 3n });
  expect(revisionsOf(scene.clients[1])).toEqual([3n, 4n]);
});

test('compaction while the stream was broken spares those who are further', () => {
  const scene = connected(2);
  const [behind, ahead] = scene.clients;
  behind?.create({ key: 'a' });
  ahead?.create({ key: 'a', startRevision: 4n });
  scene.settle();
  scene.disconnect();
  for (const value of ['1', '2', '3']) scene.store.write('a', value);
  scene.store.compacted = 3n;
  scene.connect();
  scene.settle();
  expect(lastOf(behind)).toMatchObject({ canceled: true, compactRevision: 3n });
  expect(revisionsOf(ahead)).toEqual([4n]);
});

test('a watcher that the member refuses is answered with its reason, and others are not concerned', () => {
  const scene = connected(2);
  scene.member?.forbidden.add('b');
  scene.clients[0]?.create({ key: 'b' });
  scene.clients[1]?.create({ key: 'a' });
  scene.settle();
  const cancelReason = 'rpc error: code = PermissionDenied desc = etcdserver: permission denied';
  expect(lastOf(scene.clients[0])).toMatchObject({
    watchId: -1n,
    created: true,
    canceled: true,
    cancelReason,
  });
  expect(scene.member?.size).toBe(1);
});

test('IDs are given as a member gives them', () => {
  const scene = connected(1);
  const [client] = scene.clients;
  client?.create({ key: 'a', watchId: 1n });
  client?.create({ key: 'a' });
  client?.create({ key: 'a' });
  client?.create({ key: 'a', watchId: 2n });
  scene.settle();
  expect(client?.responses.map(({ watchId, canceled }) => [watchId, canceled])).toEqual([
    [1n, false],
    [0n, false],
    [2n, false],
    [-1n, true],
  ]);
  expect(lastOf(client)?.cancelReason).toBe('mvcc: duplicate watch ID provided on the WatchStream');
});

test('a watcher that is canceled before it was created is first the one and then the other', () => {
  const scene = connected(1);
  const [client] = scene.clients;
  client?.create({ key: 'a', watchId: 7n });
  client?.cancel(7n);
  client?.cancel(9n); // There is none: nothing is said of it.
  scene.settle();
  expect(client?.responses.map(({ watchId, created, canceled }) => [watchId, created, canceled])).toEqual([
    [7n, true, false],
    [7n, false, true],
  ]);
  expect(scene.member?.size).toBe(0);
});

test('the last one who leaves takes the watcher at the member with him', () => {
  const scene = connected(2);
  for (const client of scene.clients) client.create({ key: 'a' });
  scene.settle();
  scene.clients[0]?.watches.close();
  scene.settle();
  expect(scene.member?.size).toBe(1);
  scene.clients[1]?.cancel(0n);
  scene.settle();
  expect(scene.member?.size).toBe(0);
  expect(scene.watches.sourceCount).toBe(0);
});

test('a client that reads nothing costs a bounded queue, and gets everything when it reads again', async () => {
  const scene = connected(2);
  const [slow, quick] = scene.clients;
  for (const client of scene.clients) client.create({ key: 'a' });
  scene.settle();
  slow?.slow();
  for (let i = 0; i < 50; i++) {
    scene.store.write('a', `${i}`);
    scene.settle();
  }
  expect(quick?.heard[0]?.events).toHaveLength(50);
  expect(slow?.heard[0]?.events).toHaveLength(1); // After that one it said that there is no room.
  expect(scene.watches.watcherCount).toBe(1);
  await slow?.fast();
  scene.settle();
  expect(slow?.heard[0]?.events).toEqual(quick?.heard[0]?.events);
  expect(scene.member?.size).toBe(1);
});

test('progress is told to those who wanted it, and to no others', () => {
  const scene = connected(2);
  scene.clients[0]?.create({ key: 'a', progressNotify: true });
  scene.clients[1]?.create({ key: 'a' });
  scene.settle();
  scene.store.write('b', '1');
  scene.member?.notifyProgress();
  scene.settle();
  expect(lastOf(scene.clients[0])).toMatchObject({ watchId: 0n, created: false, header: { revision: 2n } });
  expect(scene.clients[1]?.responses).toHaveLength(1);
});

test('a question of progress is answered for all watchers of the stream that asks', () => {
  const scene = connected(2);
  const [asker, other] = scene.clients;
  asker?.create({ key: 'a' });
  other?.create({ key: 'b' });
  scene.settle();
  scene.store.write('c', '1');
  asker?.askProgress();
  scene.settle();
  expect(lastOf(asker)).toMatchObject({ watchId: -1n, events: [], header: { revision: 2n } });
  expect(other?.responses).toHaveLength(1);
});

test('a question of progress on a stream without watchers is not answered', () => {
  const scene = connected(1);
  scene.clients[0]?.askProgress();
  scene.settle();
  expect(scene.clients[0]?.responses).toEqual([]);
});

test('questions of many are few, and one that was lost is asked again', () => {
  const scene = connected(2);
  for (const client of scene.clients) client.create({ key: 'a' });
  scene.settle();
  for (let i = 0; i < 10; i++) for (const client of scene.clients) client.askProgress();
  expect(scene.member?.pendingRequests).toBe(1);
  scene.nowMs += 500;
  scene.clients[0]?.askProgress();
  expect(scene.member?.pendingRequests).toBe(2);
});
