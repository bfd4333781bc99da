import { SeededRandom } from '@quorate/std';
import { ends, shortKeys, type Span } from './keys.ts';
import type { Grant } from './oracle.ts';

/** Users, roles, leases and keys that a server is filled with, as plain data. */
export interface House {
  /** Permissions by role; beside them there is `root`. */
  readonly roles: Readonly<Record<string, readonly Grant[]>>;
  /** Roles by user. Their passwords are `passwordOf` them; those in `keyless` have none. */
  readonly users: Readonly<Record<string, readonly string[]>>;
  readonly keyless: readonly string[];
  /** Values by key. */
  readonly keys: ReadonlyMap<string, { readonly value: string; readonly lease: bigint }>;
  readonly leases: readonly bigint[];
}

/** The password of a user. */
export function passwordOf(user: string): string {
  return `the password of ${user}`;
}

/** Whom every house has: he turns authentication on. */
export const rootUser = 'root';

const whole: Span = { key: '\0', end: '\0' };

function grant(mode: Grant['mode'], key: string, end = ''): Grant {
  return { mode, key, end };
}

/**
 * Each user has what he has by one role or more, whose borders meet those of requests: a key, the key below, the key
 * above, the end, and ranges that touch, overlap, or leave out one key between them.
 */
export const house: House = {
  roles: {
    reader: [grant('READ', whole.key, whole.end)],
    writer: [grant('WRITE', whole.key, whole.end)],
    readwriter: [grant('READWRITE', whole.key, whole.end)],
    onlyA: [grant('READWRITE', 'a')],
    readA: [grant('READ', 'a')],
    fromAtoB: [grant('READWRITE', 'a', 'b')],
    readAtoB: [grant('READ', 'a', 'b')],
    fromBtoFf: [grant('READWRITE', 'b', '\u00ff')],
    fromB: [grant('READWRITE', 'b', '\0')],
    prefixFf: [grant('READWRITE', '\u00ff', '\0')],
    prefixAFf: [grant('READWRITE', 'a\u00ff', 'b')],
    readBelowB: [grant('READ', '\0', 'b')],
    writeFromA: [grant('WRITE', 'a', '\0')],
    // [a] and [a\0, b): all from a on below b, in two pieces that touch; and the same but for one key.
    pieces: [grant('READWRITE', 'a'), grant('READWRITE', 'a\0', 'b')],
    gap: [grant('READWRITE', 'a', 'ab'), grant('READWRITE', 'ab'), grant('READWRITE', 'b')],
    holed: [grant('READWRITE', '\0', 'ab'), grant('READWRITE', 'a\u00ff', '\0')],
    overlapping: [grant('READ', 'a', 'b'), grant('READ', 'aa', 'bb'), grant('WRITE', 'b', '\u00ff')],
    zero: [grant('READWRITE', '\0')],
    empty: [],
    // Locks without a name, and the election named 0.
    locks: [grant('READWRITE', '/', '0')],
    readLocks: [grant('READ', '/', '0')],
    writeLocks: [grant('WRITE', '/', '0')],
    lockB: [grant('READWRITE', '/b')],
    readElection: [grant('READ', '0/', '00')],
  },
  users: {
    root: ['root'],
    noroles: [],
    emptyrole: ['empty'],
    reader: ['reader'],
    writer: ['writer'],
    readwriter: ['readwriter'],
    onlyA: ['onlyA'],
    readA: ['readA'],
    fromAtoB: ['fromAtoB'],
    fromB: ['fromB'],
    adjacent: ['fromAtoB', 'fromBtoFf'],
    readThenMore: ['readAtoB', 'fromBtoFf'],
    prefixFf: ['prefixFf'],
    prefixAFf: ['prefixAFf'],
    crossing: ['readBelowB', 'writeFromA'],
    pieces: ['pieces'],
    gap: ['gap'],
    holed: ['holed'],
    overlapping: ['overlapping'],
    zero: ['zero'],
    locker: ['locks'],
    lockerA: ['locks', 'onlyA'],
    lockReader: ['readLocks'],
    lockWriter: ['writeLocks'],
    lockB: ['lockB', 'onlyA'],
    observer: ['readElection'],
    rooted: ['readA', 'root'],
    // Names are data.
    ['__proto__']: ['onlyA'],
    // These change while the house is furnished.
    deleted: ['readwriter'],
    recreated: ['readwriter'],
    repassworded: ['readwriter'],
    toggled: ['readwriter'],
    expired: ['readwriter'],
    revoked: ['readwriter'],
    // Nobody but those who administer touches this one.
    victim: ['readA'],
    keyless: ['fromAtoB'],
  },
  keyless: ['keyless'],
  keys: keysWithLeases({
    '\0': 0n,
    a: 11n,
    'a\0': 0n,
    aa: 12n,
    ab: 12n,
    'a\u00ff': 0n,
    b: 13n,
    'b\u00ff': 0n,
    '\u00ff': 14n,
    '\u00ff\u00ff': 14n,
    '0/f': 0n,
  }),
  leases: [11n, 12n, 13n, 14n, 15n],
};

/** A house of users with permissions by chance. */
export function randomHouse(seed: number, userCount: number): House {
  const random = new SeededRandom(seed);
  const pick = <T>(choices: readonly T[]): T => choices[random.below(choices.length)]!;
  const roles: Record<string, readonly Grant[]> = {};
  const users: Record<string, readonly string[]> = { root: ['root'] };
  for (let at = 0; at < userCount; at++) {
    const own: string[] = [];
    for (let part = 0; part <= random.below(2); part++) {
      const role = `role${at}-${part}`;
      roles[role] = Array.from({ length: 1 + random.below(4) }, () => randomGrant(pick));
      own.push(role);
    }
    users[`user${at}`] = own;
  }
  const keys = shortKeys.filter(() => random.below(2) === 0);
  const leases = [11n, 12n, 13n, 14n];
  return {
    roles,
    users,
    keyless: [],
    keys: keysWithLeases(Object.fromEntries(keys.map((key) => [key, pick([0n, 0n, 11n, 12n, 13n])]))),
    leases,
  };
}

/** A range that can be granted: it has a key. */
function randomGrant(pick: <T>(choices: readonly T[]) => T): Grant {
  for (;;) {
    const key = pick(shortKeys);
    const end = pick(ends);
    if (end === '' || end === '\0' || key < end) {
      return { mode: pick(['READ', 'WRITE', 'READWRITE', 'READWRITE']), key, end };
    }
  }
}

/** The values are words that appear nowhere else. */
function keysWithLeases(leases: Readonly<Record<string, bigint>>): House['keys'] {
  return new Map(
    Object.entries(leases).map(([key, lease], at) => [key, { value: `canary-value-${at}`, lease }]),
  );
}
