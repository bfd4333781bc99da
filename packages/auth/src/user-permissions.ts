import { keyRange, unboundedEnd, type KeyRange } from '@quorate/std';
import { authpb } from '@quorate/wire';
import { IntervalTree } from './interval-tree.ts';
import { KeyIntervals } from './key-intervals.ts';

/** What somebody may do with keys. */
export interface KeyPermissions {
  mayRead(range: KeyRange): boolean;
  mayWrite(range: KeyRange): boolean;
  equals(other: KeyPermissions): boolean;
}

/** What all permissions of a user's roles come to together. */
export class UserPermissions implements KeyPermissions {
  readonly #readable: PermittedKeys;
  readonly #writable: PermittedKeys;

  /** In the order of roles and of their permissions. One of a kind that we do not know gives nothing. */
  constructor(permissions: readonly authpb.Permission[]) {
    const { READ, WRITE } = authpb.Permission_Type;
    this.#readable = new PermittedKeys(permissions, READ);
    this.#writable = new PermittedKeys(permissions, WRITE);
  }

  mayRead(range: KeyRange): boolean {
    return this.#readable.cover(range);
  }

  mayWrite(range: KeyRange): boolean {
    return this.#writable.cover(range);
  }

  equals(other: KeyPermissions): boolean {
    return (
      other instanceof UserPermissions &&
      this.#readable.equals(other.#readable) &&
      this.#writable.equals(other.#writable)
    );
  }
}

/** The role `root`: every key. */
export const allPermitted: KeyPermissions = {
  mayRead: () => true,
  mayWrite: () => true,
  equals: (other) => other === allPermitted,
};

/** The keys of permissions of one type. */
class PermittedKeys {
  readonly #ranges: readonly KeyRange[];
  readonly #union: KeyIntervals;
  /** Made when first asked for, which hardly anybody does. */
  #tree: IntervalTree | undefined;

  constructor(permissions: readonly authpb.Permission[], type: authpb.Permission_Type) {
    const { READWRITE } = authpb.Permission_Type;
    this.#ranges = permissions
      .filter(({ permType }) => permType === type || permType === READWRITE)
      .map(rangeOf);
    this.#union = new KeyIntervals(this.#ranges);
  }

  /**
   * A range without a key in it is decided as by etcd's search, shape of its tree and all: members that apply a
   * transaction with such a range have to agree. It is never permitted where its start is not, and selects nothing.
   */
  cover(range: KeyRange): boolean {
    if (range.start < range.endExclusive) return this.#union.covers(range);
    this.#tree ??= new IntervalTree(this.#ranges);
    return this.#tree.findsStartOf(range);
  }

  equals(other: PermittedKeys): boolean {
    return this.#union.equals(other.#union);
  }
}

/**
 * No key is empty: a permission on one, which older versions let in, begins behind all keys as with etcd, and holds
 * none.
 */
function rangeOf({ key, rangeEnd }: authpb.Permission): KeyRange {
  const range = keyRange(key, rangeEnd);
  return key.length === 0 ? { start: unboundedEnd, endExclusive: range.endExclusive } : range;
}
