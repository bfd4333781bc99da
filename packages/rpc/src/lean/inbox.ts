import { copyBytes } from '@quorate/std';

/** What a message costs beside its bytes: a message of nothing is an object, too. */
const messageBytes = 128;
/** A client waits with more, and what is compressed stays so, while so many bytes wait for the handler. */
const heldBytesMax = 256 * 1024;

/** Whose messages these are. */
export interface InboxOwner {
  /** What a message was before it was compressed. @throws RpcError */
  inflate(message: Uint8Array): Promise<Uint8Array>;
  /** A message that was compressed is there. */
  onInflated(): void;
  /** One of them cannot be read; the others are of no use. */
  onBroken(error: unknown): void;
}

/**
 * Messages of a call that came and that nobody has taken yet, in their order. Behind a compressed one the next ones wait
 * until it is what it was; one of a call is inflated at a time.
 *
 * Invariant: `heldBytes` is what all of them cost.
 */
export class Inbox {
  readonly #owner: InboxOwner;
  readonly #whole: Uint8Array[] = [];
  /** Compressed ones, and those behind them; none, mostly. */
  #behind: { readonly bytes: Uint8Array; readonly isCompressed: boolean }[] | undefined;
  #isInflating = false;
  /** Of those in `#whole`, how many are no views of what a socket has read. */
  #kept = 0;
  #heldBytes = 0;

  constructor(owner: InboxOwner) {
    this.#owner = owner;
  }

  /** What the messages cost while they are here. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether more is here than a client may leave to wait. */
  get isFull(): boolean {
    return this.#heldBytes >= heldBytesMax;
  }

  /** Whether none is here, and none is about to be. */
  get isEmpty(): boolean {
    return this.#whole.length === 0 && !this.isInflating;
  }

  /** Whether a message is to come that was compressed. */
  get isInflating(): boolean {
    return this.#isInflating || this.#behind !== undefined;
  }

  /** Takes in a message, a view of what was read. */
  add(bytes: Uint8Array, isCompressed: boolean): void {
    this.#heldBytes += bytes.length + messageBytes;
    if (!isCompressed && !this.isInflating) {
      this.#whole.push(bytes);
      return;
    }
    (this.#behind ??= []).push({ bytes: copyBytes(bytes), isCompressed });
    this.#goOn();
  }

  /** The next message, which is the caller's; undefined when there is none now. */
  next(): Uint8Array | undefined {
    const message = this.#whole.shift();
    if (message === undefined) return undefined;
    this.#heldBytes -= message.length + messageBytes;
    if (this.#kept > 0) this.#kept--;
    this.#goOn();
    return message;
  }

  /** Copies what waits on: a message of a few bytes does not keep all that was read with it. */
  keep(): void {
    for (; this.#kept < this.#whole.length; this.#kept++) {
      const message = this.#whole[this.#kept];
      if (message !== undefined) this.#whole[this.#kept] = copyBytes(message);
    }
  }

  /** Deals with the next one behind, if there is room for what it may become. */
  #goOn(): void {
    while (this.#behind !== undefined && !this.#isInflating) {
      const [first] = this.#behind;
      if (first === undefined) this.#behind = undefined;
      else if (!first.isCompressed) this.#put(first.bytes);
      else if (this.#whole.length > 0 && this.isFull) return;
      else this.#inflate(first.bytes);
    }
  }

  #inflate(message: Uint8Array): void {
    this.#isInflating = true;
    this.#owner.inflate(message).then(
      (bytes) => {
        this.#isInflating = false;
        this.#heldBytes += bytes.length - message.length;
        this.#put(bytes);
        this.#goOn();
        this.#owner.onInflated();
      },
      (error: unknown) => this.#owner.onBroken(error),
    );
  }

  /** What was the first behind is whole, in memory of its own. */
  #put(bytes: Uint8Array): void {
    this.#behind?.shift();
    this.keep();
    this.#whole.push(bytes);
    this.#kept = this.#whole.length;
  }
}
