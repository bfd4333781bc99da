import type { IncomingMessage } from 'node:http';
import { idToHex } from '@quorate/std';
import { leasepb, rpcpb } from '@quorate/wire';
import { codeOf, textOf } from '../errors.ts';
import { hashKvJson, membersJson, parseHashKvQuestion, versionsJson } from '../json.ts';
import { headers, headerOf, paths } from '../names.ts';
import { peerLimits, type PeerSettings } from '../options.ts';
import type { PeerHost } from '../types.ts';
import { jsonRefusal, refusal, success, wrongMethod, type PeerAnswer } from './answers.ts';
import { BodyError, readBody, type BodyBudget } from './body.ts';

/** What members ask each other beside raft. Texts are etcd's: the asking member acts on some of them. */

const unreadable = refusal(400, 'error unmarshalling request');
const noLease = refusal(404, 'lease not found');

/** Answers `/raft/probing`, by whatever method. */
export function answerProbe({ clock }: PeerSettings): PeerAnswer {
  const health = { OK: true, Now: new Date(clock.wallMs()).toISOString() };
  return success('text/plain; charset=utf-8', `${JSON.stringify(health)}\n`);
}

export function answerVersion(request: IncomingMessage, { host }: PeerSettings): PeerAnswer {
  if (request.method !== 'GET') return wrongMethod('GET');
  return success('application/json', versionsJson(host.versions()));
}

export function answerMembers(request: IncomingMessage, { host }: PeerSettings): PeerAnswer {
  if (request.method !== 'GET') return wrongMethod('GET');
  return success('application/json', membersJson(host.members()), clusterHeader(host));
}

/** What the leader says when it cannot promote; the asking member looks for these words. */
const promotionRefusals: Readonly<Record<string, readonly [number, string]>> = {
  MEMBER_NOT_FOUND: [404, 'membership: ID not found'],
  MEMBER_NOT_LEARNER: [412, 'membership: can only promote a learner member'],
  LEARNER_NOT_READY: [412, 'etcdserver: can only promote a learner member which is in sync with leader'],
};

/** Answers `/members/promote/<id>`, the ID being decimal. */
export async function answerPromotion(
  request: IncomingMessage,
  path: string,
  { host }: PeerSettings,
): Promise<PeerAnswer> {
  if (request.method !== 'POST') return wrongMethod('POST');
  const own = clusterHeader(host);
  const text = path.slice(paths.promote.length);
  const id = /^\d{1,20}$/.test(text) ? BigInt(text) : undefined;
  if (id === undefined || BigInt.asUintN(64, id) !== id) {
    return refusal(404, `member ${text} not found in cluster`, own);
  }
  try {
    return success('application/json', membersJson(await host.promoteMember(id)), own);
  } catch (error) {
    const known = promotionRefusals[codeOf(error) ?? ''];
    return known === undefined ? jsonRefusal(500, textOf(error), own) : refusal(...known, own);
  }
}

const hashRefusals: Readonly<Record<string, string>> = {
  MVCC_COMPACTED: 'mvcc: required revision has been compacted',
  MVCC_FUTURE_REVISION: 'mvcc: required revision is a future revision',
};

/** Answers `/members/hashkv`: a GET with a body. */
export async function answerHashKv(
  request: IncomingMessage,
  { host }: PeerSettings,
  budget: BodyBudget,
): Promise<PeerAnswer> {
  if (request.method !== 'GET') return wrongMethod('GET');
  const clusterId = headerOf(request, headers.clusterId);
  if (clusterId !== undefined && clusterId !== idToHex(host.clusterId)) {
    return refusal(412, 'cluster ID mismatch');
  }
  const body = await readQuestion(request, budget);
  if ('status' in body) return body;
  const revision = parseHashKvQuestion(body.bytes);
  if (revision === undefined) return unreadable;
  try {
    return success('application/json', hashKvJson(await host.hashKv(revision)), clusterHeader(host));
  } catch (error) {
    const known = hashRefusals[codeOf(error) ?? ''];
    return known === undefined ? refusal(500, textOf(error)) : refusal(400, known);
  }
}

/** Answers `/leases`: the renewal of a lease. */
export async function answerRenewal(
  request: IncomingMessage,
  { host }: PeerSettings,
  budget: BodyBudget,
): Promise<PeerAnswer> {
  if (request.method !== 'POST') return wrongLeaseMethod;
  const body = await readQuestion(request, budget);
  if ('status' in body) return body;
  const question = decoded(() => rpcpb.LeaseKeepAliveRequest.decode(body.bytes));
  if (question === undefined) return unreadable;
  try {
    const ttlSeconds = await host.renewLease(question.ID);
    const answer = { header: undefined, ID: question.ID, TTL: BigInt(Math.trunc(ttlSeconds)) };
    return success('application/protobuf', rpcpb.LeaseKeepAliveResponse.encode(answer).finish());
  } catch (error) {
    return leaseRefusal(error);
  }
}

/** Answers `/leases/internal`: how long a lease still lives. */
export async function answerTimeToLive(
  request: IncomingMessage,
  { host }: PeerSettings,
  budget: BodyBudget,
): Promise<PeerAnswer> {
  if (request.method !== 'POST') return wrongLeaseMethod;
  const body = await readQuestion(request, budget);
  if ('status' in body) return body;
  const question = decoded(() => leasepb.LeaseInternalRequest.decode(body.bytes).LeaseTimeToLiveRequest);
  if (question === undefined) return unreadable;
  try {
    const lease = await host.leaseTimeToLive(question.ID, { keys: question.keys });
    if (lease === undefined) return noLease;
    const LeaseTimeToLiveResponse = {
      header: rpcpb.ResponseHeader.create(),
      ID: question.ID,
      TTL: BigInt(Math.trunc(lease.ttlSeconds)),
      grantedTTL: BigInt(Math.trunc(lease.grantedTtlSeconds)),
      keys: [...lease.keys],
    };
    return success(
      'application/protobuf',
      leasepb.LeaseInternalResponse.encode({ LeaseTimeToLiveResponse }).finish(),
    );
  } catch (error) {
    return leaseRefusal(error);
  }
}

/** Go's handler of leases names no allowed method. */
const wrongLeaseMethod = refusal(405, 'Method Not Allowed');

function leaseRefusal(error: unknown): PeerAnswer {
  const code = codeOf(error);
  if (code === 'LEASE_NOT_FOUND') return noLease;
  if (code === 'REPLICA_APPLY_TIMEOUT') {
    return refusal(408, 'waiting for node to catch up its applied index has timed out');
  }
  return refusal(500, textOf(error));
}

/** Answers `/downgrade/enabled`. */
export async function answerDowngradeEnabled(
  request: IncomingMessage,
  { host }: PeerSettings,
): Promise<PeerAnswer> {
  if (request.method !== 'GET') return wrongMethod('GET');
  try {
    return success('text/plain', String(await host.isDowngradeEnabled()), clusterHeader(host));
  } catch (error) {
    return refusal(500, `failed linearized read: ${textOf(error)}`, clusterHeader(host));
  }
}

function clusterHeader(host: PeerHost): Record<string, string> {
  return { [headers.clusterId]: idToHex(host.clusterId) };
}

async function readQuestion(
  request: IncomingMessage,
  budget: BodyBudget,
): Promise<{ readonly bytes: Uint8Array } | PeerAnswer> {
  try {
    return { bytes: await readBody(request, { maxBytes: peerLimits.questionBytes, budget }) };
  } catch (error) {
    const isTooLarge = error instanceof BodyError && error.code === 'BODY_TOO_LARGE';
    return isTooLarge ? refusal(413, textOf(error)) : refusal(400, 'error reading body');
  }
}

function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined; // The answer says so.
  }
}
