import type { AuthChange, Permission } from '../../history/auth.ts';
import type { Chance } from '../chance.ts';
import { keyName } from '../clients/draw-request.ts';
import type { AuthPlan } from '../swarm.ts';
import type { PasswordBook } from './password-book.ts';

/** What an administrator believes that users and roles are. */
export class Belief {
  isEnabled = false;
  readonly users = new Set<string>();
  readonly granted = new Set<string>();
  readonly permitted = new Map<string, { readonly role: string; readonly permission: Permission }>();
  readonly roles = new Set<string>();

  /** A change was made. */
  learn(change: AuthChange): void {
    switch (change.kind) {
      case 'authEnable':
        this.isEnabled = true;
        break;
      case 'authDisable':
        this.isEnabled = false;
        break;
      case 'userAdd':
        this.users.add(change.user);
        break;
      case 'userDelete':
        this.users.delete(change.user);
        for (const grant of [...this.granted])
          if (grant.startsWith(`${change.user} `)) this.granted.delete(grant);
        break;
      case 'userGrantRole':
        this.granted.add(`${change.user} ${change.role}`);
        break;
      case 'userRevokeRole':
        this.granted.delete(`${change.user} ${change.role}`);
        break;
      case 'roleAdd':
        this.roles.add(change.role);
        break;
      case 'roleDelete':
        this.roles.delete(change.role);
        for (const [name, { role }] of [...this.permitted])
          if (role === change.role) this.permitted.delete(name);
        for (const grant of [...this.granted])
          if (grant.endsWith(` ${change.role}`)) this.granted.delete(grant);
        break;
      case 'roleGrant':
        this.permitted.set(nameOf(change), change);
        break;
      case 'roleRevoke':
        this.permitted.delete(nameOf(change));
        break;
      case 'userChangePassword':
        break;
    }
  }
}

type Range = Pick<Permission, 'key' | 'rangeEnd'>;

/** Names of the users of a plan: `u0`, `u1`, … */
export function userNames({ users }: AuthPlan): readonly string[] {
  return Array.from({ length: users }, (_, i) => `u${i}`);
}

/** Names of the roles of a plan: `r0`, `r1`, … */
export function roleNames({ roles }: AuthPlan): readonly string[] {
  return Array.from({ length: roles }, (_, i) => `r${i}`);
}

/** Draws what an administrator does. */
export class ChangeDrawer {
  readonly #chance: Chance;
  readonly #plan: AuthPlan;
  readonly #passwords: PasswordBook;
  readonly #ranges: ReadonlyMap<string, readonly Range[]>;

  constructor(options: {
    readonly chance: Chance;
    readonly plan: AuthPlan;
    /** How many keys clients use. */
    readonly keys: number;
    readonly passwords: PasswordBook;
  }) {
    const { chance, plan, keys, passwords } = options;
    this.#chance = chance;
    this.#plan = plan;
    this.#passwords = passwords;
    this.#ranges = new Map(roleNames(plan).map((role) => [role, drawRanges(chance.branch(role), keys)]));
  }

  /** What there is to begin with: users, each with a role, and roles that let them do something. */
  first(): readonly AuthChange[] {
    const users = userNames(this.#plan);
    const roles = roleNames(this.#plan);
    return [
      this.#addUser('root'),
      { kind: 'userGrantRole', user: 'root', role: 'root' },
      ...roles.flatMap((role): AuthChange[] => [
        { kind: 'roleAdd', role },
        this.#grant(role),
        this.#grant(role),
      ]),
      ...users.flatMap((user, i): AuthChange[] => [
        this.#addUser(user),
        { kind: 'userGrantRole', user, role: roles[i % roles.length]! },
      ]),
      { kind: 'authEnable' },
    ];
  }

  /** The next change; what was taken away comes back as often as it goes. */
  next(belief: Belief): AuthChange {
    const chance = this.#chance;
    if (!belief.isEnabled && chance.happens(0.8)) return { kind: 'authEnable' };
    const user = chance.pick(userNames(this.#plan));
    const role = chance.pick(roleNames(this.#plan));
    if (!belief.users.has(user)) return this.#addUser(user);
    if (!belief.roles.has(role)) return { kind: 'roleAdd', role };
    const dice = chance.below(100);
    if (dice < 45) return this.#grantOrRevoke(role, belief);
    if (dice < 72)
      return belief.granted.has(`${user} ${role}`)
        ? { kind: 'userRevokeRole', user, role }
        : { kind: 'userGrantRole', user, role };
    if (dice < 84) {
      const of = chance.happens(0.15) ? 'root' : user;
      return { kind: 'userChangePassword', user: of, password: this.#passwords.next(of) };
    }
    if (dice < 91) return { kind: 'userDelete', user };
    if (dice < 95) return { kind: 'roleDelete', role };
    return chance.below(100) < this.#plan.toggles
      ? { kind: 'authDisable' }
      : this.#grantOrRevoke(role, belief);
  }

  #addUser(user: string): AuthChange {
    return { kind: 'userAdd', user, password: this.#passwords.next(user) };
  }

  #grant(role: string): AuthChange {
    return { kind: 'roleGrant', role, permission: drawPermission(this.#chance, this.#ranges.get(role)!) };
  }

  #grantOrRevoke(role: string, { permitted }: Belief): AuthChange {
    const mine = [...permitted.values()].filter((permission) => permission.role === role);
    if (mine.length === 0 || this.#chance.below(4) >= mine.length) return this.#grant(role);
    const { key, rangeEnd } = this.#chance.pick(mine).permission;
    return { kind: 'roleRevoke', role, permission: { key, ...(rangeEnd !== undefined && { rangeEnd }) } };
  }
}

/**
 * The ranges that a role may get: all keys, some that lie together, one, or from one on; so that they overlap, touch,
 * and end at keys in use. No two of them begin with the same key.
 */
function drawRanges(chance: Chance, keys: number): readonly Range[] {
  const ranges: Range[] = [
    { key: 'k', rangeEnd: 'l' },
    { key: '\0', rangeEnd: '\0' },
  ];
  for (let i = 0; i < keys; i++) {
    const dice = chance.below(10);
    const key = keyName(i);
    if (dice < 4) ranges.push({ key });
    else if (dice < 5) ranges.push({ key, rangeEnd: '\0' });
    else ranges.push({ key, rangeEnd: keyName(chance.count(i + 1, keys)) });
  }
  return ranges;
}

function drawPermission(chance: Chance, ranges: readonly Range[]): Permission {
  const dice = chance.below(20);
  const type = dice < 13 ? 'readwrite' : dice < 17 ? 'read' : 'write';
  return { type, ...(chance.happens(0.3) ? ranges[0]! : chance.pick(ranges)) };
}

function nameOf(change: Extract<AuthChange, { kind: 'roleGrant' | 'roleRevoke' }>): string {
  return `${change.role} ${change.permission.key} ${change.permission.rangeEnd ?? ''}`;
}
