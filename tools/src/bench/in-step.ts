import type { OperationSink } from './load-window.ts';

/**
 * Asks `batch` questions at once and waits for all answers before it asks again, until the sink has enough.
 * Servers do more at a time when they are late, and less when they are not; in step they always find the same
 * amount, so that what an operation costs depends little on what else the machine does.
 */
export function runInStep(options: {
  readonly batch: number;
  readonly sink: OperationSink;
  /** Asks for a slot, `0 .. batch`; `onAnswer` is called once, when a right answer has come. */
  readonly ask: (slot: number, onAnswer: () => void) => void;
}): Promise<void> {
  const { batch, sink, ask } = options;
  const { promise, resolve } = Promise.withResolvers<void>();
  let waiting = 0;
  let goesOn = true;
  let sentAt = 0;
  const onAnswer = (): void => {
    const now = performance.now();
    if (!sink.record(now - sentAt, now)) goesOn = false;
    if (--waiting > 0) return;
    if (goesOn) askAll();
    else resolve();
  };
  const askAll = (): void => {
    waiting = batch;
    sentAt = performance.now();
    for (let slot = 0; slot < batch; slot++) ask(slot, onAnswer);
  };
  askAll();
  return promise;
}
