import { compareBytes, equalBytes } from '@quorate/std';
import type { authpb } from '@quorate/wire';
import { goSort } from './go-sort.ts';

/** The keys of a permission, as stored and as asked for. */
export type PermittedRange = Pick<authpb.Permission, 'key' | 'rangeEnd'>;

/** Whether a permission can be granted on the range: it has to hold a key. */
export function isGrantable({ key, rangeEnd }: PermittedRange): boolean {
  if (key.length === 0) return false;
  const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return rangeEnd.length === 0 || isOpen || compareBytes(key, rangeEnd) < 0;
}

/** Whether two ranges are written alike; ranges that hold the same keys in other words differ. */
export function sameRange(a: PermittedRange, b: PermittedRange): boolean {
  return equalBytes(a.key, b.key) && equalBytes(a.rangeEnd, b.rangeEnd);
}

/**
 * The permissions of a role with one more, as etcd 3.5 comes to them. It looks only at the first of those that begin
 * with the same key: if that has the same range, it is replaced. Else the new one is added, even where the same range
 * comes later in the list: both are then in force, until that range is revoked. A list by keys alone leaves open in
 * which order those of the same key are; since it decides which is the first, it has to be that of Go's sort.
 */
export function withPermission(
  permissions: readonly authpb.Permission[],
  added: authpb.Permission,
): authpb.Permission[] {
  const first = permissions.findIndex(({ key }) => compareBytes(key, added.key) >= 0);
  if (first >= 0 && sameRange(permissions[first]!, added)) return permissions.with(first, added);
  return goSort([...permissions, added], (a, b) => compareBytes(a.key, b.key) < 0);
}
