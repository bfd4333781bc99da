/** The watchmen are watched: what checks the group notices what it is there for. */
import { fromUtf8 } from '@quorate/std';
import { describe, expect, test } from 'vitest';
import {
  Cluster,
  SafetyError,
  bootstrapEntries,
  runRandomSchedule,
  runScenario,
} from '../src/testing/index.ts';

const ids = [1n, 2n, 3n];

function startGroup(): Cluster {
  const cluster = new Cluster(ids, { voters: ids });
  for (const id of ids) cluster.run(id);
  return cluster;
}

function settle(cluster: Cluster): void {
  for (const id of ids) if (cluster.member(id).isUp) cluster.run(id);
  for (let message = cluster.network[0]; message !== undefined; message = cluster.network[0]) {
    cluster.deliver(message);
    if (cluster.member(message.to).isUp) cluster.run(message.to);
  }
}

function lead(cluster: Cluster, id: bigint): void {
  cluster.act(id, ({ node }) => node.campaign());
  settle(cluster);
}

/** Takes a node's disk away and gives it one that remembers nothing but a term. */
function forget(cluster: Cluster, id: bigint, term = 1): void {
  const member = cluster.member(id);
  member.crash();
  member.disk.overwrite({ term, vote: 0n, commit: 3 }, bootstrapEntries({ voters: ids }));
  cluster.act(id, () => member.restart());
  cluster.run(id);
}

describe('the checker notices', () => {
  test('two leaders in a term, when a disk lost a vote', () => {
    const cluster = startGroup();
    for (const id of ids.slice(1)) cluster.act(id, ({ node }) => node.campaign());
    cluster.member(3n).crash();
    settle(cluster);
    expect(cluster.member(2n).node.isLeader).toBe(true);
    cluster.member(2n).crash();
    forget(cluster, 1n);
    forget(cluster, 3n);
    expect(() => lead(cluster, 3n)).toThrow('term 2 has two leaders');
  });

  test('a leader without what was committed, when disks lost it', () => {
    const cluster = startGroup();
    lead(cluster, 1n);
    cluster.member(1n).crash();
    forget(cluster, 2n, 5);
    forget(cluster, 3n, 5);
    expect(() => lead(cluster, 2n)).toThrow('leader 2 of term 6 lacks entry 4');
  });

  test('a commit that a quorum does not have on disk, when somebody acknowledges what it has not', () => {
    const cluster = startGroup();
    lead(cluster, 1n);
    cluster.act(1n, ({ node }) => node.propose(fromUtf8('x')));
    cluster.takeReady(1n);
    const [append] = cluster.network;
    const answer = { ...append!, type: 4, from: 2n, to: 1n, index: 5, entries: [] };
    cluster.act(1n, ({ node }) => node.step({ ...answer }));
    expect(() => cluster.act(1n, ({ node }) => node.step({ ...answer, from: 3n }))).toThrow(SafetyError);
  });

  test('a read that nobody asked for', () => {
    const cluster = startGroup();
    lead(cluster, 1n);
    cluster.act(1n, ({ node }) => node.readIndex(fromUtf8('r')));
    expect(() => settle(cluster)).toThrow(SafetyError);
  });
});

describe('members', () => {
  test('are down after a crash, and lose what was not saved', () => {
    const cluster = startGroup();
    lead(cluster, 1n);
    cluster.act(1n, ({ node }) => node.propose(fromUtf8('x')));
    cluster.takeReady(1n);
    cluster.member(1n).crash();
    expect(() => cluster.member(1n).node).toThrow('node 1 is down');
    cluster.act(1n, (member) => member.restart());
    expect(cluster.member(1n).node.status.lastIndex).toBe(4);
  });

  test('that are none cannot be asked for', () => {
    expect(() => startGroup().member(9n)).toThrow('there is no node 9');
  });
});

test('a schedule is the same for the same seed', () => {
  const options = { seed: 11, voterCount: 3, spareCount: 1, stepCount: 3000 };
  expect(runRandomSchedule(options)).toEqual(runRandomSchedule(options));
});

describe('scenarios', () => {
  test('tell whether all was as written', () => {
    const text = '# One.\nnodes 1\ncampaign 1\n----\n';
    const { actual, isAsWritten } = runScenario(text);
    expect(isAsWritten).toBe(false);
    expect(runScenario(actual)).toEqual({ actual, isAsWritten: true });
  });

  test.each([
    ['a command that is none', 'nodes 1\ndance 1\n----\n', 'there is no command dance'],
    ['an option that is none', 'nodes 1 colour=red\n----\n', 'there is no option colour'],
    ['a change that is none', 'nodes 1\nconf 1 !2\n----\n', '!2 is no change'],
    ['a story without a beginning', 'campaign 1\n----\n', 'a story begins with `nodes`'],
    ['an election that is lost', 'nodes 1 2\ncut 2\nlead 1\n----\n', '1 is not elected'],
    ['a block without an end', 'nodes 1\n', 'a block has no ----'],
  ])('refuse %s', (_, text, reason) => {
    expect(() => runScenario(text)).toThrow(reason);
  });
});
