import type { IncomingHttpHeaders } from 'node:http';
import { code, RestError } from './status.ts';

/** What of a request's head goes along with its call. */
export interface RequestMetadata {
  readonly metadata: ReadonlyMap<string, string>;
  /** After which nobody waits any more; undefined without a deadline. */
  readonly timeoutMs: number | undefined;
}

/** Headers with this prefix are metadata as they are. */
const metadataPrefix = 'grpc-metadata-';
/** The others that go along have this in front, so that they can't be taken for something else. */
const gatewayPrefix = 'grpcgateway-';

/** Headers that say something about a request, and not about its connection, as grpc-gateway lists them. */
const forwarded: ReadonlySet<string> = new Set([
  ...['accept', 'accept-charset', 'accept-language', 'accept-ranges', 'authorization', 'cache-control'],
  ...['content-type', 'cookie', 'date', 'expect', 'from', 'host', 'if-match', 'if-modified-since'],
  ...['if-none-match', 'if-schedule-tag-match', 'if-unmodified-since', 'max-forwards', 'origin', 'pragma'],
  ...['referer', 'user-agent', 'via', 'warning'],
]);

/** The caller's trace (W3C Trace Context), whose names in a call are the same. */
const ofTraces: ReadonlySet<string> = new Set(['traceparent', 'tracestate']);

/** What headers say to a call. @throws RestError where one of them makes no sense */
export function requestMetadata(headers: IncomingHttpHeaders): RequestMetadata {
  const metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    const first = typeof value === 'string' ? value : value[0];
    if (first === undefined) continue;
    if (name.startsWith(metadataPrefix)) addMetadata(metadata, name.slice(metadataPrefix.length), first);
    else if (ofTraces.has(name)) metadata.set(name, first);
    else if (forwarded.has(name)) metadata.set(`${gatewayPrefix}${name}`, first);
  }
  // Whoever answers knows by it that no certificate says who this is (advisory CVE-2018-16886).
  metadata.set(`${gatewayPrefix}accept`, headers.accept ?? '*/*');
  if (headers.authorization !== undefined) metadata.set('authorization', headers.authorization);
  return { metadata, timeoutMs: timeoutOf(headers['grpc-timeout']) };
}

function addMetadata(metadata: Map<string, string>, key: string, value: string): void {
  // These are of gRPC's own, or say what only this end of a call may say.
  if (key === '' || key.startsWith('grpc-') || key.startsWith(gatewayPrefix)) return;
  // Of values in binary there is none that etcd knows; they would not be text.
  if (!key.endsWith('-bin')) metadata.set(key, value);
}

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Longest time that a timer can be set to. */
const timeoutMaxMs = 2 ** 31 - 1;

function timeoutOf(header: string | readonly string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const text = String(header);
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  const factor = unitMs[unit];
  if (digits === undefined || factor === undefined) {
    throw new RestError(code.INVALID_ARGUMENT, `invalid grpc-timeout: ${text}`);
  }
  return Math.min(Number(digits) * factor, timeoutMaxMs);
}
