import type { Key, KeyRange } from './event-source.ts';

/**
 * Ranges with a value each, found by a key that lies in them: an AVL tree ordered by start, then end, in which
 * every node knows the greatest end below it. A lookup costs O(log n + hits) for ranges that nest or are
 * disjoint, as prefixes are.
 */
export class IntervalTree<V> {
  #root: Node<V> | undefined;
  #size = 0;

  /** How many ranges there are. */
  get size(): number {
    return this.#size;
  }

  get(range: KeyRange): V | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compareRanges(range, node.range);
      if (order === 0) return node.value;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** Sets the value of a range. */
  set(range: KeyRange, value: V): void {
    this.#root = this.#insert(this.#root, range, value);
  }

  /** Takes a range out, if it is there. */
  delete(range: KeyRange): void {
    this.#root = this.#remove(this.#root, range);
  }

  /** Adds the values of all ranges with `key` in them to `into`. */
  stab(key: Key, into: V[]): void {
    stabBelow(this.#root, key, into);
  }

  /** Checks order, heights and greatest ends of the whole tree, for tests. Returns what is wrong. */
  findFault(): string | undefined {
    return faultBelow(this.#root);
  }

  #insert(node: Node<V> | undefined, range: KeyRange, value: V): Node<V> {
    if (node === undefined) {
      this.#size++;
      return { range, value, left: undefined, right: undefined, height: 1, maxEnd: range.endExclusive };
    }
    const order = compareRanges(range, node.range);
    if (order === 0) node.value = value;
    else if (order < 0) node.left = this.#insert(node.left, range, value);
    else node.right = this.#insert(node.right, range, value);
    return balanced(node);
  }

  #remove(node: Node<V> | undefined, range: KeyRange): Node<V> | undefined {
    if (node === undefined) return undefined;
    const order = compareRanges(range, node.range);
    if (order < 0) {
      node.left = this.#remove(node.left, range);
      return balanced(node);
    }
    if (order > 0) {
      node.right = this.#remove(node.right, range);
      return balanced(node);
    }
    this.#size--;
    if (node.left === undefined) return node.right;
    if (node.right === undefined) return node.left;
    const next = leftmost(node.right);
    next.right = withoutLeftmost(node.right);
    next.left = node.left;
    return balanced(next);
  }
}

interface Node<V> {
  readonly range: KeyRange;
  value: V;
  left: Node<V> | undefined;
  right: Node<V> | undefined;
  height: number;
  maxEnd: Key;
}

function compareRanges(a: KeyRange, b: KeyRange): number {
  if (a.start !== b.start) return a.start < b.start ? -1 : 1;
  if (a.endExclusive !== b.endExclusive) return a.endExclusive < b.endExclusive ? -1 : 1;
  return 0;
}

function stabBelow<V>(node: Node<V> | undefined, key: Key, into: V[]): void {
  while (node !== undefined && key < node.maxEnd) {
    stabBelow(node.left, key, into);
    if (key < node.range.start) return;
    if (key < node.range.endExclusive) into.push(node.value);
    node = node.right;
  }
}

function leftmost<V>(node: Node<V>): Node<V> {
  while (node.left !== undefined) node = node.left;
  return node;
}

function withoutLeftmost<V>(node: Node<V>): Node<V> | undefined {
  if (node.left === undefined) return node.right;
  node.left = withoutLeftmost(node.left);
  return balanced(node);
}

function balanced<V>(node: Node<V>): Node<V> {
  const lean = heightOf(node.left) - heightOf(node.right);
  if (lean > 1 && node.left !== undefined) {
    if (heightOf(node.left.left) < heightOf(node.left.right)) node.left = rotatedLeft(node.left);
    return rotatedRight(node);
  }
  if (lean < -1 && node.right !== undefined) {
    if (heightOf(node.right.right) < heightOf(node.right.left)) node.right = rotatedRight(node.right);
    return rotatedLeft(node);
  }
  return updated(node);
}

function rotatedLeft<V>(node: Node<V>): Node<V> {
  const top = node.right;
  if (top === undefined) return updated(node);
  node.right = top.left;
  top.left = updated(node);
  return updated(top);
}

function rotatedRight<V>(node: Node<V>): Node<V> {
  const top = node.left;
  if (top === undefined) return updated(node);
  node.left = top.right;
  top.right = updated(node);
  return updated(top);
}

function updated<V>(node: Node<V>): Node<V> {
  node.height = 1 + Math.max(heightOf(node.left), heightOf(node.right));
  node.maxEnd = maxEndOf(node);
  return node;
}

function maxEndOf<V>(node: Node<V>): Key {
  let maxEnd = node.range.endExclusive;
  if (node.left !== undefined && node.left.maxEnd > maxEnd) maxEnd = node.left.maxEnd;
  if (node.right !== undefined && node.right.maxEnd > maxEnd) maxEnd = node.right.maxEnd;
  return maxEnd;
}

function heightOf<V>(node: Node<V> | undefined): number {
  return node === undefined ? 0 : node.height;
}

function faultBelow<V>(node: Node<V> | undefined): string | undefined {
  if (node === undefined) return undefined;
  const { left, right } = node;
  if (left !== undefined && compareRanges(left.range, node.range) >= 0) return 'left child is not smaller';
  if (right !== undefined && compareRanges(right.range, node.range) <= 0) return 'right child is not greater';
  if (Math.abs(heightOf(left) - heightOf(right)) > 1) return 'heights differ by more than one';
  if (node.height !== 1 + Math.max(heightOf(left), heightOf(right))) return 'height is wrong';
  if (node.maxEnd !== maxEndOf(node)) return 'greatest end is wrong';
  return faultBelow(left) ?? faultBelow(right);
}
