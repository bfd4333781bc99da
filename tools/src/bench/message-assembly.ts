/** gRPC puts a flag and a length of 4 bytes before each message. */
export const messageHeadSize = 5;

/** Puts a message together that comes in parts. Its memory is kept for the next one, so that large answers cost no new pages. */
export class MessageAssembly {
  #bytes: Buffer = Buffer.allocUnsafeSlow(messageHeadSize);
  #filled = 0;
  /** How many bytes the message has, its head included; that of the head alone until it is known. */
  #size = messageHeadSize;

  /** Whether the message is there. */
  get isWhole(): boolean {
    return this.#filled === this.#size;
  }

  /** The message, for as long as no other is begun; its flag says that it is not compressed. */
  get message(): Buffer {
    return this.#bytes.subarray(messageHeadSize, this.#size);
  }

  /** Forgets the message before. */
  begin(): void {
    this.#filled = 0;
    this.#size = messageHeadSize;
  }

  /** Takes what belongs to the message from `part`; returns how much that is. */
  add(part: Buffer): number {
    let taken = this.#take(part);
    if (this.#filled === messageHeadSize && this.#size === messageHeadSize) {
      this.#size = this.#sizeByHead;
      this.#reserve();
      taken += this.#take(part.subarray(taken));
    }
    return taken;
  }

  get #sizeByHead(): number {
    return messageHeadSize + this.#bytes.readUInt32BE(1);
  }

  #take(part: Buffer): number {
    const taken = part.copy(this.#bytes, this.#filled, 0, Math.min(part.length, this.#size - this.#filled));
    this.#filled += taken;
    return taken;
  }

  #reserve(): void {
    if (this.#bytes.length >= this.#size) return;
    const larger = Buffer.allocUnsafeSlow(this.#size);
    this.#bytes.copy(larger, 0, 0, this.#filled);
    this.#bytes = larger;
  }
}
