import {
  ChangeList,
  type BackendRow,
  type BackendSnapshot,
  type Bucket,
  type BucketChange,
  type ScanRange,
} from '../backend.ts';
import { fromUtf8, toUtf8 } from '../bytes.ts';

/** Rows as text, for tests that are easier to read so. */
export type TextRows = Readonly<Record<string, string>>;

/** Where rows are put: a backend, or a stage, which knows no `sync`. */
interface RowWriter {
  write(changes: readonly BucketChange[], options: { readonly sync: boolean }): Promise<void>;
}

/** Sets rows in one batch. */
export async function put(backend: RowWriter, bucket: Bucket, rows: TextRows, sync = false): Promise<void> {
  const changes = new ChangeList();
  for (const [key, value] of Object.entries(rows)) changes.put(bucket, fromUtf8(key), fromUtf8(value));
  await backend.write(changes.changes, { sync });
}

/** The rows of a bucket. */
export async function rowsOf(
  backend: Pick<BackendSnapshot, 'scan'>,
  bucket: Bucket,
  range?: ScanRange,
): Promise<BackendRow[]> {
  const found: BackendRow[] = [];
  for await (const rows of backend.scan(bucket, range)) found.push(...rows);
  return found;
}

/** The rows of a bucket as text. */
export async function all(
  backend: Pick<BackendSnapshot, 'scan'>,
  bucket: Bucket,
  range?: ScanRange,
): Promise<[string, string][]> {
  return (await rowsOf(backend, bucket, range)).map(pair);
}

/** A row as text. */
export function pair([key, value]: BackendRow): [string, string] {
  return [toUtf8(key), toUtf8(value)];
}

/** A value as text. */
export function text(value: Uint8Array | undefined): string | undefined {
  return value && toUtf8(value);
}
