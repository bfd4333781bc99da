import { AbstractIterator, type AbstractIteratorOptions } from 'abstract-level';
import { loadBinding, type EngineObject, type EngineRange, type EngineRows } from './binding.ts';
import type { RocksIteratorOptions } from './options.ts';
import type { RocksLevel } from './rocks-level.ts';

type Row = [key: Uint8Array | undefined, value: Uint8Array | undefined];

/** `next` reads ahead: one row first, since many want no more, then so many at once. */
const readAheadRows = 256;
const defaultHighWaterMarkBytes = 1024 * 1024;

/** Options as abstract-level hands them to `_iterator`: bounds are encoded, nothing is missing. */
export interface PrivateIteratorOptions<K, V>
  extends Omit<AbstractIteratorOptions<K, V>, keyof EngineRange>, EngineRange, RocksIteratorOptions {}

/** An iterator over the rows as they were when it was made. Reading happens on the thread pool. */
export class RocksIterator<K, V> extends AbstractIterator<RocksLevel<K, V>, K, V> {
  readonly #binding = loadBinding();
  readonly #engine: EngineObject;
  #ahead: EngineRows = { rows: [], finished: false };
  #position = 0;
  #isFirst = true;

  constructor(db: RocksLevel<K, V>, engineDb: EngineObject, options: PrivateIteratorOptions<K, V>) {
    // abstract-level looks up the encodings it put there, and bounds are no concern of its constructor.
    super(db, options as AbstractIteratorOptions<K, V>);
    this.#engine = this.#binding.iterator_init(engineDb, {
      lt: options.lt,
      lte: options.lte,
      gt: options.gt,
      gte: options.gte,
      reverse: options.reverse === true,
      // Always read: without keys and values the engine has no answer, and abstract-level drops them anyway.
      keys: true,
      values: options.values !== false,
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      fillCache: options.fillCache === true,
      highWaterMarkBytes: options.highWaterMarkBytes ?? defaultHighWaterMarkBytes,
    });
  }

  /** @internal */
  _seek(target: Uint8Array): void {
    this.#ahead = { rows: [], finished: false };
    this.#position = 0;
    this.#isFirst = true;
    this.#binding.iterator_seek(this.#engine, target);
  }

  /** @internal */
  async _next(): Promise<Row | undefined> {
    if (this.#position >= this.#ahead.rows.length) {
      await this.#read(this.#isFirst ? 1 : readAheadRows);
      this.#isFirst = false;
    }
    return this.#position < this.#ahead.rows.length ? this.#take() : undefined;
  }

  /** @internal */
  async _nextv(size: number): Promise<Row[]> {
    this.#isFirst = false;
    if (this.#position >= this.#ahead.rows.length) await this.#read(size);
    const rows: Row[] = [];
    while (rows.length < size && this.#position < this.#ahead.rows.length) rows.push(this.#take());
    return rows;
  }

  /** @internal */
  async _close(): Promise<void> {
    this.#ahead = { rows: [], finished: true };
    this.#binding.iterator_close(this.#engine);
  }

  /** Reads the next rows, unless the end was reached. The engine always returns one, however large. */
  async #read(size: number): Promise<void> {
    this.#position = 0;
    this.#ahead = this.#ahead.finished ? { rows: [], finished: true } : await this.#readEngine(size);
  }

  #readEngine(size: number): Promise<EngineRows> {
    return new Promise((resolve, reject) => {
      this.#binding.iterator_nextv(this.#engine, size, (error, rows) =>
        error ? reject(error) : resolve(rows),
      );
    });
  }

  #take(): Row {
    const { rows } = this.#ahead;
    return [rows[this.#position++], rows[this.#position++]];
  }
}
