import { invariant } from '@quorate/std';

/** A read that waits: of node `from` (the leader itself included), to be answered with its own context. */
export interface PendingRead {
  readonly from: bigint;
  readonly context: Uint8Array;
}

interface Round extends PendingRead {
  readonly position: number;
  /** The commit index when the read arrived: it may see this, and need not see more. */
  readonly index: number;
}

const positionSize = 8;

/**
 * The reads a leader has been asked for. Those that arrive before the first commit of its term wait for that;
 * the others wait until a quorum has confirmed, by its answer to a heartbeat sent later, that this node still
 * leads (Raft thesis §6.4).
 *
 * Each read gets the next position, and heartbeats carry the position of the newest: an acknowledgement of one
 * position counts for all before it. A position is never used twice by this object, not even in a later term.
 * After a restart they start over, but then the node is in a later term, in which it drops answers from before.
 */
export class ReadQueue {
  readonly #countMax: number;
  #waiting: PendingRead[] = [];
  #rounds: Round[] = [];
  #position = 0;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#waiting.length + this.#rounds.length;
  }

  /** No more fit: the read is dropped, and who asked for it asks again. */
  get full(): boolean {
    return this.count >= this.#countMax;
  }

  /** Position of the newest read that ever was. */
  get position(): number {
    return this.#position;
  }

  /** What heartbeats carry: the newest position while a read is pending, else nothing. */
  get heartbeatContext(): Uint8Array | undefined {
    return this.#rounds.length === 0 ? undefined : encodePosition(this.#position);
  }

  /** Keeps a read until the first commit of the term. */
  wait(read: PendingRead): void {
    invariant(!this.full, 'a full queue takes nothing');
    this.#waiting.push(read);
  }

  /** Takes out the reads that waited for the first commit. */
  takeWaiting(): readonly PendingRead[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  /** Keeps a read until a quorum confirms the round that begins with it. */
  begin(read: PendingRead, index: number): void {
    invariant(!this.full, 'a full queue takes nothing');
    this.#position++;
    this.#rounds.push({ ...read, index, position: this.#position });
  }

  /** Takes out the reads up to `position`, in order of arrival. */
  takeConfirmed(position: number): readonly Round[] {
    const open = this.#rounds.findIndex((round) => round.position > position);
    return this.#rounds.splice(0, open < 0 ? this.#rounds.length : open);
  }

  /** Drops all: this node does not lead any more, and who asked asks the next leader. */
  clear(): void {
    this.#waiting = [];
    this.#rounds = [];
  }
}

/** Eight bytes, little-endian, as etcd's raft of 3.7 sends them; its followers of any version echo them. */
export function encodePosition(position: number): Uint8Array {
  invariant(Number.isSafeInteger(position), 'positions never run out');
  const bytes = new Uint8Array(positionSize);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(position), true);
  return bytes;
}

/** The position in a heartbeat's answer; 0, which no read has, when there is none. */
export function decodePosition(context: Uint8Array): number {
  if (context.length !== positionSize) return 0;
  return Number(new DataView(context.buffer, context.byteOffset, positionSize).getBigUint64(0, true));
}
