import type { Timer } from '@quorate/std';
import { PeerError, textOf } from '../errors.ts';
import { paths } from '../names.ts';
import { peerLimits, type PeerSettings } from '../options.ts';
import { ConnectionPool } from '../outgoing/dialling.ts';
import type { UrlPicker } from '../outgoing/url-picker.ts';
import { ask, refusalOf } from './request.ts';

/** Asks a member every four seconds how far away it and its clock are. */
export class Prober {
  readonly #peerId: bigint;
  readonly #settings: PeerSettings;
  readonly #urls: UrlPicker;
  readonly #pool = new ConnectionPool({ maxSockets: 1 });
  readonly #closing = new AbortController();
  #timer: Timer | undefined;

  constructor(peerId: bigint, settings: PeerSettings, urls: UrlPicker) {
    this.#peerId = peerId;
    this.#settings = settings;
    this.#urls = urls;
  }

  start(): void {
    this.#timer = this.#settings.clock.after(peerLimits.probeIntervalMs, () => void this.#probe());
  }

  close(): void {
    this.#timer?.cancel();
    this.#closing.abort(new PeerError('PEER_CLOSED'));
    this.#pool.destroy();
  }

  async #probe(): Promise<void> {
    const { clock, observer } = this.#settings;
    const url = this.#urls.pick();
    try {
      if (url === undefined) throw new PeerError('PEER_UNREACHABLE', { reason: 'the member has no URL' });
      const startMs = clock.now();
      const theirMs = await this.#askTime(url);
      const roundTripMs = clock.now() - startMs;
      observer.onRoundTrip?.({ to: this.#peerId, seconds: roundTripMs / 1000 });
      // They looked at their clock about half a round trip ago.
      const driftMs = theirMs + roundTripMs / 2 - clock.wallMs();
      if (Math.abs(driftMs) > peerLimits.clockDriftMs) {
        observer.onClockDrift?.({ peer: this.#peerId, driftMs });
      }
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      observer.onProbeFailure?.({ to: this.#peerId, reason: textOf(error) });
    }
    if (!this.#closing.signal.aborted) this.start();
  }

  async #askTime(url: string): Promise<number> {
    const answer = await ask(
      url,
      { method: 'GET', path: paths.probing },
      {
        pool: this.#pool,
        tls: this.#settings.tls,
        localAddress: this.#settings.localAddress,
        dialTimeoutMs: this.#settings.dialTimeoutMs,
        timeoutMs: this.#settings.readTimeoutMs,
        maxBytes: peerLimits.questionBytes,
        signal: this.#closing.signal,
      },
    );
    if (answer.status !== 200) throw refusalOf(answer);
    const health: unknown = JSON.parse(Buffer.from(answer.body).toString('utf8'));
    const now =
      typeof health === 'object' && health !== null && 'Now' in health ? Date.parse(String(health.Now)) : NaN;
    if (Number.isNaN(now)) throw new PeerError('PEER_BAD_ANSWER', { reason: 'no time' });
    return now;
  }
}
