import { invariant } from '@quorate/std';
import { packLeaf, summaryOf, unpackLeaf, type PackedLeaf } from './packed-leaf.ts';
import { insertInto, SortedKeys } from './sorted-keys.ts';
import type { Key } from './types.ts';

/**
 * The ordered index of all keys: a B+tree that counts. Each key has a `head`, the number of its newest version,
 * negative when that is a tombstone; a key with a positive head is live. Inner nodes know how many live keys
 * are below each child, so that a rank, and with it the count of a range, takes O(log n). Each node knows when a key
 * below it has changed last, so that what has not changed since a revision need not be looked at to be counted as of it.
 *
 *      Inner    keys[i], a separator, is above all keys of children[i], and at most the first of children[i + 1]
 *      Leaf     keys ascending, heads beside them; leaves are chained in key order
 */
export class Leaf extends SortedKeys {
  heads: number[];
  previous: Leaf | undefined = undefined;
  live = 0;
  /** No key of it has changed after this revision; NaN where nobody has looked yet. */
  newest = NaN;
  #next: Leaf | undefined = undefined;
  /** What it holds, while nobody asks for it; `keys` and `heads` are empty then. */
  #packed: PackedLeaf | undefined;
  /** Whether somebody came to it since `packIfIdle` was called last. */
  #visited = true;

  constructor(keys: Key[], heads: number[], packed?: PackedLeaf) {
    super(keys);
    this.heads = heads;
    this.#packed = packed;
  }

  /** The leaf behind this one, ready to be read. */
  get next(): Leaf | undefined {
    this.#next?.unpack();
    return this.#next;
  }

  set next(leaf: Leaf | undefined) {
    this.#next = leaf;
  }

  /** The same, as it is: for its bytes. */
  get nextAsItIs(): Leaf | undefined {
    return this.#next;
  }

  /** What it holds as bytes. It must hold something. */
  get packed(): PackedLeaf {
    return this.#packed ?? packLeaf(this, this.live);
  }

  /** Whether it holds nothing. */
  get isEmpty(): boolean {
    return this.#packed === undefined && this.keys.length === 0;
  }

  /** Makes `keys` and `heads` of what is packed. Whoever comes to a leaf by another way than `next` calls it. */
  unpack(): void {
    this.#visited = true;
    if (this.#packed !== undefined) this.#unpackNow(this.#packed);
  }

  /** Packs it when nobody came to it since the last call. Returns whether it did. */
  packIfIdle(): boolean {
    const isIdle = !this.#visited;
    this.#visited = false;
    if (!isIdle || this.#packed !== undefined || this.keys.length === 0) return false;
    this.#packed = packLeaf(this, this.live);
    this.setKeys([]);
    this.heads = [];
    return true;
  }

  #unpackNow(packed: PackedLeaf): void {
    this.#packed = undefined;
    const { keys, heads } = unpackLeaf(packed);
    this.setKeys(keys);
    this.heads = heads;
  }
}

/** Its keys are the separators. */
export class Inner extends SortedKeys {
  children: TreeNode[];
  counts: number[];
  /** As that of a leaf, of all keys below it. */
  newest = NaN;

  constructor(separators: Key[], children: TreeNode[], counts: number[]) {
    super(separators);
    this.children = children;
    this.counts = counts;
  }

  /**
   * How many bytes `key` and all keys below child `step` share, when `known` bytes are shared with this node:
   * between two separators lies only what shares what they share.
   */
  knownBelow(step: number, known: number): number {
    return step > 0 && step < this.keys.length ? this.shared : known;
  }
}

/** A node of the tree: for those who read it. */
export type TreeNode = Inner | Leaf;

const leafMax = 64;
const innerMax = 64;
/** A node with fewer entries is joined with a neighbour, if both fit with room to spare. */
const nodeMin = 16;
const joinMax = 48;
/** So many entries a node gets by `build`: nodes with room, about as many as inserting leaves; or none, as appending does. */
const entriesBuilt = { roomy: 48, full: 64 } as const;

/** The index; `seek` moves its one cursor, and the changing methods work at the cursor. */
export class KeyTree {
  /** Where the last `seek` ended: the place of the key, or where it would be inserted. */
  leaf: Leaf = new Leaf([], []);
  position = 0;
  found = false;

  #root: TreeNode = this.leaf;
  #keyCount = 0;
  #liveCount = 0;
  /** The inner nodes from the root to `leaf`, and in each the child that was taken. */
  readonly #path: Inner[] = [];
  readonly #steps: number[] = [];
  #depth = 0;
  /** Where `packIdle` goes on; undefined for the first leaf. */
  #nextToPack: Leaf | undefined;

  /** The node above all others. */
  get root(): TreeNode {
    return this.#root;
  }

  /** Keys, with those whose newest version is a tombstone. */
  get keyCount(): number {
    return this.#keyCount;
  }

  /** Keys whose newest version is a put. */
  get liveCount(): number {
    return this.#liveCount;
  }

  /** Moves the cursor to `key`. */
  seek(key: Key): void {
    let node = this.#root;
    let depth = 0;
    let known = 0;
    while (node instanceof Inner) {
      const step = node.upperBound(key, known);
      known = node.knownBelow(step, known);
      this.#path[depth] = node;
      this.#steps[depth++] = step;
      node = node.children[step]!; // There is one child more than there are separators.
    }
    this.#depth = depth;
    node.unpack();
    this.leaf = node;
    this.position = node.lowerBound(key, known);
    this.found = node.keys[this.position] === key;
  }

  /** The head at the cursor, 0 when the key is absent. */
  get head(): number {
    return this.found ? this.leaf.heads[this.position]! : 0;
  }

  /**
   * Sets the head of the key at the cursor, which `seek(key)` just put there: a version of `revision`, which no other is
   * above, or NaN where that does not matter yet. The cursor is void then.
   */
  setHead(key: Key, head: number, revision = NaN): void {
    this.leaf.newest = revision;
    for (let level = 0; level < this.#depth; level++) this.#path[level]!.newest = revision;
    if (!this.found) {
      this.#insert(key, head);
      return;
    }
    const wasLive = this.leaf.heads[this.position]! > 0;
    this.leaf.heads[this.position] = head;
    if (wasLive !== head > 0) this.#addLive(head > 0 ? 1 : -1);
  }

  /**
   * Fills an empty tree with keys that ascend strictly, and their heads, from the leaves up. `nodes` are 'full'
   * when later keys are likely to be appended, 'roomy' when they come anywhere. The cursor is void then.
   */
  build(keys: readonly Key[], heads: readonly number[], nodes: keyof typeof entriesBuilt): void {
    invariant(this.#keyCount === 0, 'only an empty tree is built');
    invariant(keys.length === heads.length, 'each key has a head');
    if (keys.length === 0) return;
    const size = entriesBuilt[nodes];
    let level = buildLeaves(keys, heads, size);
    while (level.nodes.length > 1) level = buildInners(level, size);
    this.#root = level.nodes[0]!; // One is left.
    this.#keyCount = keys.length;
    this.#liveCount = level.counts[0]!;
  }

  /**
   * Goes on its round through the leaves for `visits` of them, and packs up to `packs` that nobody came to since the
   * last round: a tenth of the memory. The cursor is void then.
   */
  packIdle({ visits, packs }: { readonly visits: number; readonly packs: number }): void {
    let leaf = this.#nextToPack ?? this.#firstLeaf();
    let packed = 0;
    for (let visited = 0; visited < visits && packed < packs; visited++) {
      if (leaf.packIfIdle()) packed++;
      const next = leaf.nextAsItIs;
      this.#nextToPack = next;
      if (next === undefined) return;
      leaf = next;
    }
  }

  #firstLeaf(): Leaf {
    let node = this.#root;
    while (node instanceof Inner) node = node.children[0]!; // An inner node has children.
    return node;
  }

  /** The leaves as bytes, in key order. */
  *packedLeaves(): Generator<PackedLeaf> {
    for (let leaf: Leaf | undefined = this.#firstLeaf(); leaf !== undefined; leaf = leaf.nextAsItIs) {
      if (!leaf.isEmpty) yield leaf.packed;
    }
  }

  /**
   * Fills an empty tree with leaves as bytes, which stay so until somebody comes to them: views of them are kept.
   *
   * @throws RangeError when the bytes are none of a leaf
   */
  buildPacked(leaves: readonly PackedLeaf[]): void {
    invariant(this.#keyCount === 0, 'only an empty tree is built');
    if (leaves.length === 0) return;
    const lowest = takePackedLeaves(leaves);
    let level: Level = lowest;
    while (level.nodes.length > 1) level = buildInners(level, entriesBuilt.roomy);
    this.#root = level.nodes[0]!; // One is left.
    this.#keyCount = lowest.keyCount;
    this.#liveCount = level.counts[0]!;
  }

  /** Removes a key that is there. */
  remove(key: Key): void {
    this.seek(key);
    invariant(this.found, 'a key to be removed is there');
    const { leaf, position } = this;
    if (leaf.heads[position]! > 0) this.#addLive(-1);
    leaf.removeAt(position);
    leaf.heads.splice(position, 1);
    this.#keyCount--;
    if (leaf.keys.length < nodeMin) this.#shrink();
  }

  /** How many live keys lie before `key`. */
  liveRank(key: Key): number {
    let node = this.#root;
    let rank = 0;
    let known = 0;
    while (node instanceof Inner) {
      const step = node.upperBound(key, known);
      known = node.knownBelow(step, known);
      for (let i = 0; i < step; i++) rank += node.counts[i]!;
      node = node.children[step]!;
    }
    node.unpack();
    const end = node.lowerBound(key, known);
    for (let i = 0; i < end; i++) if (node.heads[i]! > 0) rank++;
    return rank;
  }

  /** The live key before which `rank` others lie; undefined when there are no more than that. */
  liveKeyAt(rank: number): Key | undefined {
    if (rank >= this.#liveCount) return undefined;
    let node = this.#root;
    let left = rank;
    while (node instanceof Inner) {
      let step = 0;
      for (; left >= node.counts[step]!; step++) left -= node.counts[step]!;
      node = node.children[step]!;
    }
    node.unpack();
    const { heads } = node;
    for (let i = 0; i < heads.length; i++) if (heads[i]! > 0 && left-- === 0) return node.keys[i];
    return undefined;
  }

  /** @throws InvariantError when the tree is not what the drawing says. */
  checkInvariants(): void {
    const seen = { keys: 0, last: undefined as Leaf | undefined };
    const live = this.#check(this.#root, undefined, undefined, seen);
    invariant(seen.last?.next === undefined, 'the last leaf ends the chain');
    invariant(live === this.#liveCount, 'the live keys are counted');
    invariant(seen.keys === this.#keyCount, 'the keys are counted');
  }

  #insert(key: Key, head: number): void {
    const { leaf, position } = this;
    leaf.insertAt(position, key);
    insertInto(leaf.heads, position, head);
    this.#keyCount++;
    if (head > 0) this.#addLive(1);
    if (leaf.keys.length > leafMax) this.#splitLeaf(leaf);
  }

  #addLive(delta: number): void {
    this.#liveCount += delta;
    this.leaf.live += delta;
    for (let level = 0; level < this.#depth; level++) {
      const counts = this.#path[level]!.counts;
      const step = this.#steps[level]!;
      counts[step] = counts[step]! + delta;
    }
  }

  #splitLeaf(leaf: Leaf): void {
    // Keys that come in ascending order leave full leaves behind.
    const appending = leaf.next === undefined && this.position === leafMax;
    const at = appending ? leafMax : leafMax >>> 1;
    const right = new Leaf(leaf.cutKeys(at), leaf.heads.slice(at));
    right.newest = leaf.newest;
    leaf.heads.length = at;
    for (const head of right.heads) if (head > 0) right.live++;
    leaf.live -= right.live;
    right.next = leaf.next;
    right.previous = leaf;
    if (right.next !== undefined) right.next.previous = right;
    leaf.next = right;
    this.#addChild(this.#depth - 1, leaf, right, right.keys[0]!, right.live);
  }

  /** Puts `right` behind `left` into the parent of `left`, which lies at `level` of the path. */
  #addChild(level: number, left: TreeNode, right: TreeNode, separator: Key, rightLive: number): void {
    if (level < 0) {
      const root = new Inner([separator], [left, right], [this.#liveCount - rightLive, rightLive]);
      root.newest = left.newest;
      this.#root = root;
      return;
    }
    const parent = this.#path[level]!;
    const step = this.#steps[level]!;
    parent.insertAt(step, separator);
    insertInto(parent.children, step + 1, right);
    insertInto(parent.counts, step + 1, rightLive);
    parent.counts[step] = parent.counts[step]! - rightLive;
    if (parent.children.length > innerMax) this.#splitInner(level, parent, step === innerMax - 1);
  }

  #splitInner(level: number, node: Inner, appending: boolean): void {
    const at = appending ? innerMax - 1 : innerMax >>> 1;
    const right = new Inner(node.cutKeys(at), node.children.slice(at), node.counts.slice(at));
    right.newest = node.newest;
    const separator = node.cutKeys(at - 1)[0]!; // A node that splits has separators on both sides of it.
    node.children.length = node.counts.length = at;
    let live = 0;
    for (const count of right.counts) live += count;
    this.#addChild(level - 1, node, right, separator, live);
  }

  /** The leaf at the cursor is small: joins it with a neighbour, and so on up the path. */
  #shrink(): void {
    let node: TreeNode = this.leaf;
    for (let level = this.#depth - 1; level >= 0; level--) {
      const parent = this.#path[level]!;
      const step = this.#steps[level]!;
      if (entriesOf(node) === 0) removeChild(parent, step, node);
      else if (!joinChildren(parent, step) && !joinChildren(parent, step - 1)) return;
      node = parent;
      if (parent.children.length >= nodeMin) return;
    }
    while (this.#root instanceof Inner && this.#root.children.length <= 1) {
      this.#root = this.#root.children[0] ?? new Leaf([], []);
    }
  }

  #check(
    node: TreeNode,
    from: Key | undefined,
    below: Key | undefined,
    seen: { keys: number; last: Leaf | undefined },
  ): number {
    if (node instanceof Leaf) return checkLeaf(node, from, below, seen);
    invariant(node.children.length === node.keys.length + 1, 'separators lie between children');
    node.checkKeys();
    invariant(node.counts.length === node.children.length, 'each child has a count');
    invariant(node.children.length <= innerMax, 'an inner node is not overfull');
    let total = 0;
    node.children.forEach((child, i) => {
      const live = this.#check(child, node.keys[i - 1] ?? from, node.keys[i] ?? below, seen);
      invariant(live === node.counts[i], 'a count is that of the live keys below the child');
      total += live;
    });
    return total;
  }
}

/** Nodes of a tree that lie side by side: the first key below each, and how many below it are live. */
interface Level {
  readonly nodes: TreeNode[];
  readonly firsts: Key[];
  readonly counts: number[];
}

function buildLeaves(keys: readonly Key[], heads: readonly number[], size: number): Level {
  const level: Level = { nodes: [], firsts: [], counts: [] };
  let previous: Leaf | undefined;
  forEachShare(keys.length, size, (start, end) => {
    const leaf = new Leaf(keys.slice(start, end), heads.slice(start, end));
    for (const head of leaf.heads) if (head > 0) leaf.live++;
    leaf.previous = previous;
    if (previous !== undefined) previous.next = leaf;
    previous = leaf;
    level.nodes.push(leaf);
    level.firsts.push(keys[start]!); // No share is empty.
    level.counts.push(leaf.live);
  });
  return level;
}

function takePackedLeaves(leaves: readonly PackedLeaf[]): Level & { readonly keyCount: number } {
  const level: Level = { nodes: [], firsts: [], counts: [] };
  let previous: Leaf | undefined;
  let keyCount = 0;
  for (const packed of leaves) {
    const { count, live, first } = summaryOf(packed);
    const leaf = new Leaf([], [], packed);
    leaf.live = live;
    leaf.previous = previous;
    if (previous !== undefined) previous.next = leaf;
    previous = leaf;
    level.nodes.push(leaf);
    level.firsts.push(first);
    level.counts.push(live);
    keyCount += count;
  }
  return { ...level, keyCount };
}

function buildInners({ nodes, firsts, counts }: Level, size: number): Level {
  const above: Level = { nodes: [], firsts: [], counts: [] };
  forEachShare(nodes.length, size, (start, end) => {
    const below = counts.slice(start, end);
    above.nodes.push(new Inner(firsts.slice(start + 1, end), nodes.slice(start, end), below));
    above.firsts.push(firsts[start]!); // No share is empty.
    above.counts.push(below.reduce((sum, count) => sum + count, 0));
  });
  return above;
}

/** Cuts `count` items into as few shares of at most `size` as will do, none larger than another by more than one. */
function forEachShare(
  count: number,
  size: number,
  visit: (start: number, endExclusive: number) => void,
): void {
  const shares = Math.ceil(count / size);
  for (let i = 0; i < shares; i++) {
    visit(Math.floor((count * i) / shares), Math.floor((count * (i + 1)) / shares));
  }
}

function checkLeaf(
  leaf: Leaf,
  from: Key | undefined,
  below: Key | undefined,
  seen: { keys: number; last: Leaf | undefined },
): number {
  leaf.unpack();
  invariant(leaf.previous === seen.last, 'a leaf knows the one before it');
  invariant(seen.last === undefined || seen.last.next === leaf, 'a leaf knows the one behind it');
  invariant(leaf.keys.length === leaf.heads.length && leaf.keys.length <= leafMax, 'a leaf is not overfull');
  leaf.checkKeys();
  let live = 0;
  leaf.keys.forEach((key, i) => {
    invariant((from === undefined || from <= key) && (below === undefined || key < below), 'separators hold');
    if (leaf.heads[i]! > 0) live++;
  });
  invariant(live === leaf.live, 'the live keys of a leaf are counted');
  seen.keys += leaf.keys.length;
  seen.last = leaf;
  return live;
}

function entriesOf(node: TreeNode): number {
  return node instanceof Leaf ? node.keys.length : node.children.length;
}

function removeChild(parent: Inner, step: number, child: TreeNode): void {
  if (child instanceof Leaf) {
    if (child.previous !== undefined) child.previous.next = child.next;
    if (child.next !== undefined) child.next.previous = child.previous;
  }
  parent.children.splice(step, 1);
  parent.counts.splice(step, 1);
  if (parent.keys.length > 0) parent.removeAt(Math.max(0, step - 1));
}

/** Moves the content of child `step + 1` into child `step`, when both are there and it fits. */
function joinChildren(parent: Inner, step: number): boolean {
  const left = parent.children[step];
  const right = parent.children[step + 1];
  if (left instanceof Leaf) left.unpack();
  if (right instanceof Leaf) right.unpack();
  if (left === undefined || right === undefined || entriesOf(left) + entriesOf(right) > joinMax) return false;
  if (left instanceof Leaf && right instanceof Leaf) {
    left.appendKeys(right.keys);
    left.heads.push(...right.heads);
    left.live += right.live;
  } else if (left instanceof Inner && right instanceof Inner) {
    left.appendKeys([parent.keys[step]!, ...right.keys]);
    left.children.push(...right.children);
    left.counts.push(...right.counts);
  }
  left.newest = Math.max(left.newest, right.newest);
  parent.counts[step] = parent.counts[step]! + parent.counts[step + 1]!;
  removeChild(parent, step + 1, right);
  return true;
}
