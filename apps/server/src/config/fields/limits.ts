import { duration, integer } from '../field.ts';

/** Limits of what one client can do to all others. etcd has no flags for these. */
export const limitFields = {
  maxConcurrentCalls: integer(32_768, {
    flag: 'max-concurrent-calls',
    section: 'member',
    own: true,
    min: 1,
    description: 'Calls that all client connections together may have at once.',
  }),
  maxHeaderBytes: integer(32_768, {
    flag: 'max-header-bytes',
    section: 'member',
    own: true,
    min: 1,
    max: 65_535,
    description: 'Bytes of the metadata of a gRPC call, names and values, tokens included.',
  }),
  maxStreamResets: integer(100, {
    flag: 'max-stream-resets',
    section: 'member',
    own: true,
    min: 1,
    max: 1_000_000,
    description: 'Calls that a client connection may give up in a second; ten times as many at once.',
  }),
  maxOverheadRate: integer(65_536, {
    flag: 'max-overhead-rate',
    section: 'member',
    own: true,
    min: 1,
    description:
      'Bytes in a second that a client connection may send beyond its calls (pings, settings and the like); four times as many at once.',
  }),
  maxUnfinishedBytes: integer(268_435_456, {
    flag: 'max-unfinished-bytes',
    section: 'member',
    own: true,
    min: 1,
    description: 'Bytes of requests that are not whole yet, of all clients together.',
  }),
  requestBodyTimeoutMs: duration('1m', {
    flag: 'request-body-timeout',
    section: 'member',
    own: true,
    description: 'Time in which a gRPC request has to be whole; 0 is for ever.',
  }),
  maxUntakenBytes: integer(1_073_741_824, {
    flag: 'max-untaken-bytes',
    section: 'member',
    own: true,
    min: 1,
    description: 'Bytes of responses that clients have not taken yet, of all clients together.',
  }),
};
