import {
  addMemberChange,
  checkAddition,
  checkPromotion,
  checkRemoval,
  memberId,
  MemberNotFoundError,
  MemberNotLearnerError,
  parseMemberUrls,
  promoteMemberChange,
  removeMemberChange,
  updateMemberChange,
  type ClusterHealth,
  type Member,
  type Membership,
} from '@quorate/membership';
import { PeerError, type PeerMember, type PeerNetwork } from '@quorate/peer';
import { noNode, type RaftNode } from '@quorate/raft';
import type { Clock } from '@quorate/std';
import type { rpcpb } from '@quorate/wire';
import { ReplicaError } from './errors.ts';
import type { Proposer } from './proposer.ts';

export interface ClusterApiOptions {
  readonly membership: Membership;
  readonly node: RaftNode;
  readonly network: PeerNetwork;
  readonly proposer: Proposer;
  readonly clock: Clock;
  readonly memberId: bigint;
  readonly isStrict: boolean;
  readonly requestTimeoutMs: number;
  readonly header: () => rpcpb.ResponseHeader;
  readonly linearizable: () => Promise<void>;
}

/** A connection counts for the health of the cluster once it is so old (reference: connect health window). */
const connectedAfterMs = 5_000;
/** A learner is ready once it has so much of the leader's log (reference: learner readiness). */
const readyRatio = 0.9;
/** Pause before another leader is asked. */
const retryMs = 50;

/**
 * The members of the cluster and how they change, one at a time and through the log. What can be refused
 * without asking the others is refused first; the membership itself decides again when the change is applied.
 */
export class ClusterApi {
  readonly #options: ClusterApiOptions;

  constructor(options: ClusterApiOptions) {
    this.#options = options;
  }

  /** @throws MembershipError, ReplicaError */
  async add(request: rpcpb.MemberAddRequest): Promise<rpcpb.MemberAddResponse> {
    const { clock, isStrict, proposer } = this.#options;
    const peerUrls = parseMemberUrls(request.peerURLs);
    const id = memberId({
      peerUrls,
      clusterToken: '',
      addedAtUnixSeconds: Math.floor(clock.wallMs() / 1000),
    });
    if (isStrict) checkAddition(this.#health(), { isLearner: request.isLearner });
    const member = { id, peerUrls, isLearner: request.isLearner };
    const members = await proposer.proposeChange<readonly Member[]>(addMemberChange(member));
    const added = wireMember({ ...member, name: '', clientUrls: [] });
    return { header: this.#options.header(), member: added, members: members.map(wireMember) };
  }

  /** @throws MembershipError, ReplicaError */
  async remove({ ID }: rpcpb.MemberRemoveRequest): Promise<rpcpb.MemberRemoveResponse> {
    const { membership, isStrict, memberId: self } = this.#options;
    refuseNobody(ID);
    if (isStrict && membership.get(ID) !== undefined) {
      checkRemoval(this.#health(), { id: ID, isActive: ID === self || this.#isActive(ID) });
    }
    return this.#change(removeMemberChange(ID));
  }

  /** @throws MembershipError, ReplicaError */
  async update({ ID, peerURLs }: rpcpb.MemberUpdateRequest): Promise<rpcpb.MemberUpdateResponse> {
    refuseNobody(ID);
    parseMemberUrls(peerURLs); // Only for what it refuses: as in etcd, URLs stay in the order given.
    return this.#change(updateMemberChange({ id: ID, peerUrls: peerURLs }));
  }

  /** Only the leader knows how far a learner is, so the others ask it. @throws MembershipError, ReplicaError */
  async promote({ ID }: rpcpb.MemberPromoteRequest): Promise<rpcpb.MemberPromoteResponse> {
    const { clock, requestTimeoutMs, node, network } = this.#options;
    const deadlineMs = clock.now() + requestTimeoutMs;
    for (;;) {
      if (node.isLeader) {
        const members = await this.promoteHere(ID);
        return { header: this.#options.header(), members: members.map(wireMember) };
      }
      try {
        if (node.leader !== 0n) {
          const members = await network.promoteMember(node.leader, ID);
          return { header: this.#options.header(), members: members.map(wireMember) };
        }
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal !== undefined) throw refusal;
      }
      if (clock.now() >= deadlineMs) throw new ReplicaError('REPLICA_TIMEOUT');
      await new Promise<void>((resolve) => clock.after(retryMs, resolve));
    }
  }

  /** The part of `promote` that is the leader's. */
  async promoteHere(id: bigint): Promise<readonly Member[]> {
    const { membership, node, isStrict, proposer } = this.#options;
    if (!node.isLeader) throw new ReplicaError('REPLICA_NOT_LEADER');
    const member = membership.get(id);
    if (member === undefined) throw new MemberNotFoundError();
    // As in etcd, a member that lags is told so even if it is no learner.
    this.#checkReady(id);
    if (!member.isLearner) throw new MemberNotLearnerError();
    if (isStrict) checkPromotion(membership.list());
    return proposer.proposeChange<readonly Member[]>(promoteMemberChange(id));
  }

  /** All members, by ID. With `linearizable` as of now, else as this member has heard. */
  async list({ linearizable }: rpcpb.MemberListRequest): Promise<rpcpb.MemberListResponse> {
    if (linearizable) await this.#options.linearizable();
    return { header: this.#options.header(), members: this.#options.membership.list().map(wireMember) };
  }

  async #change(
    change: Parameters<Proposer['proposeChange']>[0],
  ): Promise<{ header: rpcpb.ResponseHeader; members: rpcpb.Member[] }> {
    const members = await this.#options.proposer.proposeChange<readonly Member[]>(change);
    return { header: this.#options.header(), members: members.map(wireMember) };
  }

  #checkReady(id: bigint): void {
    const { node, memberId: self } = this.#options;
    const progress = node.status.progress;
    const learner = progress?.get(id);
    if (learner === undefined) throw new MemberNotFoundError();
    const ownMatch = progress?.get(self)?.match ?? 0;
    if (learner.match < ownMatch * readyRatio) throw new ReplicaError('LEARNER_NOT_READY');
  }

  #health(): ClusterHealth {
    const { membership, memberId: self } = this.#options;
    const voters = membership.voters();
    const connected = voters.filter(({ id }) => id === self || this.#isActive(id, connectedAfterMs));
    return { members: membership.list(), connectedVoterCount: connected.length };
  }

  #isActive(id: bigint, forMs = 0): boolean {
    const active = this.#options.network.activeForMs(id);
    return active !== undefined && active >= forMs;
  }
}

/** To raft, a change of the member 0 is one of nobody, and succeeds. */
function refuseNobody(id: bigint): void {
  if (id === noNode) throw new MemberNotFoundError();
}

/** A member as the API has it. */
function wireMember({ id, name, peerUrls, clientUrls, isLearner }: PeerMember): rpcpb.Member {
  return { ID: id, name, peerURLs: [...peerUrls], clientURLs: [...clientUrls], isLearner };
}

/** What a leader's refusal, which comes as text, was; undefined when it was none and another try may help. */
function refusalOf(error: unknown): Error | undefined {
  if (!(error instanceof PeerError) || error.code !== 'PEER_REFUSED') return undefined;
  const reason = error.reason ?? '';
  if (reason.includes('in sync with leader')) return new ReplicaError('LEARNER_NOT_READY', { cause: error });
  if (reason.includes('can only promote a learner')) return new MemberNotLearnerError();
  return error.status === 404 ? new MemberNotFoundError() : undefined;
}
