import { SeededRandom, fromUtf8 } from '@quorate/std';
import type { Message } from '@quorate/wire';
import { encodeConfChange, encodeConfChangeV2 } from '../conf-change.ts';
import type { ConfChangeSingle, ConfChangeType } from '../conf-change.ts';
import { Cluster } from './cluster.ts';
import type { Member, MemberOptions } from './member.ts';

/** What a schedule may do. */
export interface ScheduleOptions {
  readonly seed: number;
  /** Voters at first. */
  readonly voterCount: number;
  /** Nodes that are no members at first, and may be added. */
  readonly spareCount?: number;
  readonly stepCount: number;
  readonly options?: MemberOptions;
}

/** What came of a schedule, to see that it did not pass by doing nothing. */
export interface ScheduleReport {
  readonly commit: number;
  readonly term: number;
  readonly crashCount: number;
  readonly confChangeCount: number;
  readonly readCount: number;
  readonly snapshotCount: number;
  /** The group got stuck as only a group can that removed half of itself; see DESIGN.md. */
  readonly isWedged: boolean;
}

/**
 * A group that meets with all the misfortune its seed holds: messages that are lost, late or doubled, nodes that
 * crash at any point of their work, parted networks, slow disks, changes of the configuration. Every step is
 * checked for safety; at the end all is well again, and the group must get back to work.
 *
 * @throws SafetyError or InvariantError when Raft is broken; Error when the group does not recover
 */
export function runRandomSchedule(options: ScheduleOptions): ScheduleReport {
  return new RandomSchedule(options).run();
}

class RandomSchedule {
  readonly #options: ScheduleOptions;
  readonly #random: SeededRandom;
  readonly #cluster: Cluster;
  readonly #ids: readonly bigint[];
  readonly #parted = new Set<bigint>();
  #proposalCount = 0;
  #crashCount = 0;
  #confChangeCount = 0;
  #readCount = 0;
  #snapshotCount = 0;
  #isWedged = false;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    const total = options.voterCount + (options.spareCount ?? 0);
    this.#ids = Array.from({ length: total }, (_, i) => BigInt(i + 1));
    const voters = this.#ids.slice(0, options.voterCount);
    this.#cluster = new Cluster(this.#ids, { voters }, options.options, (event) => {
      if (event.kind === 'applied' && event.entry.type !== 0) this.#confChangeCount++;
      if (event.kind !== 'ready') return;
      this.#readCount += event.ready.readStates.length;
      if (event.ready.snapshot !== undefined) this.#snapshotCount++;
    });
  }

  run(): ScheduleReport {
    for (let step = 0; step < this.#options.stepCount; step++) this.#step();
    this.#recover();
    const members = [...this.#cluster.members.values()];
    return {
      commit: this.#cluster.safety.commit,
      term: Math.max(...members.map(({ node }) => node.term)),
      crashCount: this.#crashCount,
      confChangeCount: this.#confChangeCount,
      readCount: this.#readCount,
      snapshotCount: this.#snapshotCount,
      isWedged: this.#isWedged,
    };
  }

  #step(): void {
    const id = this.#pick(this.#ids);
    const member = this.#cluster.member(id);
    const dice = this.#random.below(1000);
    if (dice < 450) return this.#meddleWithNetwork();
    if (!member.isUp) {
      if (dice < 600) this.#cluster.act(id, () => member.restart());
    } else if (dice < 620) this.#cluster.takeReady(id);
    else if (dice < 750) this.#cluster.save(id);
    else if (dice < 850) this.#cluster.applyNext(id);
    else if (dice < 920) this.#cluster.act(id, ({ node }) => node.tick());
    else this.#disturb(id, dice - 920);
  }

  /** The rarer events. */
  #disturb(id: bigint, dice: number): void {
    const cluster = this.#cluster;
    const other = this.#pick(this.#ids);
    if (dice < 25) this.#propose(id);
    else if (dice < 35) this.#read(id);
    else if (dice < 42) this.#changeConfiguration(id);
    else if (dice < 48) this.#crash(id);
    else if (dice < 54) this.#partOrJoin(id);
    else if (dice < 58) cluster.act(id, ({ node }) => node.transferLeadership(other));
    else if (dice < 62) cluster.act(id, ({ node }) => node.campaign());
    else if (dice < 66) cluster.act(id, ({ node }) => node.reportUnreachable(other));
    else if (dice < 68) cluster.act(id, ({ node }) => node.forgetLeader());
    else if (dice < 74) cluster.act(id, (member) => member.compact(member.machine.state.applied));
    else cluster.act(id, ({ machine }) => machine.checkpoint());
  }

  #meddleWithNetwork(): void {
    const { network } = this.#cluster;
    if (network.length === 0) return;
    // Mostly in order, now and then not.
    const message = network[this.#oneIn(4) ? this.#random.below(network.length) : 0]!;
    if (this.#isParted(message) || this.#oneIn(25) || network.length > 300)
      return this.#cluster.drop(message);
    if (this.#oneIn(25)) network.push({ ...message });
    this.#cluster.deliver(message);
  }

  #isParted(message: Message): boolean {
    return this.#parted.has(message.from) !== this.#parted.has(message.to);
  }

  #propose(id: bigint): void {
    const datas = Array.from({ length: 1 + this.#random.below(4) }, () =>
      fromUtf8(`proposal ${++this.#proposalCount}`),
    );
    this.#cluster.act(id, ({ node }) => node.proposeMany(datas));
  }

  #read(id: bigint): void {
    this.#cluster.read(id, fromUtf8(`read ${this.#random.uint64()}`));
  }

  #changeConfiguration(id: bigint): void {
    const types: readonly ConfChangeType[] = ['addNode', 'removeNode', 'addLearner', 'addNode'];
    const single = (): ConfChangeSingle => ({ type: this.#pick(types), nodeId: this.#pick(this.#ids) });
    const kind = this.#random.below(4);
    this.#cluster.act(id, ({ node }) => {
      if (kind === 0) node.proposeConfChange(1, encodeConfChange(single()));
      else if (kind === 1)
        node.proposeConfChange(2, encodeConfChangeV2({ transition: 'auto', changes: [single(), single()] }));
      else if (kind === 2)
        node.proposeConfChange(2, encodeConfChangeV2({ transition: 'jointExplicit', changes: [single()] }));
      else node.proposeConfChange(2, encodeConfChangeV2({ transition: 'auto', changes: [] }));
    });
  }

  #crash(id: bigint): void {
    this.#crashCount++;
    this.#cluster.member(id).crash(this.#oneIn(3) ? 1 + this.#random.below(5) : 0);
  }

  #partOrJoin(id: bigint): void {
    if (this.#parted.size > 0 && this.#oneIn(2)) this.#parted.clear();
    else this.#parted.add(id);
  }

  /** All nodes are up, the network is whole and fast: a leader has to come up, and commit. */
  #recover(): void {
    this.#parted.clear();
    for (const id of this.#ids) this.#cluster.act(id, (member) => member.restart());
    for (let round = 0; round < 400; round++) {
      this.#settle();
      const leader = this.#leader();
      if (leader !== undefined && this.#isCaughtUp(leader)) return;
      if (leader !== undefined && round % 20 === 10)
        this.#cluster.act(leader.id, ({ node }) => this.#nudge(node));
      for (const id of this.#ids) this.#cluster.act(id, ({ node }) => node.tick());
    }
    this.#isWedged = true;
    if (!this.#isVoteOfRemovedNeeded()) throw new Error(`the group did not recover:\n${this.#describe()}`);
  }

  /**
   * The one way to get stuck for good, inherent in changes that count from when they are applied, as etcd's do: a
   * node is removed, knows that this is committed, and fails before it tells. The others still need its vote,
   * and do not get it if its log is longer; and who knows of its own removal does not campaign.
   */
  #isVoteOfRemovedNeeded(): boolean {
    const statuses = [...this.#cluster.members.values()].map(({ node }) => node.status);
    const gone = statuses.filter(({ id, confState: { voters, votersOutgoing } }) => {
      return !voters.includes(id) && !votersOutgoing.includes(id);
    });
    return statuses.some(({ confState: { voters, votersOutgoing } }) =>
      [voters, votersOutgoing].some((half) => {
        const goneCount = gone.filter(({ id }) => half.includes(id)).length;
        return goneCount > 0 && goneCount * 2 >= half.length;
      }),
    );
  }

  #describe(): string {
    const lines = [...this.#cluster.members.values()].map(({ node: { status }, machine }) => {
      const { voters, votersOutgoing, learners } = status.confState;
      return (
        `${status.id} ${status.role} term=${status.term} leader=${status.leader} commit=${status.commit}` +
        ` last=${status.lastIndex} applied=${machine.state.applied} voters=${voters.join()}` +
        ` outgoing=${votersOutgoing.join()} learners=${learners.join()}`
      );
    });
    return lines.join('\n');
  }

  #nudge(node: Member['node']): void {
    node.propose(fromUtf8('are you there?'));
  }

  #settle(): void {
    for (let rest = 20_000; rest > 0; rest--) {
      for (const id of this.#ids) this.#cluster.run(id);
      const message = this.#cluster.network[0];
      if (message === undefined) return;
      this.#cluster.deliver(message);
    }
    throw new Error('the network never falls silent');
  }

  #leader(): Member | undefined {
    const leaders = [...this.#cluster.members.values()].filter(({ node }) => node.isLeader);
    return leaders.sort((a, b) => b.node.term - a.node.term)[0];
  }

  /** Its term has commits, and every member of its configuration has applied them. */
  #isCaughtUp({ node, machine }: Member): boolean {
    const { commit, term, confState, lastIndex } = node.status;
    if (node.termAt(commit) !== term || commit < lastIndex) return false;
    const ids = [...confState.voters, ...confState.votersOutgoing, ...confState.learners];
    return ids.every((id) => this.#cluster.member(id).machine.state.chain === machine.state.chain);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }

  #oneIn(count: number): boolean {
    return this.#random.below(count) === 0;
  }
}
