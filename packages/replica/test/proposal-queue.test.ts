import { expect, test } from 'vitest';
import { ProposalQueue } from '../src/proposal-queue.ts';

/** A queue before a core that says what it is told to. */
function queue() {
  const proposed: number[] = [];
  const awaited = new Set<number>();
  const node = {
    ...{ leader: 0n, term: 1, isLeader: false, isTaking: true },
    proposeMany: (datas: readonly Uint8Array[]) => {
      if (node.isTaking) proposed.push(...datas.map(([first]) => first!));
      return node.isTaking;
    },
  };
  const made = new ProposalQueue({ node, isAwaited: (suffix) => awaited.has(suffix) });
  const add = (suffix: number, onlyInTerm?: number): void => {
    awaited.add(suffix);
    made.add(new Uint8Array([suffix]), suffix, onlyInTerm);
  };
  return { node, awaited, proposed, queue: made, add };
}

test('proposals wait for a leader, and for one that takes them', () => {
  const { node, proposed, queue: made, add } = queue();
  add(1);
  made.flush();
  node.leader = 2n;
  node.isTaking = false;
  add(2);
  made.flush();
  expect(proposed).toEqual([]);
  node.isTaking = true;
  made.flush();
  made.flush();
  expect(proposed).toEqual([1, 2]);
});

test('what nobody waits for any more when a leader is there is not proposed', () => {
  const { node, awaited, proposed, queue: made, add } = queue();
  add(1);
  add(2);
  made.flush();
  awaited.delete(1);
  node.leader = 2n;
  made.flush();
  expect(proposed).toEqual([2]);
});

test('what is bound to a term is proposed by the leader of that term, or never', () => {
  const { node, proposed, queue: made, add } = queue();
  add(1, 1);
  made.flush();
  node.leader = 1n;
  node.isLeader = true;
  made.flush();
  add(2, 1);
  add(3, 2);
  made.flush();
  node.term = 2;
  made.flush();
  expect(proposed).toEqual([2]);
});
