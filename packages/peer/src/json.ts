import { PeerError } from './errors.ts';
import type { PeerHashKv, PeerMember, PeerVersions } from './types.ts';

/**
 * JSON as members speak it among themselves. IDs are bare numbers of 64 bits there, which `JSON.parse` alone
 * would round to 53.
 */

/** The text of `/members`, with Go's line break at the end. */
export function membersJson(members: readonly PeerMember[]): string {
  return `[${members.map(memberJson).join(',')}]\n`;
}

function memberJson({ id, peerUrls, isLearner, name, clientUrls }: PeerMember): string {
  // What `attributes` leaves out when it is empty is left out here, too.
  const attributes = JSON.stringify({
    peerURLs: peerUrls,
    isLearner: isLearner ? true : undefined,
    name: name === '' ? undefined : name,
    clientURLs: clientUrls.length === 0 ? undefined : clientUrls,
  });
  return `{"id":${BigInt.asUintN(64, id)},${attributes.slice(1)}`;
}

/** Reads what `/members` says. @throws PeerError */
export function parseMembers(body: Uint8Array): PeerMember[] {
  const value = parse(body);
  if (!Array.isArray(value)) throw badJson('no list of members');
  return value.map(parseMember);
}

function parseMember(value: unknown): PeerMember {
  const member = objectOf(value);
  const id = member['id'];
  if (typeof id !== 'bigint') throw badJson('a member without an ID');
  return {
    id: BigInt.asUintN(64, id),
    peerUrls: textsOf(member['peerURLs']),
    clientUrls: textsOf(member['clientURLs']),
    name: textOf(member['name']),
    isLearner: member['isLearner'] === true,
  };
}

/** The text of `/version`. */
export function versionsJson({ server, cluster, storage }: PeerVersions): string {
  return JSON.stringify({ etcdserver: server, etcdcluster: cluster, storage });
}

/** Reads what `/version` says. @throws PeerError */
export function parseVersions(body: Uint8Array): PeerVersions {
  const { etcdserver, etcdcluster, storage } = objectOf(parse(body));
  if (typeof etcdserver !== 'string' || typeof etcdcluster !== 'string') throw badJson('no versions');
  return {
    server: etcdserver,
    cluster: etcdcluster,
    ...(typeof storage === 'string' ? { storage } : {}),
  };
}

/** The text of the question of `/members/hashkv`, as Go leaves out a zero. */
export function hashKvQuestion(revision: number): string {
  return revision === 0 ? '{}' : `{"revision":${revision}}`;
}

/** Reads the question of `/members/hashkv`; undefined when it is none. */
export function parseHashKvQuestion(body: Uint8Array): number | undefined {
  try {
    return countOf(objectOf(parse(body))['revision']);
  } catch {
    return undefined;
  }
}

/** The text of `/members/hashkv`. */
export function hashKvJson({ revision, hash, compactRevision, hashRevision }: PeerHashKv): string {
  return JSON.stringify({
    header: { revision },
    hash,
    compact_revision: compactRevision,
    hash_revision: hashRevision,
  });
}

/**
 * Reads what `/members/hashkv` says. Members of 3.5 do not say which revision they hashed: the one asked for, or
 * the current one. @throws PeerError
 */
export function parseHashKv(body: Uint8Array, asked: number): PeerHashKv {
  const answer = objectOf(parse(body));
  const revision = countOf(objectOf(answer['header'])['revision']);
  return {
    revision,
    hash: countOf(answer['hash']),
    compactRevision: countOf(answer['compact_revision']),
    hashRevision: countOf(answer['hash_revision']) || asked || revision,
  };
}

/** A value with its integers as bigints, whatever their size. @throws PeerError */
function parse(body: Uint8Array): unknown {
  try {
    // TypeScript's library lacks the third argument, the source text of a number (ECMAScript 2026).
    const reviver = exactIntegers as (name: string, value: unknown) => unknown;
    return JSON.parse(Buffer.from(body).toString('utf8'), reviver);
  } catch (cause) {
    throw badJson('no JSON', cause);
  }
}

function exactIntegers(_name: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number') return value;
  return /^-?\d{1,20}$/.test(context.source ?? '') ? BigInt(context.source ?? '') : value;
}

/** A count; 0 where it was left out. @throws PeerError */
function countOf(value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) throw badJson('no number');
  // Beyond 2^53 lies no revision, so a bound there is as good as the exact number.
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number(value), Number.MAX_SAFE_INTEGER));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badJson('no object');
  return Object.assign(Object.create(null) as Record<string, unknown>, value);
}

function badJson(reason: string, cause?: unknown): PeerError {
  return new PeerError('PEER_BAD_ANSWER', { reason, cause });
}
