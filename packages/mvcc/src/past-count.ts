import type { KeyIndex } from './key-index.ts';
import { Leaf, type Inner, type TreeNode } from './key-tree.ts';
import type { ReadBudget } from './read-budget.ts';
import type { Key, KeyRange } from './types.ts';

/**
 * Counts keys as of an older revision. Where nothing has changed since, the counts of the tree hold; only leaves with later
 * changes, and those at both ends of the range, are looked at. So pages of one revision, read one after the other while
 * others write, cost O(log n) and what was written meanwhile.
 */
export class PastCount {
  readonly #index: KeyIndex;
  readonly #revision: number;
  readonly #budget: ReadBudget;

  constructor(index: KeyIndex, revision: number, budget: ReadBudget) {
    this.#index = index;
    this.#revision = revision;
    this.#budget = budget;
  }

  /** The keys of a range, or of its start, up to where the budget stops. */
  of({ start, endExclusive }: KeyRange): number {
    const { root, liveCount } = this.#index.tree;
    return this.#count(root, liveCount, start, endExclusive);
  }

  /** The keys below a node that holds `live` now; a bound is undefined where the node lies within it. */
  #count(node: TreeNode, live: number, start: Key | undefined, endExclusive: Key | undefined): number {
    if (start === undefined && endExclusive === undefined && node.newest <= this.#revision) return live;
    return node instanceof Leaf
      ? this.#countLeaf(node, start, endExclusive)
      : this.#countBelow(node, start, endExclusive);
  }

  #countBelow(node: Inner, start: Key | undefined, endExclusive: Key | undefined): number {
    const first = start === undefined ? 0 : node.upperBound(start);
    const last = endExclusive === undefined ? node.keys.length : node.lowerBound(endExclusive);
    let count = 0;
    for (let i = first; i <= last && this.#budget.next === undefined; i++) {
      const child = node.children[i]!; // There is one child more than there are separators.
      const from = i === first ? start : undefined;
      count += this.#count(child, node.counts[i]!, from, i === last ? endExclusive : undefined);
    }
    if (Number.isNaN(node.newest)) node.newest = newestOf(node);
    return count;
  }

  #countLeaf(leaf: Leaf, start: Key | undefined, endExclusive: Key | undefined): number {
    leaf.unpack();
    const from = start === undefined ? 0 : leaf.lowerBound(start);
    const to = endExclusive === undefined ? leaf.keys.length : leaf.lowerBound(endExclusive);
    if (from >= to) return 0;
    if (this.#budget.isSpent) {
      this.#budget.next = leaf.keys[from]!; // It lies before `to`.
      return 0;
    }
    this.#budget.left -= to - from;
    if (Number.isNaN(leaf.newest)) leaf.newest = this.#newestIn(leaf);
    const isSettled = leaf.newest <= this.#revision;
    let count = 0;
    for (let i = from; i < to; i++) {
      const head = leaf.heads[i]!; // There are as many as keys.
      if (isSettled ? head > 0 : this.#index.at(head, this.#revision) !== 0) count++;
    }
    return count;
  }

  /** After opening a store nobody knows it, until somebody asks. */
  #newestIn(leaf: Leaf): number {
    const { versions } = this.#index;
    let newest = 0;
    for (const head of leaf.heads) newest = Math.max(newest, versions.main(Math.abs(head)));
    return newest;
  }
}

/** NaN while a child does not know. */
function newestOf(node: Inner): number {
  let newest = 0;
  for (const child of node.children) newest = Math.max(newest, child.newest);
  return newest;
}
