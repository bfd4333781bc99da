import type { PeerHost } from '@quorate/peer';
import type { Message } from '@quorate/wire';
import { crc32c } from '@quorate/std';
import { decodeMessage, encodeMessage, raftpb } from '@quorate/wire';
import type { Chance } from './chance.ts';
import type { NetworkTroubles } from './network-troubles.ts';
import type { SimProcess } from './process.ts';
import type { Timeline } from './timeline.ts';

/** A member that can be reached: one life of it. */
export interface Endpoint {
  /** The machine's name, which partitions know. */
  readonly machine: string;
  readonly process: SimProcess;
  readonly host: PeerHost;
  /** Others that wrote to it, and can be answered even if it does not know them as members yet. */
  readonly correspondents: Set<bigint>;
  /** Since when messages from and to another member have been flowing. */
  readonly activeSince: Map<bigint, number>;
  /** When the last message to another member arrives, so that those that are not late keep their order. */
  readonly lastArrival: Map<bigint, number>;
}

/** An endpoint that nobody has written to yet. */
export function newEndpoint(of: Pick<Endpoint, 'machine' | 'process' | 'host'>): Endpoint {
  return { ...of, correspondents: new Set(), activeSince: new Map(), lastArrival: new Map() };
}

/** Sees each message that is about to arrive. */
export type MessageListener = (message: Message, from: Endpoint, to: Endpoint) => void;

/**
 * The wires between machines: knows who is where, and carries bytes. Two members never share memory: a message is
 * encoded when it is sent and decoded for each copy that arrives.
 */
export class Wires {
  readonly timeline: Timeline;
  readonly troubles: NetworkTroubles;
  readonly chance: Chance;
  readonly #endpoints = new Map<bigint, Endpoint>();
  /** Sees each message that leaves a member. */
  onSend: ((message: Message, from: Endpoint) => void) | undefined;
  onDeliver: MessageListener | undefined;

  constructor(timeline: Timeline, troubles: NetworkTroubles, chance: Chance) {
    this.timeline = timeline;
    this.troubles = troubles;
    this.chance = chance;
  }

  attach(endpoint: Endpoint): void {
    this.#endpoints.set(endpoint.host.id, endpoint);
  }

  detach(endpoint: Endpoint): void {
    if (this.#endpoints.get(endpoint.host.id) === endpoint) this.#endpoints.delete(endpoint.host.id);
  }

  /** The life of that member that can be reached now, if there is one. */
  endpoint(id: bigint): Endpoint | undefined {
    const found = this.#endpoints.get(id);
    return found === undefined || found.process.isGone ? undefined : found;
  }

  /** For how long the member has been heard; undefined while it is not. */
  activeForMs(from: Endpoint, id: bigint): number | undefined {
    const since = from.activeSince.get(id);
    return since === undefined ? undefined : this.timeline.nowMs - since;
  }

  send(from: Endpoint, message: Message): void {
    const bytes = encodeMessage(message);
    this.timeline.trace.number(crc32c(bytes));
    this.onSend?.(message, from);
    const drawn = this.troubles.copies();
    // Raft's messages may come twice, but for proposals: a connection delivers what was written to it once.
    const copies = message.type === raftpb.MessageType.MsgProp ? Math.min(drawn, 1) : drawn;
    if (copies === 0) return this.#lost(from, message.to, 0.1);
    for (let copy = 0; copy < copies; copy++) {
      const delay = this.troubles.delay();
      const delayMs = delay.isLate ? delay.ms : this.#inOrder(from, message.to, delay.ms);
      this.timeline.after(delayMs, `msg ${nameOf(message.type)}`, () =>
        this.#arrive(from, message.to, bytes),
      );
    }
  }

  /** The member cannot be reached: the sender is told, mostly. */
  lost(from: Endpoint, id: bigint): void {
    this.#lost(from, id, 0.6);
  }

  #inOrder({ lastArrival }: Endpoint, to: bigint, delayMs: number): number {
    const arrivalMs = Math.max(this.timeline.nowMs + delayMs, (lastArrival.get(to) ?? 0) + 0.001);
    lastArrival.set(to, arrivalMs);
    return arrivalMs - this.timeline.nowMs;
  }

  #arrive(from: Endpoint, id: bigint, bytes: Uint8Array): void {
    const to = this.endpoint(id);
    if (to === undefined || this.troubles.isCut(from.machine, to.machine)) return this.lost(from, id);
    if (to.process.isAsleep) {
      // It waits in the receiver's socket.
      to.process.later(0, 'msg', () => this.#handOver(from, to, bytes));
    } else {
      this.#handOver(from, to, bytes);
    }
  }

  #handOver(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    this.timeline.touch(to.process);
    const message = decodeMessage(bytes);
    // As the receiver of a removed member's stream does: it is told so, and its message goes nowhere.
    if (to.host.isRemoved(message.from)) {
      const { process, host } = from;
      if (!process.isGone) process.later(this.troubles.delay().ms, 'msg removed', () => host.onRemoved());
      return;
    }
    if (from.host.clusterId !== to.host.clusterId) return;
    to.correspondents.add(message.from);
    this.#noteActive(to, message.from);
    this.#noteActive(from, message.to);
    this.onDeliver?.(message, from, to);
    to.host.receive(message);
  }

  #noteActive({ activeSince }: Endpoint, id: bigint): void {
    if (!activeSince.has(id)) activeSince.set(id, this.timeline.nowMs);
  }

  #lost(from: Endpoint, id: bigint, toldRate: number): void {
    from.activeSince.delete(id);
    if (!this.chance.happens(toldRate) || from.process.isGone) return;
    from.process.later(this.troubles.delay().ms, 'msg unreachable', () => from.host.reportUnreachable(id));
  }
}

const names = new Map(
  Object.entries(raftpb.MessageType).map(([name, type]) => [Number(type), name] as [number, string]),
);

function nameOf(type: number): string {
  return names.get(type) ?? String(type);
}
