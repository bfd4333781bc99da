import { fromUtf8 } from '@quorate/std';
import { MemberJsonError } from './errors.ts';
import { goJson, parseLosslessJson, type GoJson } from './lossless-json.ts';

/** What a member publishes about itself once it has started. */
export interface MemberAttributes {
  readonly name: string;
  readonly clientUrls: readonly string[];
}

/** A member of the cluster. */
export interface Member extends MemberAttributes {
  readonly id: bigint;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

/** One of the first members of a cluster; its name is known from the configuration. */
export interface NewMember {
  readonly id: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
}

/** The context of a configuration change: the member it is about, and whether it is its promotion. */
export interface MemberContext extends Member {
  readonly isPromote: boolean;
}

/** Whether a member has published its name, hence was up once. */
export function isStarted(member: Pick<Member, 'name'>): boolean {
  return member.name !== '';
}

/** A row of bucket `members`, and the context of a change that adds or updates a member. */
export function encodeMember(member: Member): Uint8Array {
  return fromUtf8(goJson(memberJson(member)));
}

/** The context of a change that promotes a learner: nothing but who, as etcd writes it. */
export function encodePromotion(id: bigint): Uint8Array {
  return fromUtf8(goJson({ id, peerURLs: null, isPromote: true }));
}

/** What follows the ID in etcd's JSON; what is empty there is left out, but for the peer URLs. */
function memberJson({ id, peerUrls, isLearner, name, clientUrls }: Member): GoJson {
  return {
    id,
    peerURLs: peerUrls.length === 0 ? null : peerUrls,
    isLearner: isLearner || undefined,
    name: name === '' ? undefined : name,
    clientURLs: clientUrls.length === 0 ? undefined : clientUrls,
  };
}

/** Reads what `encodeMember` or `encodePromotion` wrote, here or in etcd. @throws MemberJsonError */
export function decodeMember(json: Uint8Array): MemberContext {
  const fields = recordOf(parseLosslessJson(json));
  return {
    id: idOf(fields['id']),
    peerUrls: textsOf(fields['peerURLs']),
    isLearner: flagOf(fields['isLearner']),
    name: textOf(fields['name']),
    clientUrls: textsOf(fields['clientURLs']),
    isPromote: flagOf(fields['isPromote']),
  };
}

/** An object's properties. @throws MemberJsonError */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MemberJsonError('not a JSON object');
  }
  return { ...value };
}

/** An unsigned integer of 64 bits; 0 when absent. @throws MemberJsonError */
export function idOf(value: unknown): bigint {
  if (value === undefined || value === null) return 0n;
  if (typeof value !== 'bigint' || BigInt.asUintN(64, value) !== value) {
    throw new MemberJsonError('an ID is no unsigned 64-bit integer');
  }
  return value;
}

/** A list; empty when absent or null. @throws MemberJsonError */
export function listOf<T>(value: unknown, itemOf: (item: unknown) => T): T[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new MemberJsonError('not a JSON array');
  return value.map(itemOf);
}

/** A text; empty when absent. @throws MemberJsonError */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new MemberJsonError('not a JSON string');
  return value;
}

/** A flag; false when absent. @throws MemberJsonError */
export function flagOf(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw new MemberJsonError('not a JSON boolean');
  return value;
}

function textsOf(value: unknown): string[] {
  return listOf(value, textOf);
}
