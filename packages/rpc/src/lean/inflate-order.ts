/** What the thread is asked for: a message as it was, of which no more than `maxBytes` are wanted. */
export interface InflateOrder {
  readonly message: Uint8Array;
  readonly encoding: 'gzip' | 'deflate';
  readonly maxBytes: number;
}

/** The message, in memory of its own, or why there is none. */
export type InflateAnswer = Uint8Array<ArrayBuffer> | 'too large' | 'broken';
