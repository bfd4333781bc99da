import { concatBytes, fromUtf8, toHex } from '@quorate/std';
import {
  BoltFile,
  BoltWriter,
  type BoltBucket,
  type BoltFileOptions,
  type BoltRow,
  type BoltSource,
  type BoltWriterOptions,
} from '../src/index.ts';

/** A file in memory, which counts what is asked of it. */
export class MemorySource implements BoltSource {
  readonly bytes: Uint8Array;
  readCount = 0;
  readSizeMax = 0;
  readTotal = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    this.readCount++;
    this.readSizeMax = Math.max(this.readSizeMax, size);
    this.readTotal += size;
    return this.bytes.slice(offset, offset + size);
  }

  async size(): Promise<number> {
    return this.bytes.length;
  }
}

/** Rows by bucket; keys of a bucket in any order. */
export type Contents = Record<string, readonly BoltRow[]>;

/** Buckets that give their rows in slices of a few. */
export function bucketsOf(contents: Contents, sliceRows = 100): BoltBucket[] {
  return Object.entries(contents).map(([name, rows]) => ({
    name,
    async *rows() {
      for (let i = 0; i < rows.length; i += sliceRows) yield rows.slice(i, i + sliceRows);
    },
  }));
}

export function row(key: string, value: string | Uint8Array): BoltRow {
  return [fromUtf8(key), typeof value === 'string' ? fromUtf8(value) : value];
}

/** Rows `<prefix>00000000`, `<prefix>00000001`, … with values of a size. */
export function manyRows(count: number, valueSize: number, prefix = 'key-'): BoltRow[] {
  return Array.from({ length: count }, (_, i) =>
    row(`${prefix}${String(i).padStart(8, '0')}`, new Uint8Array(valueSize).fill(i)),
  );
}

export async function write(
  buckets: readonly BoltBucket[],
  options?: BoltWriterOptions,
): Promise<Uint8Array> {
  const writer = await BoltWriter.plan(buckets, options);
  const chunks: Uint8Array[] = [];
  for await (const chunk of writer.chunks()) chunks.push(chunk);
  const bytes = concatBytes(chunks);
  if (bytes.length !== writer.sizeBytes)
    throw new Error(`planned ${writer.sizeBytes} bytes, wrote ${bytes.length}`);
  return bytes;
}

export async function openBytes(bytes: Uint8Array, options?: BoltFileOptions): Promise<BoltFile> {
  return BoltFile.open(new MemorySource(bytes), options);
}

export async function rowsOf(file: BoltFile, bucket: string): Promise<BoltRow[]> {
  const all: BoltRow[] = [];
  for await (const rows of file.rows(bucket)) all.push(...rows);
  return all;
}

/** Everything in a file. */
export async function contentsOf(file: BoltFile): Promise<Contents> {
  const contents: Contents = {};
  for (const name of await file.bucketNames()) contents[name] = await rowsOf(file, name);
  return contents;
}

/** In a form that compares fast and prints well. */
export function describe(rows: readonly BoltRow[]): string[] {
  return rows.map(([key, value]) => `${toHex(key)}=${toHex(value)}`);
}

/** Code of the error that a promise ends in; fails the test when it ends well. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
  throw new Error('expected an error');
}
