import { RpcError, status } from '@quorate/rpc';
import type { Clock, Random } from '@quorate/std';
import { backOff } from './back-off.ts';
import { headerRevision } from './header-revision.ts';

/** How often each member is asked for what is not older than what was answered before. */
const roundsMax = 5;

export interface RevisionOrderOptions {
  readonly isKept: boolean;
  readonly endpoints: () => readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

/** Sees to it, where that is asked for, that no answer is of a revision before that of an answer given already. */
export class RevisionOrder {
  readonly #options: RevisionOrderOptions;
  #latest = 0n;

  constructor(options: RevisionOrderOptions) {
    this.#options = options;
  }

  /** Whether an answer of this revision may still be given. */
  allows(revision: bigint): boolean {
    return !this.#options.isKept || revision >= this.#latest;
  }

  /** Something of this revision is answered now. */
  note(revision: bigint): void {
    if (revision > this.#latest) this.#latest = revision;
  }

  /**
   * Reads, from one member after the other until one is not behind what had been answered before.
   *
   * @throws RpcError UNAVAILABLE when none is; what `ask` throws
   */
  async read(ask: (endpoint?: string) => Promise<Uint8Array>, signal: AbortSignal): Promise<Uint8Array> {
    if (!this.#options.isKept) return await ask();
    const floor = this.#latest;
    for (let attempt = 0; ; attempt++) {
      const endpoints = this.#options.endpoints();
      // First whoever is asked anyway, then each in turn.
      const response = await ask(attempt === 0 ? undefined : endpoints[attempt % endpoints.length]);
      const revision = headerRevision(response);
      if (revision >= floor) {
        this.note(revision);
        return response;
      }
      if (attempt === roundsMax * endpoints.length) throw noGreaterRevision();
      await backOff(Math.ceil((attempt + 1) / endpoints.length), { ...this.#options, signal });
      signal.throwIfAborted();
    }
  }
}

function noGreaterRevision(): RpcError {
  const text = 'etcdclient: no cluster members have a revision higher than the previously received revision';
  return new RpcError(status.UNAVAILABLE, text);
}
