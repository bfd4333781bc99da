import type { Exchange } from './exchange.ts';
import { Pieces } from './pieces.ts';
import { bytesFormOf } from './query.ts';
import type { Reply } from './reply.ts';
import { bodyMessages, firstOf } from './request-messages.ts';

/** One message, one answer; without a body the message is one in which nothing is said. @throws RestError */
export async function serveUnary(
  { route, request, call, settings, query }: Exchange,
  reply: Reply,
): Promise<void> {
  const { path, request: shape, response } = route.method;
  const bytesForm = bytesFormOf(query);
  const { maxMessageBytes } = settings;
  const message = await firstOf(bodyMessages(request, { shape, bytesForm, maxMessageBytes }));
  request.resume();
  call.signal.throwIfAborted();
  const answer = await settings.backend.unary(path, message, call);
  const form = { bytes: bytesForm, escapesHtml: false };
  for await (const piece of new Pieces(settings.clock).of(response, answer, form)) {
    if (piece.isLast && !reply.isBegun) return reply.message(piece.json);
    reply.begin('application/json');
    if (!reply.write(piece.json)) await reply.drained(settings.stallTimeoutMs);
    if (call.signal.aborted) return;
  }
  reply.end();
}
