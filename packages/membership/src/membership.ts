import { fromUtf8, idToHex, invariant, toUtf8 } from '@quorate/std';
import type { Backend, BackendRow, Bucket, BucketChanges } from '@quorate/std';
import type { MemberChange } from './conf-change.ts';
import {
  MemberExistsError,
  MemberNotFoundError,
  MemberNotLearnerError,
  MemberRemovedError,
  PeerUrlExistsError,
  TooManyLearnersError,
} from './errors.ts';
import { compareIds } from './ids.ts';
import { goJson, parseLosslessJson } from './lossless-json.ts';
import { decodeMember, encodeMember, flagOf, recordOf, textOf } from './member.ts';
import type { Member, MemberAttributes } from './member.ts';

/** A downgrade under way: the members may go down to this version. */
export interface Downgrade {
  /** `X.Y.0`; empty when there is no downgrade. */
  readonly targetVersion: string;
  readonly isEnabled: boolean;
}

/** What a configuration change came to, for those who keep connections to members. */
export type MembershipEvent =
  | { readonly kind: 'added'; readonly member: Member }
  | { readonly kind: 'promoted'; readonly member: Member }
  | { readonly kind: 'updated'; readonly member: Member }
  | { readonly kind: 'removed'; readonly member: Member };

/** The rows of the buckets that hold the membership. */
export type MembershipRows = Readonly<Record<MembershipBucket, readonly BackendRow[]>>;

/** The buckets that hold the membership. */
export type MembershipBucket = Extract<Bucket, 'members' | 'members_removed' | 'cluster'>;

/** etcd's default of `--max-learners`. */
export const defaultLearnerCountMax = 1;

const versionKey = fromUtf8('clusterVersion');
const downgradeKey = fromUtf8('downgrade');
const removedValue = fromUtf8('removed');
const noDowngrade: Downgrade = { targetVersion: '', isEnabled: false };

/**
 * Who belongs to the cluster, who once did, and what the members agreed on: a pure function of the log. Each
 * change is written down in etcd's formats at once.
 *
 * Invariants: no ID is both a member and removed; no two members share a peer URL after a change was let
 * through by `validate`. See `checkInvariants`.
 */
export class Membership {
  readonly #members = new Map<bigint, Member>();
  readonly #removed = new Set<bigint>();
  #clusterVersion: string | undefined;
  #downgrade: Downgrade = noDowngrade;

  /** Reads the membership of a store. @throws MemberJsonError */
  static async load(backend: Pick<Backend, 'scan'>): Promise<Membership> {
    const rowsOf = async (bucket: Bucket): Promise<BackendRow[]> => {
      const found: BackendRow[] = [];
      for await (const rows of backend.scan(bucket)) found.push(...rows);
      return found;
    };
    return Membership.restore({
      members: await rowsOf('members'),
      members_removed: await rowsOf('members_removed'),
      cluster: await rowsOf('cluster'),
    });
  }

  /** The membership that these rows describe. @throws MemberJsonError */
  static restore(rows: MembershipRows): Membership {
    const membership = new Membership();
    for (const [, value] of rows.members) {
      const { isPromote: _, ...member } = decodeMember(value);
      membership.#members.set(member.id, member);
    }
    for (const [key] of rows.members_removed) membership.#removed.add(BigInt(`0x${toUtf8(key)}`));
    for (const [key, value] of rows.cluster) membership.#restoreClusterRow(toUtf8(key), value);
    membership.checkInvariants();
    return membership;
  }

  #restoreClusterRow(key: string, value: Uint8Array): void {
    if (key === toUtf8(versionKey)) this.#clusterVersion = toUtf8(value);
    else if (key === toUtf8(downgradeKey)) this.#downgrade = decodeDowngrade(value);
  }

  /** All members, in the order of their IDs. */
  list(): Member[] {
    return [...this.#members.values()].sort((a, b) => compareIds(a.id, b.id));
  }

  /** The members that vote, in the order of their IDs. */
  voters(): Member[] {
    return this.list().filter((member) => !member.isLearner);
  }

  /** The members that do not vote yet, in the order of their IDs. */
  learners(): Member[] {
    return this.list().filter((member) => member.isLearner);
  }

  /** A member, undefined when there is none with this ID. */
  get(id: bigint): Member | undefined {
    return this.#members.get(id);
  }

  /** Whether a member with this ID was removed. */
  isRemoved(id: bigint): boolean {
    return this.#removed.has(id);
  }

  /** The IDs of removed members, ascending. */
  removedIds(): bigint[] {
    return [...this.#removed].sort(compareIds);
  }

  /** `X.Y.0`, the version whose features all members have; undefined until the members agreed on one. */
  get clusterVersion(): string | undefined {
    return this.#clusterVersion;
  }

  get downgrade(): Downgrade {
    return this.#downgrade;
  }

  /**
   * Whether a change may be made. The order of the checks decides which error a client sees; it is etcd's, with
   * one exception.
   *
   * @throws MemberRemovedError, MemberExistsError, PeerUrlExistsError, TooManyLearnersError,
   * MemberNotFoundError or MemberNotLearnerError
   * @throws MemberJsonError when the context of the change is none
   */
  validate(change: MemberChange, { learnerCountMax = defaultLearnerCountMax } = {}): void {
    if (this.#removed.has(change.nodeId)) throw new MemberRemovedError();
    const known = this.#members.get(change.nodeId);
    switch (change.type) {
      case 'addNode':
      case 'addLearner':
        this.#validateAddition(change, known, learnerCountMax);
        break;
      case 'removeNode':
        if (known === undefined) throw new MemberNotFoundError();
        break;
      case 'updateNode':
        if (known === undefined) throw new MemberNotFoundError();
        this.#validatePeerUrls(decodeMember(change.context).peerUrls, { exceptOf: known });
        break;
    }
  }

  #validateAddition(change: MemberChange, known: Member | undefined, learnerCountMax: number): void {
    const context = decodeMember(change.context);
    if (context.isPromote) {
      if (known === undefined) throw new MemberNotFoundError();
      if (!known.isLearner) throw new MemberNotLearnerError();
      return;
    }
    // URLs before the ID, unlike etcd: the ID of a member that is added twice depends on the second in which
    // that happens, and so would the answer. Both refuse, so the state is the same.
    this.#validatePeerUrls(context.peerUrls);
    if (known !== undefined) throw new MemberExistsError();
    const isLearner = context.isLearner && change.type === 'addLearner';
    if (isLearner && this.learners().length >= learnerCountMax) throw new TooManyLearnersError();
  }

  #validatePeerUrls(peerUrls: readonly string[], { exceptOf }: { exceptOf?: Member } = {}): void {
    for (const member of this.#members.values()) {
      if (member === exceptOf) continue;
      if (member.peerUrls.some((url) => peerUrls.includes(url))) throw new PeerUrlExistsError();
    }
  }

  /** Makes a change that `validate` let through, and writes it down. */
  apply(change: MemberChange, changes: BucketChanges): MembershipEvent {
    invariant(!this.#removed.has(change.nodeId), 'a removed member is never changed');
    switch (change.type) {
      case 'addNode':
      case 'addLearner':
        return this.#add(change, changes);
      case 'removeNode':
        return this.#remove(change.nodeId, changes);
      case 'updateNode': {
        const { id, peerUrls } = decodeMember(change.context);
        invariant(id === change.nodeId, 'a change is about the member in its context');
        return { kind: 'updated', member: this.#change(id, { peerUrls }, changes) };
      }
    }
  }

  #add(change: MemberChange, changes: BucketChanges): MembershipEvent {
    const { isPromote, ...member } = decodeMember(change.context);
    invariant(member.id === change.nodeId, 'a change is about the member in its context');
    if (isPromote) {
      return { kind: 'promoted', member: this.#change(member.id, { isLearner: false }, changes) };
    }
    invariant(!this.#members.has(member.id), 'an added member is new');
    this.#save(member, changes);
    return { kind: 'added', member };
  }

  #remove(id: bigint, changes: BucketChanges): MembershipEvent {
    const member = this.#members.get(id);
    invariant(member !== undefined, 'a removed member was one');
    this.#members.delete(id);
    this.#removed.add(id);
    changes.delete('members', memberKey(id));
    changes.put('members_removed', memberKey(id), removedValue);
    return { kind: 'removed', member };
  }

  /**
   * What a member published about itself (ClusterMemberAttrSet). Nothing happens when there is no such member,
   * any more or at all.
   */
  setAttributes(id: bigint, { name, clientUrls }: MemberAttributes, changes: BucketChanges): void {
    if (this.#members.has(id)) this.#change(id, { name, clientUrls }, changes);
  }

  /** What the members agreed on (ClusterVersionSet): `X.Y.Z`. */
  setClusterVersion(version: string, changes: BucketChanges): void {
    invariant(/^\d+\.\d+\.\d+/.test(version), 'a cluster version has three parts');
    this.#clusterVersion = version;
    changes.put('cluster', versionKey, fromUtf8(version));
  }

  /** Begins or ends a downgrade (DowngradeInfoSet); the target counts only when it begins. */
  setDowngrade({ targetVersion, isEnabled }: Downgrade, changes: BucketChanges): void {
    this.#downgrade = isEnabled ? { targetVersion, isEnabled } : noDowngrade;
    changes.put('cluster', downgradeKey, encodeDowngrade(this.#downgrade));
  }

  /** @throws InvariantError when the state is one that no log leads to */
  checkInvariants(): void {
    for (const id of this.#members.keys()) {
      invariant(!this.#removed.has(id), 'a member is not removed');
      invariant(id !== 0n, 'no member has the ID 0');
    }
  }

  #change(id: bigint, changed: Partial<Member>, changes: BucketChanges): Member {
    const known = this.#members.get(id);
    invariant(known !== undefined, 'a changed member is one');
    const member = { ...known, ...changed };
    this.#save(member, changes);
    return member;
  }

  #save(member: Member, changes: BucketChanges): void {
    this.#members.set(member.id, member);
    changes.put('members', memberKey(member.id), encodeMember(member));
  }
}

/** Rows of members are under the ID as etcd prints it. */
function memberKey(id: bigint): Uint8Array {
  return fromUtf8(idToHex(id));
}

function encodeDowngrade({ targetVersion, isEnabled }: Downgrade): Uint8Array {
  return fromUtf8(goJson({ 'target-version': targetVersion, enabled: isEnabled }));
}

function decodeDowngrade(json: Uint8Array): Downgrade {
  const fields = recordOf(parseLosslessJson(json));
  return { targetVersion: textOf(fields['target-version']), isEnabled: flagOf(fields['enabled']) };
}
