import { encodeV2Store } from '@quorate/membership';
import type { PeerNetwork } from '@quorate/peer';
import type { RaftNode } from '@quorate/raft';
import type { StagedBackend } from '@quorate/std';
import type { Wal } from '@quorate/wal';
import type { ConfState, Message, Snapshot } from '@quorate/wire';
import type { MemberState } from './applier.ts';
import type { BackendWriter } from './backend-writer.ts';
import { openState } from './open-state.ts';
import type { FullOptions } from './options.ts';
import type { RaftDriver, SnapshotInstaller } from './raft-driver.ts';
import { SnapshotReceiver } from './snapshot-receiver.ts';
import { SnapshotSender, type StoreMoment } from './snapshot-sender.ts';
import { Snapshotter } from './snapshotter.ts';
import type { Applied, StateMachine } from './state-machine.ts';

export interface SnapshotsOptions {
  readonly options: FullOptions;
  readonly state: MemberState;
  readonly node: RaftNode;
  readonly wal: Wal;
  readonly network: PeerNetwork;
  readonly writer: BackendWriter;
  readonly driver: () => RaftDriver;
  readonly machine: () => StateMachine;
  /** Where the newest mark in the log is. */
  readonly markedIndex: number;
  readonly isStopped: () => boolean;
  /** A snapshot is in the place of the state: the index is applied. */
  readonly onInstalled: (index: number) => void;
  readonly onFatal: (error: unknown) => void;
}

/** All that has to do with snapshots: marks in the log, stores sent to others, and those that come in. */
export class Snapshots implements SnapshotInstaller {
  readonly #parts: SnapshotsOptions;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #snapshotter: Snapshotter;

  constructor(parts: SnapshotsOptions) {
    const { options, state, node, wal, network, writer, onFatal } = parts;
    const { disk, walDir, backend, clock, observer } = options;
    const dir = options.snapDir ?? `${walDir.replace(/\/?[^/]*$/, '')}/snap`;
    this.#parts = parts;
    this.#sender = new SnapshotSender({
      node,
      network,
      clock,
      takeMoment: () => this.takeMoment(),
      wake: () => parts.driver().wake(),
      onSent: (event) => observer?.onSnapshotSent?.(event),
      onFatal,
    });
    this.#receiver = new SnapshotReceiver({
      disk,
      dir,
      backend,
      openState: (stage: StagedBackend) => openState(options, stage),
      step: (message) => this.#step(message),
    });
    this.#snapshotter = new Snapshotter({
      wal,
      disk,
      snapDir: dir,
      maxSnapFiles: options.maxSnapFiles,
      membershipData: () => encodeV2Store(state.membership),
      isLogNeeded: () => this.#sender.needsLog,
      writer,
      saveMark: (mark) => parts.driver().saveSnapshotMark(mark),
      markedIndex: parts.markedIndex,
      snapshotCount: options.snapshotCount,
      catchUpEntries: options.snapshotCatchUpEntries,
      maxWals: options.maxWals,
      compactRaft: (index) => node.compact(index),
      isStopped: parts.isStopped,
      onSnapshot: (event) => observer?.onSnapshot?.(event),
      onFatal,
    });
  }

  /** Removes what a crash has left. */
  open(): Promise<void> {
    return this.#receiver.open();
  }

  /** For raft: the snapshot to send, when there is one; see `RaftOptions.takeSnapshot`. */
  take(): Snapshot | undefined {
    return this.#sender.take();
  }

  /** Sends the MsgSnap that raft made of `take`. */
  send(message: Message): void {
    this.#sender.send(message);
  }

  /** Takes in a store from the leader; see `PeerHost.receiveSnapshot`. */
  receive(message: Message, db: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#receiver.receive(message, db);
  }

  async seal(snapshot: Snapshot): Promise<void> {
    await this.#receiver.seal(snapshot);
    await this.#snapshotter.saveInstalled(snapshot);
  }

  async install(snapshot: Snapshot): Promise<void> {
    const { options, writer, machine, onInstalled } = this.#parts;
    const { clock, observer } = options;
    const startedAtMs = clock.now();
    await writer.suspend();
    // The new state reads from its stage, so it takes over before the backend switches: the old one would read
    // rows that are not its own. What a crash leaves of this is installed at the next start.
    machine().install(snapshot, this.#receiver.stateOf(snapshot));
    try {
      await this.#receiver.install(snapshot);
    } catch (error) {
      writer.abandon(error);
      throw error;
    }
    writer.resume();
    this.#snapshotter.onInstalled(snapshot.index);
    onInstalled(snapshot.index);
    observer?.onSnapshotInstalled?.({ index: snapshot.index, durationMs: clock.now() - startedAtMs });
  }

  /** The store with all that is applied by the time it is taken, and what raft says of that moment. */
  async takeMoment(): Promise<StoreMoment> {
    const { state, writer, machine } = this.#parts;
    const frozen = await writer.freeze((): Snapshot => {
      const { applied, confState } = machine();
      return { ...applied, confState, data: encodeV2Store(state.membership) };
    });
    return { snapshot: frozen.description, store: frozen.store };
  }

  /** Entries were applied; the log gets a mark when there were enough. */
  afterApply(applied: Applied, confState: ConfState): void {
    this.#snapshotter.afterApply(applied, confState);
  }

  tick(nowMs: number): void {
    this.#sender.tick(nowMs);
  }

  /** Takes and gives nothing any more; resolves when what was coming in is given up. */
  close(): Promise<void> {
    this.#sender.close();
    return this.#receiver.close();
  }

  /** Whether raft takes the snapshot: then its next Ready installs it. */
  #step(message: Message): boolean {
    const { node, driver, isStopped } = this.#parts;
    if (isStopped()) return false;
    node.step(message);
    driver().wake();
    return node.pendingSnapshotIndex === message.snapshot?.index;
  }
}
