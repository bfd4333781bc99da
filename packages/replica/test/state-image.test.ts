import { SeededRandom, toUtf8, type Bucket } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { FaultyDisk, MemoryDisk } from '@quorate/wal/testing';
import { decodeKeyValue, rpcpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { BackendError, type ReplicaObserver } from '../src/index.ts';
import { openTestMember, putRequest, rangeRequest, type TestMember } from '../src/testing/index.ts';

const imagePath = '/store/image';
const reserveBytes = 256 * 1024 * 1024;

/** The disks of one member, and what its starts and stops said of the image. */
class Home {
  disk = new MemoryDisk();
  backend = new MemoryBackend();
  readonly said: string[] = [];
  readonly reasons: (string | undefined)[] = [];
  readonly #observer: ReplicaObserver = {
    onImage: ({ outcome, reason }) => {
      this.said.push(outcome);
      this.reasons.push(reason);
    },
  };

  async open(): Promise<TestMember> {
    const { disk, backend } = this;
    await disk.makeDir('/store');
    return openTestMember({ disk, backend, imagePath, snapshotCount: 15, observer: this.#observer });
  }

  async image(): Promise<Uint8Array | undefined> {
    if (!(await this.disk.list('/store')).includes('image')) return undefined;
    const file = await this.disk.open(imagePath, 'read');
    const bytes = await file.read(0, await file.size());
    await file.close();
    return bytes;
  }

  async setImage(bytes: Uint8Array): Promise<void> {
    if ((await this.image()) !== undefined) await this.disk.remove(imagePath);
    const file = await this.disk.open(imagePath, 'create');
    await file.write(0, bytes);
    await file.close();
  }
}

/** A disk that has room for so many bytes, of which an image takes some while it is written. */
class SmallDisk extends MemoryDisk {
  roomBytes = Infinity;
  /** The largest size of an image that was begun. */
  imageBytesMax = 0;

  override async freeBytes(): Promise<number> {
    const isBegun = (await this.list('/store')).includes('image.tmp');
    const taken = isBegun ? this.bytesOf(`${imagePath}.tmp`).length : 0;
    this.imageBytesMax = Math.max(this.imageBytesMax, taken);
    return this.roomBytes - taken;
  }
}

/** A backend whose rows cannot be read once it is closed to readers. */
class DeafBackend extends MemoryBackend {
  isDeaf = false;

  override get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    if (this.isDeaf && bucket === 'key') throw new BackendError('get', new Error('EIO'));
    return super.get(bucket, key);
  }
}

async function write(member: TestMember, keys: number, mark: string): Promise<void> {
  for (let i = 0; i < keys; i++)
    await member.during(member.replica.kv.put(putRequest(`k${i % 7}`, `${mark} ${i}`)));
}

async function readBack(member: TestMember, key: string): Promise<string> {
  const { kvs } = await member.during(member.replica.kv.range(rangeRequest(key)));
  return toUtf8(decodeKeyValue(kvs[0]!).value);
}

const hashOf = async ({ replica }: TestMember): Promise<unknown> => replica.state.store.hashKv(0);

async function stopped(home: Home): Promise<unknown> {
  const member = await home.open();
  await member.during(member.replica.leases.grant({ ID: 77n, TTL: 1000n }));
  await member.during(member.replica.kv.put(putRequest('leased', 'x', { lease: 77n })));
  await write(member, 30, 'first');
  const compaction = { revision: 20n, physical: true };
  await member.during(member.replica.kv.compact(rpcpb.CompactionRequest.encode(compaction).finish()));
  await write(member, 5, 'second');
  const hash = await member.replica.state.store.hashKv(0);
  await member.during(member.replica.close());
  return { hash: hash.hash, hashRevision: hash.hashRevision };
}

test('a member that stopped starts from its image, once, with all keys on their leases', async () => {
  const home = new Home();
  const before = await stopped(home);
  expect(await home.image()).toBeDefined();
  const member = await home.open();
  expect(home.said).toEqual(['used']);
  expect(await home.image()).toBeUndefined();
  expect(await hashOf(member)).toMatchObject(before as object);
  expect(member.replica.state.lessor.keys(77n)).toEqual(['leased']);
  expect(await readBack(member, 'k4')).toBe('second 4');
  await write(member, 3, 'third');
  await member.during(member.replica.close());
  const again = await home.open();
  expect(home.said).toEqual(['used', 'used']);
  expect(await readBack(again, 'k2')).toBe('third 2');
  again.replica.state.store.checkInvariants();
  await again.during(again.replica.close());
});

test('a member that was killed starts from its rows; an image of an older entry that comes back is refused', async () => {
  const home = new Home();
  await stopped(home);
  const image = (await home.image())!;
  const member = await home.open();
  await write(member, 9, 'third');
  await member.advance(500); // The store is written; then the member is killed.
  const hash = await hashOf(member);
  const after = new Home();
  after.disk = home.disk.crash({ keep: 'all' });
  after.backend = home.backend.copy();
  const killed = await after.open();
  expect(after.said).toEqual([]);
  expect(await hashOf(killed)).toEqual(hash);
  await killed.during(killed.replica.close());
  after.disk = home.disk.crash({ keep: 'all' });
  after.backend = home.backend.copy();
  await after.setImage(image);
  const misled = await after.open();
  expect(after.said).toEqual(['refused']);
  expect(await hashOf(misled)).toEqual(hash);
  await misled.during(misled.replica.close());
  await member.during(member.replica.close());
});

test('an image that is cut off, or has any bit flipped, is refused, and the state is the same', async () => {
  const home = new Home();
  const before = await stopped(home);
  const image = (await home.image())!;
  const random = new SeededRandom(7);
  const damages = [0, 7, 8, 40, image.length - 1].map((size) => image.slice(0, size));
  for (let i = 0; i < 12; i++) {
    const flipped = image.slice();
    const at = i < 6 ? random.below(image.length) : image.length - 1 - random.below(120);
    flipped[at] = flipped[at]! ^ (1 << random.below(8));
    damages.push(flipped);
  }
  for (const damaged of damages) {
    const copy = new Home();
    copy.disk = home.disk.crash({ keep: 'all' });
    copy.backend = home.backend.copy();
    await copy.setImage(damaged);
    const member = await copy.open();
    expect(copy.said).toEqual(['refused']);
    expect(await copy.image()).toBeUndefined();
    expect(await hashOf(member)).toMatchObject(before as object);
    expect(member.replica.state.lessor.keys(77n)).toEqual(['leased']);
    await member.during(member.replica.close());
  }
});

test('a member that cannot leave an image stops as well', async () => {
  const home = new Home();
  const member = await home.open();
  await member.during(member.replica.kv.put(putRequest('k', 'v')));
  await home.disk.makeDir(`${imagePath}/in-the-way`);
  await member.during(member.replica.close());
  expect(home.said).toEqual(['not written']);
});

test('an image for which the disk has no room leaves none taken, nor does a stop that was cut short', async () => {
  const home = new Home();
  const full = new FaultyDisk(home.disk);
  await home.disk.makeDir('/store');
  const observer: ReplicaObserver = { onImage: ({ outcome }) => home.said.push(outcome) };
  const member = await openTestMember({ disk: full, backend: home.backend, imagePath, observer });
  await member.during(member.replica.kv.put(putRequest('k', 'v')));
  full.fail({ operation: 'write', path: imagePath, call: 2, forever: true, code: 'ENOSPC' });
  await member.during(member.replica.close());
  expect(home.said).toEqual(['not written']);
  expect(await home.disk.list('/store')).toEqual([]);
  await home.disk.put(`${imagePath}.tmp`, new Uint8Array(100)); // As a stop leaves it that is killed.
  const again = await home.open();
  expect(await home.disk.list('/store')).toEqual([]);
  await again.during(again.replica.close());
});

test('an image is not written where it would leave less than a reserve of the disk free, and the stop says so', async () => {
  for (const aboveReserve of [-reserveBytes, -1, 0, 100]) {
    const home = new Home();
    const disk = (home.disk = new SmallDisk());
    const member = await home.open();
    await member.during(member.replica.kv.put(putRequest('k', 'v')));
    disk.roomBytes = reserveBytes + aboveReserve;
    await member.during(member.replica.close());
    expect(home.said).toEqual(['not written']);
    expect(home.reasons[0]).toMatch(/less than 256 MiB free/);
    expect(disk.imageBytesMax).toBeLessThanOrEqual(Math.max(0, aboveReserve));
    expect(await disk.list('/store')).toEqual([]);
    const again = await home.open();
    expect(await readBack(again, 'k')).toBe('v');
    await again.during(again.replica.close());
  }
});

test('an image is written where just enough of the disk stays free', async () => {
  const home = new Home();
  const disk = (home.disk = new SmallDisk());
  const member = await home.open();
  await member.during(member.replica.kv.put(putRequest('k', 'v')));
  disk.roomBytes = reserveBytes + 1024 * 1024;
  await member.during(member.replica.close());
  expect(home.said).toEqual([]);
  expect((await home.image())!.length).toBeLessThan(1024 * 1024);
});

test('a disk that does not say what is free, or a store whose rows are not read, costs the image and not the stop', async () => {
  const home = new Home();
  const disk = new FaultyDisk(home.disk);
  await home.disk.makeDir('/store');
  const observer: ReplicaObserver = { onImage: ({ outcome }) => home.said.push(outcome) };
  const backend = new DeafBackend();
  const member = await openTestMember({ disk, backend, imagePath, observer });
  await write(member, 3, 'first');
  disk.fail({ operation: 'freeBytes', call: 1, code: 'EIO' });
  await member.during(member.replica.close());
  expect(home.said).toEqual(['not written']);
  disk.heal();
  const again = await openTestMember({ disk, backend, imagePath, observer });
  await write(again, 3, 'second');
  await again.advance(500);
  backend.isDeaf = true;
  await again.during(again.replica.close());
  expect(home.said).toEqual(['not written', 'not written']);
  expect(await home.disk.list('/store')).toEqual([]);
});
