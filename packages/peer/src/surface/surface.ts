import type { IncomingMessage, ServerResponse } from 'node:http';
import { textOf } from '../errors.ts';
import { paths } from '../names.ts';
import type { PeerSettings } from '../options.ts';
import { notFound, refusal, writeAnswer, type PeerAnswer } from './answers.ts';
import { BodyBudget } from './body.ts';
import {
  answerDowngradeEnabled,
  answerHashKv,
  answerMembers,
  answerProbe,
  answerPromotion,
  answerRenewal,
  answerTimeToLive,
  answerVersion,
} from './question-surface.ts';
import { answerPost, answerStream, type SurfacePeers } from './raft-surface.ts';
import { SnapshotSurface } from './snapshot-surface.ts';

/** Answers what other members ask at the peer port, out of the host. Knows nothing of listeners. */
export class PeerSurface {
  readonly #settings: PeerSettings;
  readonly #peers: SurfacePeers;
  readonly #snapshots: SnapshotSurface;
  readonly #budget: BodyBudget;
  readonly #requests = new Set<IncomingMessage>();
  readonly #transfers = new Set<Promise<void>>();

  constructor(settings: PeerSettings, peers: SurfacePeers) {
    this.#settings = settings;
    this.#peers = peers;
    this.#snapshots = new SnapshotSurface(settings, peers);
    this.#budget = new BodyBudget(settings.maxMessageBytes);
  }

  /** Answers one request, or keeps its connection as a stream. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    request.on('error', () => {}); // Whoever reads the body hears of it there.
    response.on('error', () => {}); // The other side is gone; so is the need for an answer.
    watchForStall(request, this.#settings.readTimeoutMs);
    const answering = this.#handle(request, response).catch(() => void response.destroy());
    this.#requests.add(request);
    if (request.url === paths.snapshot) this.#transfers.add(answering);
    void answering.finally(() => {
      this.#requests.delete(request);
      this.#transfers.delete(answering);
    });
  }

  /** Ends every request, and waits until the host has let go of snapshots that were on their way. */
  async close(): Promise<void> {
    for (const request of this.#requests) request.destroy();
    await Promise.allSettled(this.#transfers);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    const answer = await this.#answerSafely(path, request, response);
    if (answer === undefined) return;
    if (answer.status >= 400) {
      this.#settings.observer.onRefused?.({
        remoteAddress: request.socket.remoteAddress,
        path,
        status: answer.status,
        reason: typeof answer.body === 'string' ? answer.body.trim() : '',
      });
    }
    writeAnswer(request, response, answer);
  }

  async #answerSafely(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<PeerAnswer | undefined> {
    try {
      return await this.#answer(path, request, response);
    } catch (error) {
      this.#settings.observer.onHostError?.(error);
      return refusal(500, textOf(error));
    }
  }

  #answer(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): PeerAnswer | undefined | Promise<PeerAnswer> {
    const settings = this.#settings;
    switch (path) {
      case paths.raft:
        return answerPost(request, settings, this.#peers, this.#budget);
      case paths.snapshot:
        return this.#snapshots.answer(request);
      case paths.probing:
        return answerProbe(settings);
      case paths.members:
        return answerMembers(request, settings);
      case paths.hashKv:
        return answerHashKv(request, settings, this.#budget);
      case paths.leases:
        return answerRenewal(request, settings, this.#budget);
      case paths.leasesInternal:
        return answerTimeToLive(request, settings, this.#budget);
      case paths.version:
        return answerVersion(request, settings);
      case paths.downgradeEnabled:
        return answerDowngradeEnabled(request, settings);
      default:
    }
    if (path.startsWith(paths.stream)) {
      return answerStream(request, response, path, settings, this.#peers);
    }
    if (path.startsWith(paths.promote)) return answerPromotion(request, path, settings);
    return notFound;
  }
}

/** Cuts a connection whose request stays incomplete while nothing comes; our own slowness does not count. */
function watchForStall(request: IncomingMessage, timeoutMs: number): void {
  const { headers, socket } = request;
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return;
  request.once('end', () => socket.setTimeout(0));
  request.setTimeout(timeoutMs, () => {
    if (request.complete) return;
    if (request.readableLength > 0) socket.setTimeout(timeoutMs);
    else socket.destroy();
  });
}
