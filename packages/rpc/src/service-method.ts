import type { Caller } from '@quorate/auth';
import type { Answer, Call, StreamCall } from './transport.ts';

/**
 * A method as a service has it: who calls it is known, and may. For some that depends on what is asked for; these pass
 * the caller on to the member (`enforcedBy` of `rpcRules`).
 */
export type ServiceMethod =
  | {
      readonly kind: 'unary';
      readonly handler: (request: Uint8Array, call: Call, caller: Caller) => Answer;
    }
  | {
      readonly kind: 'stream';
      readonly clientStreams: boolean;
      readonly serverStreams: boolean;
      /** As of a `Method`. */
      readonly isOpenEnded?: boolean;
      /** A token that does not hold ends no call here: its caller is one who is disproved, and is told so in the stream. */
      readonly takesDisproved?: boolean;
      readonly handler: (call: StreamCall, caller: Caller) => Promise<void>;
    };
