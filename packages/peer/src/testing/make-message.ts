import { emptyBytes } from '@quorate/std';
import type { Message } from '@quorate/wire';

/** A message with every field that `fields` leaves out empty. */
export function makeMessage(fields: Pick<Message, 'type' | 'to' | 'from'> & Partial<Message>): Message {
  return {
    term: 0,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    vote: 0n,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: emptyBytes,
    responses: [],
    ...fields,
  };
}
