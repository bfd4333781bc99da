import { isEventStream, StreamOfEvents } from './event-stream.ts';
import { failureOf, type Exchange } from './exchange.ts';
import { Pieces } from './pieces.ts';
import { bytesFormOf } from './query.ts';
import type { Reply } from './reply.ts';
import { bodyMessages, firstOf } from './request-messages.ts';
import type { RestError } from './status.ts';
import { Talk } from './talk.ts';

/** How messages are set apart from each other. */
export interface Framing {
  readonly contentType: string;
  /** What stands before the JSON of a message, and behind it. */
  around(message: Uint8Array): readonly [before: string, behind: string];
  /** The last that is said of a call that failed. */
  failure(error: RestError): string;
}

const lines: Framing = {
  contentType: 'application/json',
  around: () => ['{"result":', '}\n'],
  failure: (error) => `${JSON.stringify(error.line)}\n`,
};

/** Messages of a body in, a line for each answer out, each as soon as there is one. */
export async function serveStream(exchange: Exchange, reply: Reply): Promise<void> {
  const { route, request, call, settings, query } = exchange;
  const { request: shape, response, clientStreams } = route.method;
  const bytesForm = bytesFormOf(query);
  const form = { shape, bytesForm, maxMessageBytes: settings.maxMessageBytes };
  const events = isEventStream(request) ? new StreamOfEvents(exchange, form) : undefined;
  const framing: Framing = events ?? lines;
  const requests = events?.requests() ?? bodyMessages(request, form);
  // One request is read before the call is made, as for a call with one answer.
  const talk = new Talk(exchange, clientStreams ? requests : [await firstOf(requests)]);
  call.signal.throwIfAborted();
  reply.waitsForEvents();
  const pieces = new Pieces(settings.clock);
  try {
    for await (const message of talk.answers()) {
      reply.begin(framing.contentType);
      const [before, behind] = framing.around(message);
      let text = before;
      for await (const piece of pieces.of(response, message, { bytes: bytesForm, escapesHtml: true })) {
        text += piece.isLast ? piece.json + behind : piece.json;
        if (!reply.write(text)) await reply.drained(settings.stallTimeoutMs);
        text = '';
      }
      if (call.signal.aborted) break;
    }
    reply.end();
  } catch (error) {
    const failure = failureOf(error, exchange);
    if (reply.isBegun) reply.end(framing.failure(failure));
    else reply.failStream(failure);
    request.resume();
  }
}
