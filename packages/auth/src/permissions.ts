import { compareBytes, equalBytes } from '@quorate/std';
import type { authpb } from '@quorate/wire';

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

/** The permissions with one more, which takes the place of one on the same range; undefined when it is there already. */
export function insertPermission(
  permissions: readonly authpb.Permission[],
  added: authpb.Permission,
): authpb.Permission[] | undefined {
  const at = permissions.findIndex((permission) => sameRange(permission, added));
  if (at >= 0) {
    return permissions[at]!.permType === added.permType ? undefined : permissions.with(at, added);
  }
  return [...permissions, added].sort((a, b) => compareBytes(a.key, b.key));
}
