import type { HeaderList } from '@quorate/http2';

/** How the messages of a call are compressed. */
export type Encoding = 'identity' | 'gzip' | 'deflate' | 'unknown';

/** What the header of a request says, as far as a transport has to know. */
export interface RequestHead {
  readonly path: string;
  readonly method: string;
  /** Whether it is a call of gRPC, as etcd tells them apart; `typeProblem` is why it is none that anybody answers. */
  readonly isCall: boolean;
  readonly typeProblem: string | undefined;
  readonly encoding: Encoding;
  /** From now on; Infinity when the call may take any time, NaN for what is no time, as `timeoutProblem` says. */
  readonly timeoutMs: number;
  readonly timeoutProblem: string | undefined;
  readonly clientApiVersion: string;
}

/** The head of a request; that of one which comes again and again is made once. */
export function headOf(header: HeaderList): RequestHead {
  if (header.note !== undefined) return header.note as RequestHead; // Nobody else writes there.
  const contentType = header.value('content-type') ?? '';
  const timeout = header.value('grpc-timeout');
  const timeoutMs = timeoutMsOf(timeout);
  const head: RequestHead = {
    path: header.value(':path') ?? '',
    method: header.value(':method') ?? '',
    isCall: contentType.startsWith('application/grpc'),
    typeProblem: /^application\/grpc($|[+;])/.test(contentType)
      ? undefined
      : `invalid gRPC request content-type ${JSON.stringify(contentType)}`,
    encoding: encodingOf(header.value('grpc-encoding')),
    timeoutMs,
    timeoutProblem: Number.isNaN(timeoutMs) ? timeoutProblemOf(timeout ?? '') : undefined,
    clientApiVersion: header.value('client-api-version') ?? '',
  };
  header.note = head;
  return head;
}

function encodingOf(name: string | undefined): Encoding {
  if (name === undefined || name === 'identity') return 'identity';
  return name === 'gzip' || name === 'deflate' ? name : 'unknown';
}

/** Units of a timeout, in milliseconds (gRPC over HTTP/2, "Timeout"). */
const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** At most eight digits and a unit. */
function timeoutMsOf(text: string | undefined): number {
  if (text === undefined) return Infinity;
  const unit = unitMs[text.slice(-1)];
  const digits = text.slice(0, -1);
  if (unit === undefined || !/^\d{1,8}$/.test(digits)) return NaN;
  return Number(digits) * unit;
}

/** In the words of gRPC for Go, which are etcd's. */
function timeoutProblemOf(text: string): string {
  const quoted = JSON.stringify(text);
  if (text.length < 2) return `transport: timeout string is too short: ${quoted}`;
  if (text.length > 9) return `transport: timeout string is too long: ${quoted}`;
  if (unitMs[text.slice(-1)] === undefined) return `transport: timeout unit is not recognized: ${quoted}`;
  return `strconv.ParseUint: parsing ${JSON.stringify(text.slice(0, -1))}: invalid syntax`;
}
