import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Message } from '@quorate/wire';
import { openRequest, readAll, refusalOf } from '../asking/request.ts';
import { PeerError, textOf } from '../errors.ts';
import { encodeMessageFrames } from '../frames/message-frames.ts';
import { identityHeaders, paths } from '../names.ts';
import { peerLimits, type PeerSettings } from '../options.ts';

/** A snapshot on its way to a member. */
export interface SnapshotTransfer {
  /** Undefined when nobody knows of one: the transfer fails, as all failing ones do. */
  readonly url: string | undefined;
  readonly message: Message;
  readonly db: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  readonly onBytes: (count: number) => void;
}

/**
 * Posts a MsgSnap with the store behind it, chunk by chunk as fast as the receiver takes them. Resolves when the
 * receiver says that it has stored all of it; `db` is ended in any case.
 *
 * @throws PeerError, or what `db` throws
 */
export async function postSnapshot(transfer: SnapshotTransfer, settings: PeerSettings): Promise<void> {
  const chunks = transfer.db[Symbol.asyncIterator]();
  let isFinished = false;
  let request: ClientRequest | undefined;
  try {
    transfer.signal.throwIfAborted();
    request = open(transfer, settings);
    const answer = answerTo(request, transfer.signal);
    request.write(encodeMessageFrames([transfer.message]));
    let ahead = chunks.next();
    for (;;) {
      const next = await Promise.race([ahead, answer]);
      // An answer before the end is a refusal, which `answerTo` throws, or an early success that is none.
      if (next === undefined) throw new PeerError('PEER_BAD_ANSWER', { reason: 'answered before the end' });
      if (next.done === true) break;
      transfer.onBytes(next.value.length);
      // The store is read while the socket drains; an error of it is met at the next turn.
      ahead = chunks.next();
      ahead.catch(() => {});
      if (!request.write(next.value)) await Promise.race([drained(request), answer]);
    }
    isFinished = true;
    request.end();
    request.setTimeout(settings.answerTimeoutMs);
    await answer;
  } catch (error) {
    request?.destroy();
    throw error;
  } finally {
    if (!isFinished) await endQuietly(chunks);
  }
}

function open({ url }: SnapshotTransfer, settings: PeerSettings): ClientRequest {
  if (url === undefined) throw new PeerError('PEER_UNREACHABLE', { reason: 'no such member' });
  return openRequest(
    url,
    {
      method: 'POST',
      path: paths.snapshot,
      headers: { ...identityHeaders(settings.host), 'Content-Type': 'application/octet-stream' },
    },
    {
      dialTimeoutMs: settings.dialTimeoutMs,
      timeoutMs: settings.writeTimeoutMs,
      tls: settings.tls,
      localAddress: settings.localAddress,
    },
  );
}

/** Resolves when the request takes more; how else it may end is for `answerTo` to say. */
function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => request.once('drain', resolve));
}

/** Resolves (to nothing) when the receiver has stored the snapshot; rejects on every other end of the request. */
async function answerTo(request: ClientRequest, signal: AbortSignal): Promise<undefined> {
  const onAbort = () => request.destroy(new PeerError('PEER_CLOSED'));
  signal.addEventListener('abort', onAbort, { once: true });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('timeout', () => request.destroy(new PeerError('PEER_TIMEOUT')));
    request.on('response', resolve);
    request.on('close', () => reject(new PeerError('PEER_UNREACHABLE', { reason: 'closed' })));
    request.on('error', (error) => {
      reject(
        error instanceof PeerError
          ? error
          : new PeerError('PEER_UNREACHABLE', { cause: error, reason: textOf(error) }),
      );
    });
  });
  const answered = response
    .then(async (message) => {
      const body = await readAll(message, peerLimits.questionBytes);
      const status = message.statusCode ?? 0;
      if (status !== 204) throw refusalOf({ status, message, body });
      return undefined;
    })
    .finally(() => signal.removeEventListener('abort', onAbort));
  // It may end while nobody waits for it yet; whoever waits later still gets the error.
  answered.catch(() => {});
  return answered;
}

/** Ends an iterator that was left early; how it takes that is of no interest to anybody any more. */
async function endQuietly(chunks: AsyncIterator<Uint8Array>): Promise<void> {
  try {
    await chunks.return?.();
  } catch {
    // The transfer has failed already, for a reason that is told.
  }
}
