import { keyRange, type KeyRange } from '@quorate/std';
import { authpb } from '@quorate/wire';
import { KeyIntervals } from './key-intervals.ts';

/** What somebody may do with keys. */
export interface KeyPermissions {
  mayRead(range: KeyRange): boolean;
  mayWrite(range: KeyRange): boolean;
  equals(other: KeyPermissions): boolean;
}

/** What all permissions of a user's roles come to together. */
export class UserPermissions implements KeyPermissions {
  readonly #readable: KeyIntervals;
  readonly #writable: KeyIntervals;

  /** One of a kind that we do not know gives nothing. */
  constructor(permissions: readonly authpb.Permission[]) {
    const { READ, WRITE, READWRITE } = authpb.Permission_Type;
    const ofType = (type: authpb.Permission_Type): KeyIntervals =>
      new KeyIntervals(
        permissions.filter(({ permType }) => permType === type || permType === READWRITE).map(rangeOf),
      );
    this.#readable = ofType(READ);
    this.#writable = ofType(WRITE);
  }

  mayRead(range: KeyRange): boolean {
    return this.#readable.covers(range);
  }

  mayWrite(range: KeyRange): boolean {
    return this.#writable.covers(range);
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

/** No key is empty. Such a permission, which older versions let in, gives nothing, whatever its end. */
const nothing: KeyRange = { start: '', endExclusive: '' };

function rangeOf({ key, rangeEnd }: authpb.Permission): KeyRange {
  return key.length === 0 ? nothing : keyRange(key, rangeEnd);
}
