import { loadBinding, type EngineObject } from './binding.ts';

/** Options where the engine insists on an object and we have nothing to say. */
export const noOptions: object = Object.freeze({});

/** One operation as abstract-level hands it to `_batch`. */
export type EncodedOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** Above it the engine's batch is left to the garbage collector, so that one giant is not kept for ever. */
const keptSizeMax = 1024 * 1024;

/**
 * One batch of the engine, filled and written many times over. A batch is only freed by the garbage collector,
 * which does not see the memory behind it; making a new one for each write would pile them up.
 */
export class EngineBatch {
  readonly #binding = loadBinding();
  #batch: EngineObject = this.#binding.batch_init();

  /** Fills the batch and hands it to `write`, all in one turn. */
  run(operations: readonly EncodedOperation[], write: (batch: EngineObject) => void): void {
    let size = 0;
    try {
      for (const operation of operations) {
        size += operation.key.length;
        if (operation.type === 'put') {
          size += operation.value.length;
          this.#binding.batch_put(this.#batch, operation.key, operation.value, noOptions);
        } else {
          this.#binding.batch_del(this.#batch, operation.key, noOptions);
        }
      }
      write(this.#batch);
    } finally {
      this.#binding.batch_clear(this.#batch);
      if (size > keptSizeMax) this.#batch = this.#binding.batch_init();
    }
  }
}
