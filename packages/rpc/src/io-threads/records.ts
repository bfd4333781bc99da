/**
 * What threads say to each other over a channel. `call` is a number that the I/O thread gives to each call, and that is
 * free again when the call's `end` or `answer` has come back.
 */
export const record = {
  // From the I/O thread: a call begins. `path` is the place of its method in the table; the bytes are the head of the
  // call, `number` of them, and behind it the request of a unary call.
  open: 1,
  // From the I/O thread: the client has sent all of its messages.
  halfClose: 2,
  // From the I/O thread: nobody waits for the call any more. Its end still comes. `number` is the status that the client was
  // told, 0 when it has left by itself.
  cancel: 3,
  // From the I/O thread: something happened that is to be counted; JSON.
  event: 4,
  // Both ways: a message of a stream.
  message: 5,
  // Both ways: messages with `number` bytes were taken.
  taken: 6,
  // From the main thread: the response of a unary call, which ends it well.
  answer: 7,
  // From the main thread: the status, in `number`, and the text that a call ended with.
  end: 8,
  // From the main thread: `number` messages of a stream, each behind its prefix.
  batch: 9,
} as const;

/** Bytes of messages of a stream that one thread has sent, and the other not taken, before the sender waits. */
export const windowBytes = 128 * 1024;
/** What a message takes of a window beside its bytes: one of nothing is a record, too. */
const recordBytes = 64;
/** What was taken is told in pieces of this size. */
const takenStep = windowBytes / 4;

/** What a message of a client takes of the window, on either side. */
export function windowCost(message: Uint8Array): number {
  return message.length + recordBytes;
}

/**
 * The window of a stream, on the side that sends. A message is sent whole when any room is left, so the window may be
 * exceeded by one of them.
 */
export class SendWindow {
  #outstanding = 0;
  #isClosed = false;
  #onRoom: (() => void) | undefined;

  get hasRoom(): boolean {
    return this.#isClosed || this.#outstanding < windowBytes;
  }

  sent(bytes: number): void {
    this.#outstanding += bytes;
  }

  taken(bytes: number): void {
    this.#outstanding -= bytes;
    if (this.hasRoom) this.#open();
  }

  /** Resolves when there is room, or the window is closed. One may wait at a time. */
  async room(): Promise<void> {
    if (this.hasRoom) return;
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve;
    });
  }

  /** The stream is over: nobody waits any more. */
  close(): void {
    this.#isClosed = true;
    this.#open();
  }

  #open(): void {
    const onRoom = this.#onRoom;
    this.#onRoom = undefined;
    onRoom?.();
  }
}

/** The window of a stream, on the side that takes: it tells now and then how much that was. */
export class TakenBytes {
  readonly #tell: (bytes: number) => void;
  #untold = 0;

  constructor(tell: (bytes: number) => void) {
    this.#tell = tell;
  }

  add(bytes: number): void {
    this.#untold += bytes;
    if (this.#untold < takenStep) return;
    this.#tell(this.#untold);
    this.#untold = 0;
  }
}
