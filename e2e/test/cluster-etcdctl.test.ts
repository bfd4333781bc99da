import { join } from 'node:path';
import { rpcpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import type { ClusterMember } from '../src/cluster/cluster-member.ts';
import { withCluster, type ProcessCluster } from '../src/cluster/process-cluster.ts';
import { until } from '../src/cluster/until.ts';
import { etcdctl, type CtlCommand, type CtlOutcome } from '../src/etcdctl.ts';
import { etcdBin, type MemberKind } from '../src/member-process.ts';
import { run } from '../src/run-quorate.ts';

/**
 * A command of the story. In its arguments `{id m1}` stands for the ID of a member, `{client m1}` and `{peer m1}` for
 * its URLs, `{lease}` for the lease granted last, `{file}` for a file of its own.
 */
interface Step extends Omit<CtlCommand, 'args'> {
  readonly line: string;
  /** The members asked; all of them when left out. */
  readonly to?: readonly string[];
  /** What differs between two clusters of the same state, and may. */
  readonly mask?: readonly RegExp[];
}

const durations = /\b\d+(\.\d+)?(µs|ms|s)\b/g;
/** How the server is called, how large its files are, and how long its log is. */
const ofServer = [/\b3\.\d+\.\d+\b/g, /\d+(\.\d+)? [kM]?B/g, /(?<=true|false)(, \d+){3}/g];
/** Members count as healthy when they have been connected for five seconds, and a learner takes a while. */
const passing = /unhealthy cluster|learner member which is in sync with leader/;
const unknownId = 'abcdef1234567';

const step = (line: string, more: Omit<Step, 'line'> = {}): Step => ({ line, ...more });

/** With three members, of which m1 leads. */
const withThree: readonly Step[] = [
  step('member list'),
  step('member list -w fields', { to: ['m1'], mask: [/"RaftTerm" : \d+/g] }),
  step('endpoint status', { mask: ofServer }),
  step('endpoint status --cluster', { to: ['m2'], mask: ofServer }),
  step('endpoint health', { mask: [durations] }),
  step('endpoint health --cluster', { to: ['m3'], mask: [durations] }),
  step('put fruit/apple red', { to: ['m2'] }),
  step('put fruit/apple green', { to: ['m3'] }),
  step('put fruit/pear yellow', { to: ['m1'] }),
  step('del fruit/pear', { to: ['m3'] }),
  step('get --prefix fruit/ -w fields', { to: ['m2'], mask: [/"RaftTerm" : \d+/g] }),
  step('watch --prefix fruit/ --rev 2', { to: ['m2'], untilLines: 11 }),
  step('endpoint hashkv --cluster', { to: ['m1'] }),
  step('endpoint hashkv'),
  step('move-leader {id m2}', { to: ['m1'] }),
  step('move-leader {id m1}', { to: ['m2'] }),
  step('move-leader {id m2}', { to: ['m3'] }),
  step(`move-leader ${unknownId}`, { to: ['m1'] }),
  step(`member remove ${unknownId}`, { to: ['m2'] }),
  step(`member promote ${unknownId}`, { to: ['m2'] }),
  step(`member update ${unknownId} --peer-urls=http://127.0.0.1:1`, { to: ['m2'] }),
  step('member promote {id m2}', { to: ['m3'] }),
  step('member add another --peer-urls={peer m2}', { to: ['m3'] }),
  step('alarm list'),
  step('compaction 4', { to: ['m2'] }),
  step('compaction 4', { to: ['m3'] }),
  step('compaction 5 --physical', { to: ['m1'] }),
  step('get fruit/apple --rev 2', { to: ['m3'] }),
  step('endpoint hashkv'),
  step('defrag --cluster', { to: ['m2'], mask: [durations] }),
  step('defrag', { mask: [durations] }),
  step('snapshot save {file}', { to: ['m3'] }),
];

/** With the alarm that space is exhausted, of m2. */
const withAlarm: readonly Step[] = [
  step('alarm list', { to: ['m3'] }),
  step('put no room', { to: ['m1'] }),
  step('get fruit/apple', { to: ['m2'] }),
  step('endpoint health', { mask: [durations] }),
  step('endpoint status', { mask: ofServer }),
  step('alarm disarm', { to: ['m3'] }),
  step('alarm list', { to: ['m2'] }),
  step('put some room', { to: ['m1'] }),
];

/** With a learner, m4, that was added by the step before. */
const withLearner: readonly Step[] = [
  step('member list', { to: ['m2'] }),
  step('member add m5 --learner --peer-urls=http://127.0.0.1:1', { to: ['m3'] }),
  step('get fruit/apple', { to: ['m4'] }),
  step('get fruit/apple --consistency=s', { to: ['m4'] }),
  step('put fruit/apple blue', { to: ['m4'] }),
  step('endpoint status', { to: ['m4'], mask: ofServer }),
  step('move-leader {id m4}', { to: ['m1'] }),
];

const withFour: readonly Step[] = [
  step('member list', { to: ['m4'] }),
  step('get fruit/apple', { to: ['m4'] }),
  step('put fruit/apple blue', { to: ['m4'] }),
  step('endpoint hashkv --cluster', { to: ['m1'] }),
  step('member update {id m4} --peer-urls={peer m4},http://127.0.0.1:1', { to: ['m2'] }),
  step('member list', { to: ['m3'] }),
  step('member update {id m4} --peer-urls={peer m4}', { to: ['m3'] }),
  step('member list', { to: ['m1'] }),
  step('member remove {id m4}', { to: ['m2'] }),
  step('member remove {id m4}', { to: ['m1'] }),
];

/** With three again. The server picks the ID of a lease, and keys carry it: from here on hashes differ. */
const afterAll: readonly Step[] = [
  step('lease grant 600', { to: ['m3'] }),
  step('put leased 1 --lease={lease}', { to: ['m2'] }),
  step('lease keep-alive {lease} --once', { to: ['m2'] }),
  step('lease timetolive {lease} --keys', { to: ['m3'], mask: [/remaining\(\d+s\)/g] }),
  step('lease list', { to: ['m2'] }),
  step('lease revoke {lease}', { to: ['m3'] }),
  step('get leased', { to: ['m2'] }),
  step('member list', { to: ['m3'] }),
  step('endpoint health --cluster', { to: ['m1'], mask: [durations] }),
];

/** What was asked, and what came of it, with one name for whatever the clusters call differently. */
interface Told {
  readonly command: string;
  readonly outcome: CtlOutcome;
}

class Teller {
  readonly told: Told[] = [];
  readonly #cluster: ProcessCluster;
  readonly #members: ClusterMember[];
  readonly #ids = new Map<string, bigint>();
  #clusterId = 0n;
  #lease = 'none';

  constructor(cluster: ProcessCluster) {
    this.#cluster = cluster;
    this.#members = [...cluster.members];
  }

  async tellAll(steps: readonly Step[]): Promise<void> {
    for (const each of steps) await this.tell(each);
  }

  async tell({ line, to, mask = [], ...rest }: Step): Promise<CtlOutcome> {
    await this.#learnIds();
    // Of hashes that are not of one revision nothing can be said.
    if (line.includes('hashkv')) await this.#cluster.untilEqual();
    const asked = to ?? this.#cluster.members.map(({ name }) => name);
    const endpoints = asked.map((name) => this.#member(name).endpoint).join(',');
    const outcome = await until(line, async () => {
      const tried = await etcdctl(endpoints, { ...rest, args: this.#fill(line).split(' ') });
      return line.startsWith('member') && passing.test(tried.error) ? undefined : tried;
    });
    this.#lease = /lease (\w+) granted/.exec(outcome.stdout)?.[1] ?? this.#lease;
    await this.#learnIds();
    const masked = (text: string): string => this.#mask(text, mask);
    this.told.push({
      command: line,
      outcome: { ...outcome, stdout: masked(outcome.stdout), error: masked(outcome.error) },
    });
    return outcome;
  }

  /** Says that a member has no space left. */
  async raiseAlarm(name: string): Promise<void> {
    await using client = this.#cluster.client();
    const { ACTIVATE } = rpcpb.AlarmRequest_AlarmAction;
    const memberID = this.#ids.get(name) ?? 0n;
    await client.maintenance.alarm({ action: ACTIVATE, memberID, alarm: rpcpb.AlarmType.NOSPACE });
  }

  /** Has `etcdctl` add a member and starts it. */
  async addLearner(kind: MemberKind): Promise<ClusterMember> {
    const member = await this.#cluster.prepare(kind);
    this.#members.push(member);
    await this.tell(
      step(`member add ${member.name} --learner --peer-urls=${member.peerUrl}`, { to: ['m2'] }),
    );
    await this.#cluster.rejoin(member);
    return member;
  }

  get snapshotFile(): string {
    return join(this.#cluster.folder, 'snapshot.db');
  }

  #member(name: string): ClusterMember {
    const found = this.#members.find((member) => member.name === name);
    if (found === undefined) throw new Error(`there is no member ${name}`);
    return found;
  }

  /** IDs of members that are gone stay known. */
  async #learnIds(): Promise<void> {
    await using client = this.#cluster.client(this.#cluster.members.slice(0, 3));
    const { members, header } = await client.cluster.memberList({ linearizable: true });
    this.#clusterId = header?.clusterId ?? 0n;
    for (const { ID, peerURLs } of members) {
      const member = this.#members.find(({ peerUrl }) => peerURLs.includes(peerUrl));
      if (member !== undefined) this.#ids.set(member.name, ID);
    }
  }

  #fill(line: string): string {
    return line
      .replaceAll(/\{id (\w+)\}/g, (_, name: string) => (this.#ids.get(name) ?? 0n).toString(16))
      .replaceAll(/\{peer (\w+)\}/g, (_, name: string) => this.#member(name).peerUrl)
      .replaceAll('{lease}', this.#lease)
      .replaceAll('{file}', this.snapshotFile);
  }

  #mask(text: string, mask: readonly RegExp[]): string {
    let result = text;
    const names: [string, string][] = [[this.#cluster.folder, '<folder>']];
    for (const member of this.#members) {
      names.push([member.endpoint, `<client ${member.name}>`], [member.peerUrl, `<peer ${member.name}>`]);
      const id = this.#ids.get(member.name);
      if (id !== undefined)
        names.push([id.toString(16), `<id ${member.name}>`], [`${id}`, `<id ${member.name}>`]);
    }
    names.push([this.#clusterId.toString(16), '<cluster>'], [`${this.#clusterId}`, '<cluster>']);
    if (this.#lease !== 'none')
      names.push([this.#lease, '<lease>'], [`${BigInt(`0x${this.#lease}`)}`, '<lease>']);
    for (const [own, name] of names) result = result.replaceAll(own, name);
    // IDs with a zero in front are shorter, and padded.
    result = result.replaceAll(/ +(?=<(id|cluster))/g, ' ');
    for (const pattern of mask) result = result.replace(pattern, '<masked>');
    // Members come in the order of their IDs, which is another one in every cluster.
    return result
      .split('\n')
      .map((text) =>
        text.replace(/(?<=ETCD_INITIAL_CLUSTER=").*(?=")/, (list) => list.split(',').sort().join(',')),
      )
      .sort()
      .join('\n');
  }
}

/** The whole story, told to a cluster of one kind. */
async function tell(kind: MemberKind): Promise<{ told: readonly Told[]; snapshot: unknown; exit: unknown }> {
  return withCluster({ kinds: [kind, kind, kind] }, async (cluster) => {
    await cluster.moveLeader(cluster.members[0]!);
    const teller = new Teller(cluster);
    await teller.tellAll(withThree);
    await teller.raiseAlarm('m2');
    await teller.tellAll(withAlarm);
    const snapshot = await snapshotStatus(teller.snapshotFile);
    const learner = await teller.addLearner(kind);
    await teller.tellAll(withLearner);
    await teller.tell(step('member promote {id m4}', { to: ['m3'] }));
    const { exited } = learner;
    await teller.tellAll(withFour);
    const exit = await exited;
    cluster.forget(learner);
    await teller.tellAll(afterAll);
    return { told: teller.told, snapshot, exit };
  });
}

/** What `etcdutl` says of a snapshot; the hash is of everything in it, IDs of members included. */
async function snapshotStatus(file: string): Promise<unknown> {
  const { stdout, stderr, code } = await run(join(etcdBin ?? '', 'etcdutl'), [
    'snapshot',
    'status',
    file,
    '-w',
    'json',
  ]);
  if (code !== 0) throw new Error(`etcdutl refuses the snapshot: ${stderr}`);
  // It prints an object.
  const { revision } = JSON.parse(stdout) as { readonly revision: number };
  return { revision };
}

test.skipIf(etcdBin === undefined)(
  'the real etcdctl drives a cluster of Quorate as one of etcd (set QUORATE_ETCD_BIN to run)',
  { timeout: 180_000 },
  async () => {
    // One that fails waits until the members of the other are gone, too.
    const both = [tell('quorate'), tell('etcd')] as const;
    await Promise.allSettled(both);
    const [quorate, etcd] = await Promise.all(both);
    for (const [index, expected] of etcd.told.entries()) {
      expect.soft(quorate.told[index]?.outcome, expected.command).toEqual(expected.outcome);
    }
    expect(quorate.snapshot).toEqual(etcd.snapshot);
    expect(quorate.exit).toBe(0);
  },
);
