import type { StreamType } from './names.ts';

/** What a transport tells whoever keeps metrics or writes a log. None of it may throw. */
export interface PeerObserver {
  /** Bytes of streams and posts; our link heartbeats are not among them. */
  onSent?(event: { readonly to: bigint; readonly bytes: number }): void;
  onReceived?(event: { readonly from: bigint; readonly bytes: number }): void;
  /** Messages to a member were lost: a queue was full, a stream broke, a post failed. */
  onSendFailure?(event: { readonly to: bigint; readonly reason: string }): void;
  /** A stream ended, brought what is no message, or could not be opened: up to 20 times a second while one is away. */
  onReceiveFailure?(event: { readonly from: bigint; readonly reason: string }): void;
  /** Messages flow to and from the member, or no longer do. */
  onActive?(event: { readonly peer: bigint }): void;
  onInactive?(event: { readonly peer: bigint; readonly reason: string }): void;
  /** A stream was opened; `outgoing` ones carry our messages. */
  onStreamOpened?(event: StreamEvent): void;
  onStreamClosed?(event: StreamEvent & { readonly reason: string }): void;
  onRoundTrip?(event: { readonly to: bigint; readonly seconds: number }): void;
  /** The other clock is further away than a second; positive when it is ahead of ours. */
  onClockDrift?(event: { readonly peer: bigint; readonly driftMs: number }): void;
  onProbeFailure?(event: { readonly to: bigint; readonly reason: string }): void;
  onSnapshotSending?(event: { readonly to: bigint }): void;
  onSnapshotSent?(event: SnapshotEvent & { readonly to: bigint }): void;
  onSnapshotReceiving?(event: { readonly from: bigint }): void;
  onSnapshotReceived?(event: SnapshotEvent & { readonly from: bigint }): void;
  /** A request to the peer port was answered with a refusal. */
  onRefused?(event: {
    readonly remoteAddress: string | undefined;
    readonly path: string;
    readonly status: number;
    readonly reason: string;
  }): void;
  /** The host threw while it took a message. */
  onHostError?(error: unknown): void;
}

/** A stream of one type between this member and another one. */
export interface StreamEvent {
  readonly peer: bigint;
  readonly type: StreamType;
  readonly direction: 'incoming' | 'outgoing';
}

/** How the transfer of a snapshot ended. */
export interface SnapshotEvent {
  readonly ok: boolean;
  readonly seconds: number;
  /** Of the store; the message before it is not counted. */
  readonly bytes: number;
}
