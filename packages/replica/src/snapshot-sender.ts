import type { PeerNetwork } from '@quorate/peer';
import type { RaftNode } from '@quorate/raft';
import { invariant, type BackendSnapshot, type Clock } from '@quorate/std';
import type { Message, Snapshot } from '@quorate/wire';
import { exportStore } from './store-export.ts';

/** The store as of an applied entry. */
export interface StoreMoment {
  /** What raft says of it: index, term, configuration, and the membership for members of etcd 3.5 to 3.7. */
  readonly snapshot: Snapshot;
  readonly store: BackendSnapshot;
}

export interface SnapshotSenderOptions {
  readonly node: RaftNode;
  readonly network: PeerNetwork;
  readonly clock: Clock;
  /** Resolves to the store as of an entry applied meanwhile. */
  readonly takeMoment: () => Promise<StoreMoment>;
  readonly wake: () => void;
  readonly onSent: (event: { readonly to: bigint; readonly index: number; readonly error?: unknown }) => void;
  readonly onFatal: (error: unknown) => void;
}

/** How long after a snapshot was sent the log is kept from there on, so that its receiver need no second one. */
const keepLogMs = 30_000;
/** How long a moment nobody asked for again is kept. */
const keepMomentMs = 5_000;

/**
 * Sends the whole store to members that need entries which are gone from the log. The moment is taken off the
 * path of requests, and raft, which asks again, gets it when it is there. Sending reads a frozen view in
 * chunks, at the receiver's pace: the leader goes on meanwhile.
 */
export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  #moment: StoreMoment | undefined;
  #takenAtMs = 0;
  #isTaking = false;
  #sendingCount = 0;
  #lastSentAtMs = -Infinity;
  #isClosed = false;

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
  }

  /** Whether entries in memory must stay, for members that are getting a snapshot or just got one. */
  get needsLog(): boolean {
    const { clock } = this.#options;
    return (
      this.#moment !== undefined ||
      this.#isTaking ||
      this.#sendingCount > 0 ||
      clock.now() - this.#lastSentAtMs < keepLogMs
    );
  }

  /** What raft sends; undefined while there is nothing yet. Raft asks again at the follower's next sign of life. */
  readonly take = (): Snapshot | undefined => {
    const { node } = this.#options;
    if (this.#isClosed) return undefined;
    const snapshot = this.#moment?.snapshot;
    if (snapshot !== undefined && node.termAt(snapshot.index) === snapshot.term) return snapshot;
    this.#prepare();
    return undefined;
  };

  /** Sends what raft made of the last `take`. */
  send(message: Message): void {
    const { node, network, onSent } = this.#options;
    const moment = this.#moment;
    invariant(message.snapshot !== undefined, 'a MsgSnap has a snapshot');
    const { index } = message.snapshot;
    if (moment === undefined || moment.snapshot.index !== index)
      return node.reportSnapshot(message.to, false);
    this.#moment = undefined; // The next one that needs a snapshot gets a newer one.
    this.#sendingCount++;
    this.#stream(message, moment, network)
      .then(
        () => {
          this.#lastSentAtMs = this.#options.clock.now();
          onSent({ to: message.to, index });
          return true;
        },
        (error: unknown) => {
          onSent({ to: message.to, index, error });
          return false;
        },
      )
      .then((isSent) => {
        this.#sendingCount--;
        if (this.#isClosed) return;
        node.reportSnapshot(message.to, isSent);
        this.#options.wake();
      })
      .catch(this.#options.onFatal);
  }

  /** Lets go of a moment that nobody sends. Called on every tick. */
  tick(nowMs: number): void {
    if (this.#moment !== undefined && nowMs - this.#takenAtMs > keepMomentMs) this.#drop();
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  async #stream(message: Message, moment: StoreMoment, network: PeerNetwork): Promise<void> {
    const { clock } = this.#options;
    const yieldToLoop = (): Promise<void> => new Promise((resolve) => clock.soon(resolve));
    try {
      const file = await exportStore(moment.store, { yieldToLoop });
      await network.sendSnapshot(message, file.chunks());
    } finally {
      await moment.store[Symbol.asyncDispose]();
    }
  }

  #prepare(): void {
    if (this.#isTaking) return;
    this.#drop();
    this.#isTaking = true;
    this.#options
      .takeMoment()
      .then((moment) => {
        this.#isTaking = false;
        this.#moment = moment;
        this.#takenAtMs = this.#options.clock.now();
        if (this.#isClosed) this.#drop();
      })
      .catch((error: unknown) => {
        this.#isTaking = false;
        if (!this.#isClosed) this.#options.onFatal(error);
      });
  }

  #drop(): void {
    const moment = this.#moment;
    this.#moment = undefined;
    if (moment !== undefined) dispose(moment).catch(() => {}); // It only pins what could be freed.
  }
}

async function dispose({ store }: StoreMoment): Promise<void> {
  await store[Symbol.asyncDispose]();
}
