import { createRequire } from 'node:module';
import { ClassicLevel } from 'classic-level';
import { RocksLevel } from '../src/index.ts';

/** A row to store. */
export interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** What the benchmark asks of an engine; `get` reads all keys and returns the bytes of their values. */
export interface Engine {
  write(rows: readonly Row[]): Promise<void>;
  scan(): Promise<{ readonly rowCount: number; readonly size: number }>;
  getSync: ((keys: readonly Uint8Array[]) => number) | undefined;
  get(keys: readonly Uint8Array[]): Promise<number>;
  close(): Promise<void>;
}

const bytes = { keyEncoding: 'view', valueEncoding: 'view' } as const;

/** How to open each engine at a location; `rocksdb-native` only when `ROCKSDB_NATIVE` names its folder. */
export const engines: Readonly<Record<string, (location: string) => Promise<Engine>>> = {
  'rocksdb-level': async (location) => level(new RocksLevel<Uint8Array, Uint8Array>(location, bytes)),
  'rocksdb, zstd': async (location) =>
    level(new RocksLevel<Uint8Array, Uint8Array>(location, { ...bytes, compression: 'zstd' })),
  'classic-level': async (location) => level(new ClassicLevel<Uint8Array, Uint8Array>(location, bytes)),
  ...(process.env['ROCKSDB_NATIVE'] !== undefined && { 'rocksdb-native': openNative }),
};

async function level(
  db: RocksLevel<Uint8Array, Uint8Array> | ClassicLevel<Uint8Array, Uint8Array>,
): Promise<Engine> {
  await db.open();
  return {
    async write(rows) {
      const batch = db.batch();
      for (const { key, value } of rows) batch.put(key, value);
      await batch.write();
    },
    async scan() {
      const options = { highWaterMarkBytes: 1024 * 1024, fillCache: false };
      await using iterator = db.iterator(options);
      let rowCount = 0;
      let size = 0;
      for (let rows = await iterator.nextv(1000); rows.length > 0; rows = await iterator.nextv(1000)) {
        for (const [key, value] of rows) size += key.length + value.length;
        rowCount += rows.length;
      }
      return { rowCount, size };
    },
    getSync(keys) {
      let size = 0;
      for (const key of keys) size += db.getSync(key)?.length ?? 0;
      return size;
    },
    get: async (keys) => (await db.getMany([...keys])).reduce((sum, value) => sum + (value?.length ?? 0), 0),
    close: () => db.close(),
  };
}

/** The part of rocksdb-native that is used here; it declares no types. */
interface Native {
  ready(): Promise<void>;
  write(): {
    put(key: Uint8Array, value: Uint8Array): Promise<void>;
    flush(): Promise<void>;
    destroy(): void;
  };
  read(): { get(key: Uint8Array): Promise<Uint8Array | null>; flush(): Promise<void>; destroy(): void };
  iterator(range: object, options: object): AsyncIterable<{ key: Uint8Array; value: Uint8Array }>;
  close(): Promise<void>;
}

async function openNative(location: string): Promise<Engine> {
  // A module without types, from a folder that only this run knows.
  const RocksDB = createRequire(import.meta.url)(process.env['ROCKSDB_NATIVE'] ?? '') as new (
    path: string,
  ) => Native;
  const db = new RocksDB(location);
  await db.ready();
  return {
    async write(rows) {
      const batch = db.write();
      const puts = rows.map(({ key, value }) => batch.put(key, value));
      await batch.flush();
      await Promise.all(puts);
      batch.destroy();
    },
    async scan() {
      let rowCount = 0;
      let size = 0;
      for await (const { key, value } of db.iterator({}, { capacity: 1000 })) {
        rowCount++;
        size += key.length + value.length;
      }
      return { rowCount, size };
    },
    getSync: undefined,
    async get(keys) {
      const batch = db.read();
      const values = keys.map((key) => batch.get(key));
      await batch.flush();
      const found = await Promise.all(values);
      batch.destroy();
      return found.reduce((sum, value) => sum + (value?.length ?? 0), 0);
    },
    close: () => db.close(),
  };
}
