import { invariant, type ByteSource } from '@quorate/std';
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { RingReader, RingWriter } from './ring.ts';

/*
 * A record in a ring:
 *
 *   0      1      4      8        12
 *   | kind | path | call | number | bytes ...
 *   | u8   | u24  | u32  | u32    |
 *
 * What `path`, `call` and `number` are depends on the kind: see `records.ts`. A kind with `isParcel` set has its bytes in
 * the next parcel, a message of its own beside the ring.
 */
const callAt = 4;
const numberAt = 8;
const bytesAt = 12;
const isParcel = 0x80;

/** Larger bytes go beside the ring: copying them into it and out again would take longer than handing them over. */
const inlineMax = 64 * 1024;
/** Records that are taken in before everything else that happens has its turn. */
const recordsAtOnce = 128;

/** A side that has just taken something looks again in so many turns before it sleeps: waking costs both sides more. */
const wakefulTurns = 4;

/** One end of a channel between two threads. */
export interface ChannelEnd {
  readonly incoming: SharedArrayBuffer;
  readonly outgoing: SharedArrayBuffer;
  /** Messages of nothing, that wake. */
  readonly wake: MessagePort;
  /** What is too large for a ring, in the order of the records that tell of it. */
  readonly parcels: MessagePort;
}

/** What a record says beside its bytes. */
export interface RecordFields {
  readonly kind: number;
  /** Below 2^24. */
  readonly path: number;
  /** These below 2^32. */
  readonly call: number;
  readonly number: number;
}

/** What came. `bytes` are the receiver's own. */
export type OnRecord = (fields: RecordFields, bytes: Uint8Array) => void;

/** How a channel behaves where the other side is slow. */
export interface ChannelOptions {
  readonly onRecord: OnRecord;
  /** Nothing more is taken in while so many bytes wait to go out. Of the two ends of a channel one at most may have this. */
  readonly holdAboveBytes?: number;
}

const nothing = new Uint8Array(0);

/**
 * Records between two threads, in order, over a ring in shared memory for each direction. The other side is woken once in
 * a turn at most, and only when it sleeps.
 *
 * What does not fit into the ring waits in memory, so `send` never fails and never blocks; how much may wait is for
 * whoever sends, by `waitingBytes`.
 */
export class Channel {
  readonly #reader: RingReader;
  readonly #writer: RingWriter;
  readonly #view: DataView;
  readonly #inView: DataView;
  readonly #wake: MessagePort;
  readonly #parcels: MessagePort;
  readonly #onRecord: OnRecord;
  readonly #holdAboveBytes: number;
  readonly #backlog: Uint8Array[] = [];
  #backlogBytes = 0;
  #parcelBytesSent = 0;
  #isWaking = false;
  #isDraining = false;
  /** Turns until this side sleeps. */
  #wakefulTurns = 0;
  #isClosed = false;
  /** Records that found the ring full. */
  overflows = 0;

  constructor(end: ChannelEnd, { onRecord, holdAboveBytes = Infinity }: ChannelOptions) {
    this.#reader = new RingReader(end.incoming);
    this.#writer = new RingWriter(end.outgoing);
    this.#view = new DataView(end.outgoing, this.#writer.bytes.byteOffset);
    this.#inView = new DataView(end.incoming, this.#reader.bytes.byteOffset);
    this.#wake = end.wake;
    this.#parcels = end.parcels;
    this.#onRecord = onRecord;
    this.#holdAboveBytes = holdAboveBytes;
    this.#wake.on('message', () => {
      this.#unload();
      this.#drain();
    });
    this.#drain();
  }

  /** Bytes that were sent and that the other side has not even in its ring. */
  get waitingBytes(): number {
    return this.#backlogBytes + ((this.#parcelBytesSent - this.#writer.parcelBytesTaken) >>> 0);
  }

  /** Sends a record; the bytes of both parts are copied. */
  send(fields: RecordFields, head: Uint8Array = nothing, body: Uint8Array | ByteSource = nothing): void {
    if (this.#isClosed) return;
    const size = head.length + body.length;
    if (size > inlineMax || bytesAt + size > this.#writer.largest) {
      const parcel = new Uint8Array(size);
      parcel.set(head);
      copyTo(parcel, head.length, body);
      this.#parcelBytesSent = (this.#parcelBytesSent + size) >>> 0;
      // Before its record, so that whoever reads that finds it.
      this.#parcels.postMessage(parcel.buffer, [parcel.buffer]);
      this.#put({ ...fields, kind: fields.kind | isParcel }, nothing, nothing);
    } else this.#put(fields, head, body);
    this.#wakeSoon();
  }

  /** Nothing goes or comes any more. */
  close(): void {
    this.#isClosed = true;
    this.#backlog.length = 0;
    this.#backlogBytes = 0;
    this.#wake.close();
    this.#parcels.close();
  }

  #put({ kind, path, call, number }: RecordFields, head: Uint8Array, body: Uint8Array | ByteSource): void {
    const length = bytesAt + head.length + body.length;
    const isBehind = this.#backlog.length > 0;
    let at = isBehind ? -1 : this.#writer.reserve(length);
    let { bytes } = this.#writer;
    let view = this.#view;
    if (at === -1) {
      bytes = new Uint8Array(length);
      view = new DataView(bytes.buffer);
      at = 0;
    }
    view.setUint32(at, ((path << 8) | kind) >>> 0, true);
    view.setUint32(at + callAt, call, true);
    view.setUint32(at + numberAt, number, true);
    if (head.length > 0) bytes.set(head, at + bytesAt);
    if (body.length > 0) copyTo(bytes, at + bytesAt + head.length, body);
    if (bytes === this.#writer.bytes) return this.#writer.commit();
    this.overflows++;
    this.#backlog.push(bytes);
    this.#backlogBytes += length;
    // The reader may have made room since we looked, and not have seen that somebody waits.
    if (!isBehind) this.#unload();
  }

  /** Moves what waits into the ring, as far as there is room. */
  #unload(): void {
    if (this.#backlog.length === 0) return;
    this.#writer.wait();
    let moved = 0;
    for (const record of this.#backlog) {
      const at = this.#writer.reserve(record.length);
      if (at === -1) break;
      this.#writer.bytes.set(record, at);
      this.#writer.commit();
      this.#backlogBytes -= record.length;
      moved++;
    }
    this.#backlog.splice(0, moved);
    if (moved > 0) this.#wakeSoon();
  }

  /** At the end of this turn the other side is woken, if it sleeps. */
  #wakeSoon(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    setImmediate(() => {
      this.#isWaking = false;
      if (!this.#isClosed && this.#writer.takeSleeper()) this.#wake.postMessage(null);
    });
  }

  /** Takes in what came, in slices. */
  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    let taken = 0;
    while (!this.#isClosed && !this.#isHeld() && this.#reader.next()) {
      this.#take();
      if (++taken < recordsAtOnce) continue;
      this.#drainLater();
      return this.#wakeWaiter();
    }
    this.#isDraining = false;
    if (taken > 0) {
      this.#wakeWaiter();
      this.#wakefulTurns = wakefulTurns;
    }
    if (this.#isClosed || this.#isHeld()) return;
    if (this.#wakefulTurns-- > 0) this.#drainLater();
    else if (!this.#reader.sleep()) this.#drain();
  }

  #drainLater(): void {
    this.#isDraining = true;
    setImmediate(() => {
      this.#isDraining = false;
      this.#drain();
    });
  }

  /** Whether so much waits to go out that nothing is taken in; the other side wakes us when it has taken some. */
  #isHeld(): boolean {
    if (this.waitingBytes <= this.#holdAboveBytes) return false;
    this.#writer.wait();
    return this.waitingBytes > this.#holdAboveBytes;
  }

  #wakeWaiter(): void {
    if (!this.#isClosed && this.#reader.takeWaiter()) this.#wake.postMessage(null);
  }

  #take(): void {
    const { at, length } = this.#reader;
    const word = this.#inView.getUint32(at, true);
    const call = this.#inView.getUint32(at + callAt, true);
    const number = this.#inView.getUint32(at + numberAt, true);
    const bytes = this.#copied(at + bytesAt, at + length);
    this.#reader.release();
    const fields = { kind: word & 0x7f, path: word >>> 8, call, number };
    this.#onRecord(fields, (word & isParcel) === 0 ? bytes : this.#takeParcel());
  }

  /** A copy, since the place in the ring is given back. Small ones share memory, as what a socket reads does. */
  #copied(from: number, endExclusive: number): Uint8Array {
    if (from === endExclusive) return nothing;
    const copy = Buffer.allocUnsafe(endExclusive - from);
    copy.set(this.#reader.bytes.subarray(from, endExclusive));
    return copy;
  }

  #takeParcel(): Uint8Array {
    const received = receiveMessageOnPort(this.#parcels);
    invariant(received !== undefined, 'a parcel is there before the record that tells of it');
    // Only `send` on the other side puts messages there.
    const bytes = new Uint8Array(received.message as ArrayBuffer);
    this.#reader.tookParcel(bytes.length);
    return bytes;
  }
}

function copyTo(target: Uint8Array, at: number, bytes: Uint8Array | ByteSource): void {
  if (bytes instanceof Uint8Array) target.set(bytes, at);
  else bytes.read(target, at, at + bytes.length);
}
