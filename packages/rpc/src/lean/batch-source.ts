import type { ByteSource } from '@quorate/std';
import type { MessageBatch } from '@quorate/wire';

/** A batch on its way to the output, which copies it once, frame by frame: then its memory is free for the next one. */
export class BatchSource implements ByteSource {
  readonly length: number;
  readonly #batch: MessageBatch;
  #at = 0;

  constructor(batch: MessageBatch) {
    this.#batch = batch;
    this.length = batch.bytes.length;
  }

  read(target: Uint8Array, start: number, end: number): void {
    const { bytes } = this.#batch;
    const from = this.#at;
    this.#at += end - start;
    target.set(bytes.subarray(from, this.#at), start);
    if (this.#at === bytes.length) this.#batch.release();
  }

  /** It keeps no memory but that of batches, which is bounded by who makes them. */
  detach(): void {}
}
