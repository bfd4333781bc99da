import { CompactedError, type WatchBatch, type WatchCanceledError, type WatchEvent } from '@quorate/client';
import { rpcpb, type mvccpb } from '@quorate/wire';
import type { ByteString } from '../byte-string.ts';
import type { Paint } from '../colour.ts';
import { omitEmpty, type JsonValue } from '../go/json.ts';
import { headerFields, headerJson, kvFields, kvJson, simpleKv, type SimpleOptions } from './kv.ts';
import type { Printout } from './printout.ts';

/** How events are printed in the simple format: `paint` is for the lines that say what happened. */
export interface WatchOptions extends SimpleOptions {
  readonly paint: Paint;
}

/** Events as they came together; of word of progress, which has none, the header. */
export function watchPrintout(batch: WatchBatch, options: WatchOptions): Printout {
  const { header, events } = batch;
  return {
    simple: () => events.map((event) => simpleEvent(event, options)).join(''),
    fields: () => headerFields(header) + events.map(eventFields).join(''),
    json: () => ({
      Header: headerJson(header),
      Events: events.map(eventJson),
      CompactRevision: 0,
      Canceled: false,
      Created: false,
    }),
    protobuf: () => {
      const response = { ...rpcpb.WatchResponse.create(), header, events: events.map(eventMessage) };
      return rpcpb.WatchResponse.encode(response).finish();
    },
  };
}

/**
 * Word of the server that it ended a watch. Of one that it refused from the start, etcdctl shows neither header
 * nor list of events.
 */
export function watchCanceledPrintout(error: WatchCanceledError): Printout {
  const compacted = error instanceof CompactedError;
  const header = compacted ? error.header : rpcpb.ResponseHeader.create();
  const compactRevision = compacted ? error.compactRevision : 0n;
  return {
    simple: () => '',
    fields: () => headerFields(header),
    json: () => ({
      Header: headerJson(header),
      Events: compacted ? [] : null,
      CompactRevision: compactRevision,
      Canceled: true,
      Created: false,
    }),
    protobuf: () => {
      const response = { ...rpcpb.WatchResponse.create(), header, compactRevision, canceled: true };
      return rpcpb.WatchResponse.encode(response).finish();
    },
  };
}

/** The name of an event's type. */
export function eventType(event: WatchEvent): string {
  return event.type.toUpperCase();
}

function simpleEvent(event: WatchEvent, options: WatchOptions): ByteString {
  const before = event.prevKv === undefined ? '' : simpleKv(event.prevKv, options);
  const type = options.paint(event.type === 'put' ? 'green' : 'red', eventType(event));
  return `${type}\n${before}${simpleKv(event.kv, options)}`;
}

function eventFields(event: WatchEvent): ByteString {
  const before = event.prevKv === undefined ? '' : kvFields(event.prevKv, 'Prev');
  return `"Type" : ${eventType(event)}\n${before}${kvFields(event.kv)}`;
}

function eventJson(event: WatchEvent): JsonValue {
  const { type, kv, prevKv } = eventMessage(event);
  return omitEmpty({ type, kv: kv && kvJson(kv), prev_kv: prevKv && kvJson(prevKv) });
}

function eventMessage({ type, kv, prevKv }: WatchEvent): mvccpb.Event {
  return { type: type === 'put' ? 0 : 1, kv, prevKv };
}
