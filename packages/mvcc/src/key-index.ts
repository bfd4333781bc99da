import { invariant } from '@quorate/std';
import { KeyTree, Leaf, type TreeNode } from './key-tree.ts';
import { storedSize } from './key-value-bytes.ts';
import { revisionKeySize, tombstoneKeySize } from './revision-key.ts';
import type { RevisionSet } from './revision-set.ts';
import type { Key } from './types.ts';
import { VersionTable } from './version-table.ts';

/**
 * Which versions each key has. The generations of etcd's index (one for each life of a key, ended by a
 * tombstone) are not stored as such: they are what lies between the tombstones of a key's chain.
 */
export class KeyIndex {
  readonly tree = new KeyTree();
  readonly versions = new VersionTable();

  /** The version of a key as of a revision, 0 when it was absent then. */
  at(head: number, revision: number): number {
    const version = this.versions.atOrBefore(Math.abs(head), revision);
    return version !== 0 && this.versions.isTombstone(version) ? 0 : version;
  }

  /** What a version adds to the size of the store: the key and value etcd's backend would hold. */
  storedBytes(version: number): number {
    const { versions } = this;
    const tombstone = versions.isTombstone(version);
    const value = storedSize(versions.size(version), tombstone, versions.main(version));
    return value + (tombstone ? tombstoneKeySize : revisionKeySize);
  }

  /**
   * Calls `visit` with the heads of up to `count` keys from `from` on (all keys when undefined), in order.
   * Returns the key to go on from, undefined at the end. `visit` must not change the tree.
   */
  walk(from: Key | undefined, count: number, visit: (head: number, key: Key) => void): Key | undefined {
    this.tree.seek(from ?? '');
    let leaf = this.tree.leaf;
    let position = this.tree.position;
    for (let left = count; left > 0; position++) {
      if (position >= leaf.keys.length) {
        if (leaf.next === undefined) return undefined;
        leaf = leaf.next;
        position = -1;
        continue;
      }
      visit(leaf.heads[position]!, leaf.keys[position]!); // Both lists are as long.
      left--;
    }
    return position < leaf.keys.length ? leaf.keys[position] : leaf.next?.keys[0];
  }

  /**
   * Cuts a chain back to what a compaction at `revision` keeps: the newest version at or below it (unless that
   * is an older tombstone) and all above. `drop` is called for each version that goes, before it goes.
   * Returns `kept`, whether a version at or below stays, and `empty`, whether none is left.
   */
  compact(
    head: number,
    revision: number,
    drop: (version: number) => void,
  ): { kept: boolean; empty: boolean } {
    const { versions } = this;
    const newest = Math.abs(head);
    const last = versions.atOrBefore(newest, revision);
    if (last === 0) return { kept: false, empty: false };
    const goes = versions.isTombstone(last) && versions.main(last) < revision;
    if (goes && last === newest) {
      this.#removeChain(last, drop);
      return { kept: false, empty: true };
    }
    const rest = versions.cutBehind(newest, goes ? this.#newerThan(newest, last) : last);
    this.#removeChain(rest, drop);
    return { kept: !goes, empty: false };
  }

  /**
   * Adds to `hidden` the versions up to `revision` that a hash at `readRevision` (at least `revision`) does not
   * count, and to `compacted` those of them that a compaction at `revision` drops. Returns whether the
   * key has a version that counts.
   */
  collectHidden(head: number, at: HashBounds, hidden: RevisionSet, compacted: RevisionSet): boolean {
    const { versions } = this;
    const counted = this.at(head, at.readRevision);
    const last = versions.atOrBefore(Math.abs(head), at.revision);
    for (let id = last; id !== 0; id = versions.older(id)) {
      if (id === counted) continue;
      hidden.add(versions.main(id), versions.sub(id));
      const kept = id === last && !(versions.isTombstone(id) && versions.main(id) < at.revision);
      if (!kept) compacted.add(versions.main(id), versions.sub(id));
    }
    return counted !== 0;
  }

  /** @throws InvariantError when a chain or the tree is broken. */
  checkInvariants(): void {
    this.tree.checkInvariants();
    let count = 0;
    this.walk(undefined, Infinity, (head) => {
      invariant(
        this.versions.isTombstone(Math.abs(head)) === head < 0,
        'the sign of a head marks a tombstone',
      );
      for (let id = Math.abs(head); id !== 0; id = this.versions.older(id)) {
        count++;
        this.#checkVersion(id, id === Math.abs(head));
      }
    });
    invariant(count === this.versions.count, 'every version belongs to a key');
    this.#newestBelow(this.tree.root);
  }

  #newestBelow(node: TreeNode): number {
    let newest = 0;
    if (node instanceof Leaf) {
      for (const head of node.heads) newest = Math.max(newest, this.versions.main(Math.abs(head)));
    } else for (const child of node.children) newest = Math.max(newest, this.#newestBelow(child));
    invariant(!(newest > node.newest), 'no key has changed after what its nodes say');
    return newest;
  }

  #checkVersion(id: number, isHead: boolean): void {
    const { versions } = this;
    invariant(versions.isSuperseded(id) === !isHead, 'all versions but the newest are superseded');
    const older = versions.older(id);
    if (older === 0) return;
    const order = versions.main(id) - versions.main(older) || versions.sub(id) - versions.sub(older);
    invariant(order > 0, 'the revisions of a key descend along its chain');
    const jumped = versions.atOrBefore(id, versions.main(older));
    invariant(versions.main(jumped) <= versions.main(older), 'jumps stay within the chain');
  }

  #newerThan(newest: number, version: number): number {
    let id = newest;
    while (this.versions.older(id) !== version) id = this.versions.older(id);
    return id;
  }

  #removeChain(newest: number, drop: (version: number) => void): void {
    for (let id = newest; id !== 0;) {
      drop(id);
      id = this.versions.remove(id);
    }
  }
}

/** Bounds of a hash: what was compacted, and what is read. */
export interface HashBounds {
  readonly revision: number;
  readonly readRevision: number;
}
