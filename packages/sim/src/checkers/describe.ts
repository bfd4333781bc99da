import { unreachable } from '@quorate/std';
import type { KeyValue, Operation, Outcome, Request, Response, WatchEvent } from '../history/types.ts';

const textLengthMax = 40;

/** A key or value in quotes, other bytes than printable ASCII escaped, long ones cut. */
export function quote(bytes: string): string {
  const cut = bytes.length > textLengthMax ? bytes.slice(0, textLengthMax) : bytes;
  const text = cut.replace(
    /[^\x20-\x7e]|["\\]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return bytes.length > textLengthMax ? `"${text}…" (${bytes.length} bytes)` : `"${text}"`;
}

/** A key-value in one line; "nothing" for none. */
export function textOfKeyValue(kv: KeyValue | undefined): string {
  if (kv === undefined) return 'nothing';
  const lease = kv.lease === 0n ? '' : ` lease ${kv.lease}`;
  return `${quote(kv.key)}=${quote(kv.value)} (create ${kv.createRevision}, mod ${kv.modRevision}, version ${kv.version}${lease})`;
}

/** An event in one line. */
export function textOfEvent({ type, kv }: WatchEvent): string {
  return type === 'put' ? `put ${textOfKeyValue(kv)}` : `delete ${quote(kv.key)} (mod ${kv.modRevision})`;
}

/** An operation in one line, with its times and outcome. */
export function textOfOperation(operation: Operation): string {
  const { id, client, calledAt, returnedAt } = operation;
  const until = returnedAt === Infinity ? 'never returned' : `returned ${returnedAt}`;
  return `#${id} ${textOfRequest(operation.request)} by client ${client} [called ${calledAt}, ${until}] -> ${textOfOutcome(operation.outcome)}`;
}

/** A request in a few words. */
export function textOfRequest(request: Request): string {
  switch (request.kind) {
    case 'range':
      return `range ${textOfKeys(request)}${(request.revision ?? 0) > 0 ? ` at revision ${request.revision}` : ''}${request.serializable === true ? ' serializable' : ''}`;
    case 'put':
      return `put ${quote(request.key)}=${quote(request.value)}${(request.lease ?? 0n) === 0n ? '' : ` with lease ${request.lease}`}`;
    case 'deleteRange':
      return `delete ${textOfKeys(request)}`;
    case 'txn':
      return `txn of ${request.compare.length} compares [${request.success.map(textOfRequest).join('; ')}] else [${request.failure.map(textOfRequest).join('; ')}]`;
    case 'compact':
      return `compact at ${request.revision}`;
    case 'leaseGrant':
      return `grant lease ${request.id} for ${request.ttlSeconds} s`;
    case 'leaseRevoke':
      return `revoke lease ${request.id}`;
    case 'leaseKeepAlive':
      return `keep lease ${request.id} alive`;
    case 'leaseTimeToLive':
      return `time to live of lease ${request.id}`;
    default:
      return unreachable(request);
  }
}

function textOfKeys({ key, rangeEnd }: { readonly key: string; readonly rangeEnd?: string }): string {
  if (rangeEnd === undefined || rangeEnd === '') return quote(key);
  return rangeEnd === '\0' ? `[${quote(key)}, …)` : `[${quote(key)}, ${quote(rangeEnd)})`;
}

function textOfOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'ok':
      return `revision ${outcome.revision}, ${textOfResponse(outcome.response)}`;
    case 'refused':
      return `refused (${outcome.message ?? outcome.code})`;
    case 'unknown':
      return 'unknown';
    default:
      return unreachable(outcome);
  }
}

function textOfResponse(response: Response): string {
  switch (response.kind) {
    case 'range':
      return response.kvs.length === 1 && response.count === 1
        ? textOfKeyValue(response.kvs[0])
        : `${response.kvs.length} of ${response.count} key-values`;
    case 'put':
      return response.prevKv === undefined ? 'done' : `before: ${textOfKeyValue(response.prevKv)}`;
    case 'deleteRange':
      return `${response.deleted} deleted`;
    case 'txn':
      return `${response.succeeded ? 'succeeded' : 'failed'} [${response.responses.map(textOfResponse).join('; ')}]`;
    case 'leaseGrant':
      return `lease ${response.id} for ${response.ttlSeconds} s`;
    case 'leaseKeepAlive':
    case 'leaseTimeToLive':
      return `TTL ${response.ttlSeconds} s`;
    case 'compact':
    case 'leaseRevoke':
      return 'done';
    default:
      return unreachable(response);
  }
}
