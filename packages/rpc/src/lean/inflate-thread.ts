import { yieldToOthers } from '@quorate/std';
import { parentPort } from 'node:worker_threads';
import { gunzipSync, inflateSync } from 'node:zlib';
import type { InflateAnswer, InflateOrder } from './inflate-order.ts';

/** A thread that inflates the messages it is sent, one after the other, and yields to all other threads. */
yieldToOthers();
parentPort?.on('message', (order: InflateOrder) => {
  const answer = inflated(order);
  parentPort?.postMessage(answer, answer instanceof Uint8Array ? [answer.buffer] : []);
});

/** What zlib makes at a time. */
const chunkSize = 128 * 1024;

function inflated({ message, encoding, maxBytes }: InflateOrder): InflateAnswer {
  try {
    const options = { maxOutputLength: maxBytes, chunkSize };
    const bytes = encoding === 'gzip' ? gunzipSync(message, options) : inflateSync(message, options);
    // Memory that is given away may be nobody else's, and small results share theirs.
    return new Uint8Array(bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : 'broken'; // Of zlib, all have one.
  }
}
