/**
 * Keys as sets, without a thought of how ranges are understood elsewhere.
 *
 * The universe below holds every key with which a permission or a request begins, and every one before which it ends
 * (but the end of all keys). Between two neighbours of these the lower one is the first key there is, and all keys up
 * to the next are in just the ranges that it is in. So ranges that hold a range's keys of the universe hold all its
 * keys.
 */

/** The least and the greatest byte, and two neighbours; as latin1 text, which compares as bytes do. */
export const alphabet: readonly string[] = ['\0', 'a', 'b', '\u00ff'];

/** As a request or a permission has it: `end` empty is the one key, `'\0'` is all keys from `key` on. */
export interface Span {
  readonly key: string;
  readonly end: string;
}

/** Every key of one or two letters: those that most requests are about. */
export const shortKeys: readonly string[] = [...wordsOf(1), ...wordsOf(2)];

/** Every end that requests have: none, and all of the above (among them `'\0'`, the end of all keys). */
export const ends: readonly string[] = ['', ...shortKeys];

/** Locks without a name, of the leases 5, 10, 11, 12 and 15; an election named 0; and where their prefixes end. */
const queueKeys = ['/5', '/a', '/b', '/c', '/f', '0/f'];
const queueBounds = ['/', '0', '0/', '00', ...queueKeys, ...queueKeys.map((key) => `${key}\0`)];

const universe: ReadonlySet<string> = new Set([...shortKeys, ...wordsOf(3), ...queueBounds]);

const selections = new Map<string, ReadonlySet<string>>();

/** The keys of the universe that are selected. */
export function select(span: Span): ReadonlySet<string> {
  const name = JSON.stringify([span.key, span.end]);
  let selected = selections.get(name);
  if (selected === undefined) selections.set(name, (selected = selectAnew(span)));
  return selected;
}

function selectAnew({ key, end }: Span): ReadonlySet<string> {
  const bounds = end === '\0' ? [key] : [key, end === '' ? `${key}\0` : end];
  if (!bounds.every((bound) => universe.has(bound)))
    throw new RangeError('the universe is too small for this');
  return new Set([...universe].filter((candidate) => isSelected(candidate, key, end)));
}

function isSelected(candidate: string, key: string, end: string): boolean {
  if (end === '') return candidate === key;
  if (candidate < key) return false;
  return end === '\0' || candidate < end;
}

function wordsOf(length: number): string[] {
  if (length === 0) return [''];
  return wordsOf(length - 1).flatMap((word) => alphabet.map((letter) => word + letter));
}
