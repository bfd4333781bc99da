import type { Key, KeyRange } from '@quorate/std';

interface Node {
  readonly range: KeyRange;
  /** The greatest end in this subtree. */
  endMax: Key;
  isRed: boolean;
  parent: Node | undefined;
  left: Node | undefined;
  right: Node | undefined;
}

type Side = 'left' | 'right';

/**
 * The tree in which etcd 3.5 looks for the permissions of a user: a red-black tree (Cormen et al., "Introduction to
 * Algorithms", chapters 13 and 14.3) by the starts of intervals, filled in the order of roles and permissions. Needed
 * for ranges that end where or before they start: whether its search finds the interval around such a start depends on
 * the shape of the tree. For all others it finds what `KeyIntervals` does.
 */
export class IntervalTree {
  #root: Node | undefined;

  /** In the order of etcd; a start that is `unboundedEnd` stands for an empty key. */
  constructor(ranges: Iterable<KeyRange>) {
    for (const range of ranges) this.#insert(range);
  }

  /** Whether etcd's search for a range that holds no key finds an interval that holds its start. */
  findsStartOf(range: KeyRange): boolean {
    return finds(this.#root, range);
  }

  /** @throws Error when this is no red-black tree, or a greatest end is wrong; for tests. */
  checkInvariants(): void {
    if (this.#root?.isRed === true) throw new Error('the root is black');
    checkNode(this.#root);
  }

  #insert(range: KeyRange): void {
    let parent: Node | undefined;
    let side: Side = 'left';
    for (let at = this.#root; at !== undefined; at = at[side]) {
      parent = at;
      side = range.start < at.range.start ? 'left' : 'right';
    }
    const node: Node = {
      range,
      endMax: range.endExclusive,
      isRed: true,
      parent,
      left: undefined,
      right: undefined,
    };
    if (parent === undefined) this.#root = node;
    else parent[side] = node;
    for (let at = parent; at !== undefined; at = at.parent) updateEndMax(at);
    this.#rebalance(node);
  }

  /** A red node may have no red parent: colours move up, and where they cannot, the tree turns. */
  #rebalance(inserted: Node): void {
    let node = inserted;
    while (node.parent?.isRed === true) {
      const parent = node.parent;
      // A red node has a parent: the root is black.
      const grandparent = parent.parent!;
      const side: Side = parent === grandparent.left ? 'left' : 'right';
      const otherSide: Side = side === 'left' ? 'right' : 'left';
      const uncle = grandparent[otherSide];
      if (uncle?.isRed === true) {
        parent.isRed = uncle.isRed = false;
        grandparent.isRed = true;
        node = grandparent;
        continue;
      }
      if (node === parent[otherSide]) {
        this.#turn(parent, side);
        node = parent;
      }
      node.parent!.isRed = false;
      grandparent.isRed = true;
      this.#turn(grandparent, otherSide);
    }
    this.#root!.isRed = false;
  }

  /** Moves a node down to a side; its child of the other side takes its place. */
  #turn(node: Node, side: Side): void {
    const otherSide: Side = side === 'left' ? 'right' : 'left';
    const child = node[otherSide]!;
    const inner = child[side];
    node[otherSide] = inner;
    if (inner !== undefined) inner.parent = node;
    child.parent = node.parent;
    if (node.parent === undefined) this.#root = child;
    else if (node.parent.left === node) node.parent.left = child;
    else node.parent.right = child;
    child[side] = node;
    node.parent = child;
    updateEndMax(node);
    updateEndMax(child);
  }
}

function updateEndMax(node: Node): void {
  node.endMax = node.range.endExclusive;
  for (const child of [node.left, node.right]) {
    if (child !== undefined && child.endMax > node.endMax) node.endMax = child.endMax;
  }
}

/** A subtree whose intervals begin at or after the end asked for is passed over, as if none of them could overlap. */
function finds(node: Node | undefined, { start, endExclusive }: KeyRange): boolean {
  if (node === undefined) return false;
  const asked = { start, endExclusive };
  if (start < node.range.start && endExclusive <= node.range.start) return finds(node.left, asked);
  if (start < node.range.endExclusive) return true;
  const mayOverlap = node.endMax > start && node.range.start < endExclusive;
  return mayOverlap && (finds(node.left, asked) || finds(node.right, asked));
}

/** Returns how many black nodes each way down has. */
function checkNode(node: Node | undefined): number {
  if (node === undefined) return 1;
  const { left, right, isRed, endMax, range } = node;
  if (isRed && (left?.isRed === true || right?.isRed === true))
    throw new Error('no red node has a red child');
  const [leftCount, rightCount] = [checkNode(left), checkNode(right)];
  if (leftCount !== rightCount) throw new Error('all ways down have as many black nodes');
  const ends = [range.endExclusive, left?.endMax ?? '', right?.endMax ?? ''];
  if (ends.some((end) => end > endMax) || !ends.includes(endMax))
    throw new Error('endMax is the greatest end');
  return leftCount + (isRed ? 0 : 1);
}
