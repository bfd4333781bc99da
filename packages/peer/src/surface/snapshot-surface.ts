import type { IncomingMessage } from 'node:http';
import { copyBytes, idToHex } from '@quorate/std';
import { decodeMessage, raftpb, type Message } from '@quorate/wire';
import { admit } from '../admission.ts';
import { textOf } from '../errors.ts';
import { readLength } from '../frames/frame-buffer.ts';
import { lengthBytes } from '../frames/message-frames.ts';
import { headers, incompatibility } from '../names.ts';
import { peerLimits, type PeerSettings } from '../options.ts';
import { refusal, wrongMethod, type PeerAnswer } from './answers.ts';
import { learnSender, refusedMessage, type SurfacePeers } from './raft-surface.ts';

/** Snapshots on their way in, counted so that they cannot fill the disk side by side. */
export class SnapshotSurface {
  readonly #settings: PeerSettings;
  readonly #peers: SurfacePeers;
  #receiving = 0;

  constructor(settings: PeerSettings, peers: SurfacePeers) {
    this.#settings = settings;
    this.#peers = peers;
  }

  /** Answers `/raft/snapshot`: a message frame, and behind it the store to the end of the body. */
  async answer(request: IncomingMessage): Promise<PeerAnswer> {
    if (request.method !== 'POST') return wrongMethod('POST');
    const { host } = this.#settings;
    const own = { [headers.clusterId]: idToHex(host.clusterId) };
    const problem = incompatibility(request, host);
    if (problem !== undefined) return refusal(412, problem, own);
    learnSender(request, this.#peers);
    if (this.#receiving >= peerLimits.snapshotsReceived) return refusal(503, 'too many snapshots', own);
    this.#receiving++;
    try {
      return await this.#receive(request, own);
    } finally {
      this.#receiving--;
    }
  }

  async #receive(request: IncomingMessage, own: Readonly<Record<string, string>>): Promise<PeerAnswer> {
    const { host, maxSnapshotMessageBytes } = this.#settings;
    const body = new BodyReader(request);
    let message: Message;
    try {
      message = await readSnapshotMessage(body, maxSnapshotMessageBytes);
    } catch (error) {
      return refusal(400, `failed to decode raft message (${textOf(error)})`, own);
    }
    if (message.type !== raftpb.MessageType.MsgSnap) return refusal(400, 'wrong raft message type', own);
    const admission = admit(message, host);
    if (admission.kind === 'refused') {
      return refusedMessage(admission.text, `failed to process raft message (${admission.text})`, own);
    }
    // A snapshot from nobody, or one without what it is a snapshot of, is of no use to anybody.
    if (admission.kind === 'ignored' || message.snapshot === undefined) {
      return refusal(400, 'failed to decode raft message (no snapshot)', own);
    }
    return this.#store(message, body, own);
  }

  async #store(
    message: Message,
    body: BodyReader,
    own: Readonly<Record<string, string>>,
  ): Promise<PeerAnswer> {
    const { clock, host, observer } = this.#settings;
    const startMs = clock.now();
    let ok = false;
    observer.onSnapshotReceiving?.({ from: message.from });
    try {
      await host.receiveSnapshot(message, body.rest());
      ok = true;
      return { status: 204, headers: own, body: '' };
    } catch (error) {
      return refusal(500, `failed to save KV snapshot (${textOf(error)})`, own);
    } finally {
      const seconds = (clock.now() - startMs) / 1000;
      observer.onSnapshotReceived?.({ from: message.from, ok, seconds, bytes: body.restBytes });
    }
  }
}

/** Reads the message before the store, whose length is believed only after the check. */
async function readSnapshotMessage(body: BodyReader, maxBytes: number): Promise<Message> {
  const head = await body.read(lengthBytes);
  if (head.length === 0) throw new Error('EOF');
  if (head.length < lengthBytes) throw new Error('unexpected EOF');
  const length = readLength(head, 0);
  if (length > maxBytes) throw new Error('rafthttp: error limit exceeded');
  const bytes = await body.read(length);
  if (bytes.length < length) throw new Error('unexpected EOF');
  return decodeMessage(bytes);
}

/** A body that is read in parts: so many bytes first, then the rest as it comes. */
class BodyReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #left: Buffer = Buffer.alloc(0);
  /** How many bytes of the rest were given out. */
  restBytes = 0;

  constructor(request: IncomingMessage) {
    // The stream holds no encoding, so its chunks are Buffers. Leaving early must not end the connection.
    const body = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /** The next bytes, as bytes of their own; fewer when the body ends before. */
  async read(count: number): Promise<Uint8Array> {
    const parts: Buffer[] = [this.#left];
    let size = this.#left.length;
    while (size < count) {
      const next = await this.#chunks.next();
      if (next.done === true) break;
      parts.push(next.value);
      size += next.value.length;
    }
    const all = parts.length === 1 ? this.#left : Buffer.concat(parts, size);
    this.#left = all.subarray(count);
    return copyBytes(all.subarray(0, count));
  }

  /** What was not read yet, chunk by chunk. Throws when the connection ends before the body does. */
  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#left.length > 0) {
      this.restBytes += this.#left.length;
      yield this.#left;
    }
    for (;;) {
      const next = await this.#chunks.next();
      if (next.done === true) return;
      this.restBytes += next.value.length;
      yield next.value;
    }
  }
}
