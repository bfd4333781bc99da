import type { BoltSource } from './types.ts';

/** The first bytes of a source, as one that ends there. */
export class BoundedSource implements BoltSource {
  readonly #source: BoltSource;
  readonly #sizeBytes: number;

  constructor(source: BoltSource, sizeBytes: number) {
    this.#source = source;
    this.#sizeBytes = sizeBytes;
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    return this.#source.read(offset, Math.max(0, Math.min(size, this.#sizeBytes - offset)));
  }

  async size(): Promise<number> {
    return this.#sizeBytes;
  }
}
