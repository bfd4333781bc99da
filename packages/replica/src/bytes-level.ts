/** What a backend needs of a database: an abstract-level 3 one whose keys and values are bytes has it. */
export interface BytesLevel {
  readonly supports: object;
  keyEncoding(): { readonly name: string };
  valueEncoding(): { readonly name: string };
  open(): Promise<void>;
  close(): Promise<void>;
  getSync(key: Uint8Array): Uint8Array | undefined;
  iterator(options: BytesIteratorOptions): BytesIterator;
  batch(operations: BytesOperation[], options: { readonly sync: boolean }): Promise<void>;
  clear(range: BytesRange): Promise<void>;
  /** Of RocksLevel. */
  sizeBytes?(): number;
  /** Of ClassicLevel. */
  approximateSize?(start: Uint8Array, endExclusive: Uint8Array): Promise<number>;
}

/** Keys of a database, as abstract-level says it. */
export interface BytesRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** Options of an iterator: those of abstract-level, and what some databases make of it. */
export interface BytesIteratorOptions extends BytesRange {
  readonly highWaterMarkBytes: number;
  readonly fillCache: boolean;
}

/** The rows of a range as they were when the iterator was made. */
export interface BytesIterator {
  seek(target: Uint8Array): void;
  nextv(size: number): Promise<[Uint8Array, Uint8Array][]>;
  close(): Promise<void>;
}

/** One change of a batch. */
export type BytesOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** The store below failed; the member must stop, since nothing is known about what is on disk. */
export class BackendError extends Error {
  override readonly name = 'BackendError';
  readonly code = 'BACKEND_FAILED';

  constructor(action: string, cause: unknown) {
    super(`backend could not ${action}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** What `work` gives. @throws BackendError instead of the database's own errors */
export async function wrapped<T>(action: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof BackendError ? error : new BackendError(action, error);
  }
}

/** Whether the manifest of an abstract-level database says yes; its types do not know every feature. */
export function doesSupport(db: BytesLevel, feature: string): boolean {
  const manifest: Readonly<Record<string, unknown>> = { ...db.supports };
  return manifest[feature] === true;
}
