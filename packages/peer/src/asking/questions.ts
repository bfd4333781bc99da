import { clampCount, copyBytes, idToHex } from '@quorate/std';
import { leasepb, rpcpb } from '@quorate/wire';
import { PeerError, textOf } from '../errors.ts';
import { hashKvQuestion, parseHashKv, parseMembers, parseVersions } from '../json.ts';
import { headers, paths } from '../names.ts';
import { peerLimits } from '../options.ts';
import type { DialOptions } from '../outgoing/dialling.ts';
import type { PeerHashKv, PeerLease, PeerMember, PeerVersions } from '../types.ts';
import { ask, refusalOf, type Answer, type Question } from './request.ts';

/** Whom to ask, and how long to wait. */
export interface Asking extends DialOptions {
  /** Base URLs of one member, the best first. */
  readonly urls: readonly string[];
  /** As long as for the answer, where it is left out. */
  readonly dialTimeoutMs?: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const protobuf = { 'Content-Type': 'application/protobuf' };

/** @throws PeerError */
export async function askVersions(asking: Asking): Promise<PeerVersions> {
  return parseVersions(accepted(await askAny(asking, { method: 'GET', path: paths.version })).body);
}

/** @throws PeerError */
export async function askHashKv(
  asking: Asking,
  { clusterId, revision }: { readonly clusterId: bigint; readonly revision: number },
): Promise<PeerHashKv> {
  const answer = await askAny(asking, {
    method: 'GET',
    path: paths.hashKv,
    headers: { 'Content-Type': 'application/json', [headers.clusterId]: idToHex(clusterId) },
    body: Buffer.from(hashKvQuestion(revision)),
  });
  return parseHashKv(accepted(answer).body, revision);
}

/** @throws PeerError */
export async function askPromotion(asking: Asking, id: bigint): Promise<readonly PeerMember[]> {
  const path = `${paths.promote}${BigInt.asUintN(64, id)}`;
  return parseMembers(accepted(await askAny(asking, { method: 'POST', path })).body);
}

/** The TTL in seconds; undefined when there is no such lease. @throws PeerError */
export async function askRenewal(asking: Asking, id: bigint): Promise<number | undefined> {
  const request = rpcpb.LeaseKeepAliveRequest.encode({ ID: BigInt.asIntN(64, id) }).finish();
  const answer = await askAny(asking, {
    method: 'POST',
    path: paths.leases,
    headers: protobuf,
    body: request,
  });
  if (isNoLease(answer)) return undefined;
  const { ID, TTL } = decoded(() => rpcpb.LeaseKeepAliveResponse.decode(accepted(answer).body));
  if (ID !== BigInt.asIntN(64, id)) throw otherLease();
  return clampCount(TTL);
}

/** Undefined when there is no such lease. @throws PeerError */
export async function askTimeToLive(
  asking: Asking,
  { id, keys }: { readonly id: bigint; readonly keys: boolean },
): Promise<PeerLease | undefined> {
  const LeaseTimeToLiveRequest = { ID: BigInt.asIntN(64, id), keys };
  const answer = await askAny(asking, {
    method: 'POST',
    path: paths.leasesInternal,
    headers: protobuf,
    body: leasepb.LeaseInternalRequest.encode({ LeaseTimeToLiveRequest }).finish(),
  });
  if (isNoLease(answer)) return undefined;
  const lease = decoded(() => leasepb.LeaseInternalResponse.decode(accepted(answer).body));
  const { LeaseTimeToLiveResponse: response } = lease;
  if (response?.ID !== BigInt.asIntN(64, id)) throw otherLease();
  return {
    ttlSeconds: clampCount(response.TTL),
    grantedTtlSeconds: clampCount(response.grantedTTL),
    keys: response.keys.map(copyBytes),
  };
}

/** @throws PeerError */
export async function askDowngradeEnabled(asking: Asking): Promise<boolean> {
  const answer = accepted(await askAny(asking, { method: 'GET', path: paths.downgradeEnabled }));
  const text = Buffer.from(answer.body).toString('latin1').trim();
  if (text !== 'true' && text !== 'false') {
    throw new PeerError('PEER_BAD_ANSWER', { reason: 'neither true nor false' });
  }
  return text === 'true';
}

/** Asks one URL after the other until one can be reached; whatever it says is the answer. @throws PeerError */
export async function askAny(asking: Asking, question: Question): Promise<Answer> {
  let unreachable = new PeerError('PEER_UNREACHABLE', { reason: 'the member has no URL' });
  for (const url of asking.urls) {
    try {
      return await ask(url, question, {
        dialTimeoutMs: asking.timeoutMs,
        ...asking,
        maxBytes: peerLimits.answerBytes,
      });
    } catch (error) {
      if (!(error instanceof PeerError) || error.code !== 'PEER_UNREACHABLE') throw error;
      unreachable = error;
    }
  }
  throw unreachable;
}

/** An answer that is no refusal. @throws PeerError */
export function accepted(answer: Answer): Answer {
  if (answer.status !== 200) throw refusalOf(answer);
  return answer;
}

function isNoLease(answer: Answer): boolean {
  return answer.status === 404 && refusalOf(answer).reason === 'lease not found';
}

function otherLease(): PeerError {
  return new PeerError('PEER_BAD_ANSWER', { reason: 'an answer about another lease' });
}

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof PeerError) throw cause;
    throw new PeerError('PEER_BAD_ANSWER', { cause, reason: textOf(cause) });
  }
}
