import { mvccpb, rpcpb } from '@quorate/wire';

/** What a watcher wants to be sent of its events. */
export interface ResponseShape {
  readonly watchId: bigint;
  readonly prevKv: boolean;
  readonly skipsPuts: boolean;
  readonly skipsDeletes: boolean;
  /** Whether responses that are too large may be split. */
  readonly fragment: boolean;
}

/** As a member's with the default of --max-request-bytes: from this encoded size on a response is split. */
const fragmentBytes = 1_572_864 + 512 * 1024;

/**
 * The events of one response of a member, which many watchers get. Each shape of it is encoded once, whoever many
 * watchers it is sent to: all that watch alike on streams of their own have the same ID there.
 */
export class EventBatch {
  readonly header: rpcpb.ResponseHeader | undefined;
  readonly #events: readonly mvccpb.Event[];
  readonly #encoded = new Map<string, readonly Uint8Array[]>();

  constructor({ header, events }: rpcpb.WatchResponse) {
    this.header = header;
    this.#events = events;
  }

  get size(): number {
    return this.#events.length;
  }

  /** Of its last event; 0 when there is none. */
  get lastRevision(): bigint {
    return this.#events.at(-1)?.kv?.modRevision ?? 0n;
  }

  /** The responses for a watcher that has everything before `firstRevision`; none when nothing is left for it. */
  responses(firstRevision: bigint, shape: ResponseShape): readonly Uint8Array[] {
    const skipped = this.#events.findIndex(({ kv }) => (kv?.modRevision ?? 0n) >= firstRevision);
    if (skipped === -1) return [];
    const { watchId, prevKv, skipsPuts, skipsDeletes, fragment } = shape;
    const key = [watchId, skipped, prevKv, skipsPuts, skipsDeletes, fragment].join();
    let encoded = this.#encoded.get(key);
    if (encoded === undefined) {
      encoded = this.#encode(this.#wanted(skipped, shape), shape);
      this.#encoded.set(key, encoded);
    }
    return encoded;
  }

  #wanted(skipped: number, { prevKv, skipsPuts, skipsDeletes }: ResponseShape): readonly mvccpb.Event[] {
    const isWhole = skipped === 0 && prevKv && !skipsPuts && !skipsDeletes;
    if (isWhole) return this.#events;
    return this.#events
      .slice(skipped)
      .filter(({ type }) => (type === mvccpb.Event_EventType.DELETE ? !skipsDeletes : !skipsPuts))
      .map((event) => (prevKv ? event : { ...event, prevKv: undefined }));
  }

  #encode(events: readonly mvccpb.Event[], { watchId, fragment }: ResponseShape): readonly Uint8Array[] {
    if (events.length === 0) return [];
    const whole = encodeResponse({ header: this.header, watchId, events: [...events] });
    if (!fragment || whole.length < fragmentBytes || events.length === 1) return [whole];
    const pieces = split(events);
    return pieces.map((piece, i) =>
      encodeResponse({ header: this.header, watchId, events: piece, fragment: i < pieces.length - 1 }),
    );
  }
}

/** A response of which only this is not empty. */
export function encodeResponse(response: Partial<rpcpb.WatchResponse>): Uint8Array {
  return rpcpb.WatchResponse.encode({ ...rpcpb.WatchResponse.create(), ...response }).finish();
}

/** Runs of events that are small enough together; an event that is not by itself is alone. */
function split(events: readonly mvccpb.Event[]): mvccpb.Event[][] {
  const pieces: mvccpb.Event[][] = [];
  let bytes = Infinity;
  for (const event of events) {
    const size = mvccpb.Event.encode(event).finish().length;
    if (bytes + size >= fragmentBytes) {
      pieces.push([]);
      bytes = 0;
    }
    bytes += size;
    pieces.at(-1)?.push(event);
  }
  return pieces;
}
