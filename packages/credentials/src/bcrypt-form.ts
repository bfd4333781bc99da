/** `$2a$`, two digits of cost, 22 characters of salt and 31 of digest; `$2b$` and `$2y$` are the same algorithm. */
const hashForm = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/;

/** Of a password, bcrypt looks at this many bytes only. */
export const passwordBytesMax = 72;

const costDefault = 10;
const costMin = 4;
const costMax = 31;

/** The cost to work with: as asked for, or 10 when bcrypt has no such cost, as etcd takes `--bcrypt-cost`. */
export function bcryptCost(asked: number | undefined): number {
  const fits = asked !== undefined && Number.isInteger(asked) && asked >= costMin && asked <= costMax;
  return fits ? asked : costDefault;
}

/** Whether this is a bcrypt hash that can be compared with. */
export function isBcryptHash(hash: string): boolean {
  return hashForm.test(hash);
}

/** A well-formed hash of that cost and of no password: comparing with it takes as long as with a real one. */
export function hashOfNobody(cost: number): string {
  return `$2a$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`;
}

/** Whether bcrypt would overlook the end of this password. */
export function isTooLong(password: string): boolean {
  return password.length > passwordBytesMax || Buffer.byteLength(password) > passwordBytesMax;
}

/**
 * The part of a password that bcrypt looks at, and perhaps a little more, so that a megabyte of password costs no
 * more than a short one. A UTF-16 unit is at least one byte; one unit more than needed may be half of a pair.
 */
export function significantPart(password: string): string {
  return password.slice(0, passwordBytesMax + 1);
}
