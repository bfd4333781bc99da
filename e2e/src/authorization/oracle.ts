import type { AlarmAsk, Ask, OpAsk, PutAsk, QueueAsk, TxnAsk } from './ask.ts';
import { select, type Span } from './keys.ts';

/** A permission of a role. */
export interface Grant extends Span {
  readonly mode: 'READ' | 'WRITE' | 'READWRITE';
}

/** What decisions are about, as plain data. */
export interface Facts {
  readonly isEnabled: boolean;
  readonly users: ReadonlyMap<string, { readonly roles: readonly string[]; readonly password?: string }>;
  readonly roles: ReadonlyMap<string, readonly Grant[]>;
  /** Keys by lease. */
  readonly leases: ReadonlyMap<bigint, readonly string[]>;
}

/** Who asks: somebody who shows nothing, who shows what holds no more or never did, or who is known by name. */
export type Who =
  | { readonly kind: 'nobody' }
  | { readonly kind: 'unproven' }
  /** There need not be a user of that name: certificates have names of their own. */
  | { readonly kind: 'named'; readonly name: string };

/** What is to come of a request. */
export type Verdict =
  /** As for whoever may do everything. */
  | { readonly kind: 'served' }
  | Refusal
  /** One or the other: nothing is selected by it, so that nothing is told or done either way. */
  | { readonly kind: 'either'; readonly refusal: Refusal };

/** A status that a call ends with. */
export interface Refusal {
  readonly kind: 'refused';
  readonly code: number;
  readonly text: string;
}

const served: Verdict = { kind: 'served' };
const userEmpty = refused(3, 'etcdserver: user name is empty');
const userNotFound = refused(9, 'etcdserver: user name not found');
const denied = refused(7, 'etcdserver: permission denied');
const invalidToken = refused(16, 'etcdserver: invalid auth token');
const wrongPassword = refused(3, 'etcdserver: authentication failed, invalid user ID or password');
const noPassword = refused(2, 'auth: authentication failed, password was given for no password user');

/** Anybody may. */
const open = ['Auth/AuthStatus', 'Health/Check', 'Health/List', 'Health/Watch'];
/** Any user may. */
const login = ['Cluster/MemberList', 'Maintenance/Status'];
/** Who has the role root may. */
const admin = [
  ...['KV/Compact'],
  ...['Cluster/MemberAdd', 'Cluster/MemberRemove', 'Cluster/MemberUpdate', 'Cluster/MemberPromote'],
  ...['Maintenance/Defragment', 'Maintenance/Hash', 'Maintenance/HashKV', 'Maintenance/Snapshot'],
  ...['Maintenance/MoveLeader', 'Maintenance/Downgrade'],
  ...['Auth/AuthEnable', 'Auth/AuthDisable', 'Auth/UserList', 'Auth/RoleList'],
  ...['Auth/UserAdd', 'Auth/UserDelete', 'Auth/UserChangePassword', 'Auth/UserGrantRole'],
  ...['Auth/UserRevokeRole', 'Auth/RoleAdd', 'Auth/RoleDelete'],
  ...['Auth/RoleGrantPermission', 'Auth/RoleRevokePermission'],
];
/**
 * Who may do what, from the rules in words (reference: who may do what) and nothing of the server: no table, no walk,
 * no ranges of it. Slow and plain on purpose.
 */
export function decide(facts: Facts, who: Who, ask: Ask): Verdict {
  // Whether an empty range is permitted hangs, in etcd, on the shape of a tree of permissions; where its first key is
  // not permitted it never is.
  const mildly = decideBy({ arePermitted: true }, facts, who, ask);
  const strictly = decideBy({ arePermitted: false }, facts, who, ask);
  if (mildly.kind === 'served' && strictly.kind === 'refused') return { kind: 'either', refusal: strictly };
  return mildly;
}

/** What becomes of empty ranges whose first key is permitted. */
interface EmptyRanges {
  readonly arePermitted: boolean;
}

function decideBy(emptyRanges: EmptyRanges, facts: Facts, who: Who, ask: Ask): Verdict {
  const name = ask.kind === 'plain' ? ask.path.slice(ask.path.lastIndexOf('.') + 1) : '';
  if (!facts.isEnabled) return served;
  if (ask.kind === 'authenticate') return decideLogin(facts, ask);
  if (open.includes(name)) return served;
  if (who.kind === 'unproven') return invalidToken;
  const flaw = flawOf(ask);
  if (flaw !== undefined) return flaw;
  if (who.kind === 'nobody') return userEmpty;
  return decideNamed(new Rights(facts, who.name, emptyRanges), name, ask);
}

function decideNamed(rights: Rights, name: string, ask: Ask): Verdict {
  switch (ask.kind) {
    case 'plain':
      if (login.includes(name)) return rights.isUser ? served : userNotFound;
      if (admin.includes(name)) return rights.asAdmin();
      throw new Error(`the oracle has no rule for ${ask.path}`);
    case 'authenticate':
      throw new Error('who logs in was looked at before');
    case 'range':
    case 'rangeStream':
      return rights.needing(rights.mayRead(ask));
    case 'put':
      return rights.needing(rights.mayPut(ask));
    case 'deleteRange':
    case 'txn':
      return rights.needing(rights.mayDo(ask));
    case 'watch':
      // No key is the very first one.
      return rights.needing(rights.mayRead({ key: ask.key === '' ? '\0' : ask.key, end: ask.end }));
    case 'leaseGrant':
      return rights.isUser ? served : userNotFound;
    case 'leaseRevoke':
    case 'leaseKeepAlive':
      return rights.needing(rights.mayWriteLease(ask.id));
    case 'leaseTimeToLive':
      if (ask.keys) return rights.needing(rights.mayReadLease(ask.id));
      return rights.isUser ? served : userNotFound;
    case 'leases':
      return rights.needing(rights.leases.every((id) => rights.mayReadLease(id)));
    case 'alarm':
      if (ask.action !== 0) return rights.asAdmin();
      return rights.isUser ? served : userNotFound;
    case 'userGet':
      return ask.name === rights.name ? served : rights.asAdmin();
    case 'roleGet':
      return rights.roles.includes(ask.role) ? served : rights.asAdmin();
    default:
      // Who has no lease is given one first, as any user is.
      if ('lease' in ask && ask.lease === 0n && !rights.isUser) return userNotFound;
      return rights.needing(mayQueue(rights, ask));
  }
}

/** Locks and elections are keys (reference: key layouts), touched with the permissions of whoever asks. */
function mayQueue(rights: Rights, ask: QueueAsk): boolean {
  switch (ask.kind) {
    case 'lock':
    case 'campaign': {
      const key = keyInQueue(ask.name, ask.lease);
      const mayStand = rights.mayWriteLease(ask.lease) && rights.mayWrite(key) && rights.mayRead(key);
      return mayStand && rights.mayRead(queueOf(ask.name));
    }
    case 'proclaim': {
      const key = { key: ask.key ?? '', end: '' };
      return rights.mayWriteLease(ask.lease) && rights.mayWrite(key) && rights.mayRead(key);
    }
    case 'unlock':
      return rights.mayWrite({ key: ask.key, end: '' });
    case 'leader':
    case 'observe':
      return rights.mayRead(queueOf(ask.name));
    case 'resign': {
      const key = { key: ask.key ?? '', end: '' };
      return rights.mayRead(key) && rights.mayWrite(key);
    }
  }
}

/** All that begin with the name and a slash. */
function queueOf(name: string): Span {
  return { key: `${name}/`, end: `${name}0` };
}

/** Any that the server makes is as good as 5: no permission here tells them apart. */
function keyInQueue(name: string, lease: bigint): Span {
  return { key: `${name}/${(lease === 0n ? 5n : lease).toString(16)}`, end: '' };
}

/** What somebody known by name may do. */
class Rights {
  readonly name: string;
  readonly isUser: boolean;
  readonly roles: readonly string[];
  readonly leases: readonly bigint[];
  readonly #facts: Facts;
  readonly #emptyRanges: EmptyRanges;

  constructor(facts: Facts, name: string, emptyRanges: EmptyRanges) {
    this.#facts = facts;
    this.#emptyRanges = emptyRanges;
    this.name = name;
    this.isUser = facts.users.has(name);
    this.roles = facts.users.get(name)?.roles ?? [];
    this.leases = [...facts.leases.keys()];
  }

  get isAdmin(): boolean {
    return this.roles.includes('root');
  }

  asAdmin(): Verdict {
    if (!this.isUser) return userNotFound;
    return this.isAdmin ? served : denied;
  }

  /** Nobody has keys who is no user, even where none is needed. */
  needing(has: boolean): Verdict {
    return this.isUser && has ? served : denied;
  }

  mayRead(span: Span): boolean {
    return this.#has(span, 'READ');
  }

  mayWrite(span: Span): boolean {
    return this.#has(span, 'WRITE');
  }

  mayPut({ key, lease = 0n, prevKv = false }: PutAsk): boolean {
    const one = { key, end: '' };
    if (!this.mayWrite(one)) return false;
    if (prevKv && !this.mayRead(one)) return false;
    return lease === 0n || this.mayWriteLease(lease);
  }

  mayDo(op: OpAsk): boolean {
    switch (op.kind) {
      case 'range':
        return this.mayRead(op);
      case 'put':
        return this.mayPut(op);
      case 'deleteRange':
        return this.mayWrite(op) && (op.prevKv !== true || this.mayRead(op));
      case 'txn':
        return (
          op.compare.every((span) => this.mayRead(span)) &&
          op.success.every((inner) => this.mayDo(inner)) &&
          op.failure.every((inner) => this.mayDo(inner))
        );
      case 'empty':
        return true;
    }
  }

  mayWriteLease(id: bigint): boolean {
    return (this.#facts.leases.get(id) ?? []).every((key) => this.#has({ key, end: '' }, 'WRITE'));
  }

  mayReadLease(id: bigint): boolean {
    return (this.#facts.leases.get(id) ?? []).every((key) => this.#has({ key, end: '' }, 'READ'));
  }

  #has(span: Span, mode: 'READ' | 'WRITE'): boolean {
    if (this.isAdmin) return true;
    const wanted = select(span);
    if (wanted.size === 0) {
      return this.#emptyRanges.arePermitted && this.#has({ key: span.key, end: '' }, mode);
    }
    const granted = this.roles
      .flatMap((role) => this.#facts.roles.get(role) ?? [])
      .filter((grant) => grant.mode === mode || grant.mode === 'READWRITE')
      .map((grant) => select(grant));
    return [...wanted].every((key) => granted.some((keys) => keys.has(key)));
  }
}

function decideLogin(
  { users }: Facts,
  { name, password }: { readonly name: string; readonly password: string },
): Verdict {
  const user = users.get(name);
  if (user === undefined) return wrongPassword;
  if (user.password === undefined) return noPassword;
  return user.password === password ? served : wrongPassword;
}

/** What is wrong with a request for everybody, which is told before it is looked at who asks. */
function flawOf(ask: Ask): Refusal | undefined {
  switch (ask.kind) {
    case 'range':
    case 'rangeStream':
    case 'put':
    case 'deleteRange':
    case 'txn':
      return flawOfOp(ask.kind === 'rangeStream' ? { ...ask, kind: 'range' } : ask);
    case 'alarm':
      return flawOfAlarm(ask);
    case 'unlock':
      return flawOfOp({ kind: 'deleteRange', key: ask.key, end: '' });
    case 'proclaim':
    case 'resign':
      return ask.key === undefined ? refused(2, '"leader" field must be provided') : undefined;
    default:
      return undefined;
  }
}

function flawOfOp(op: OpAsk): Refusal | undefined {
  if (op.kind === 'empty') return refused(3, 'etcdserver: key not found');
  if (op.kind === 'txn') return flawOfTxn(op);
  if (op.key === '') return refused(3, 'etcdserver: key is not provided');
  if (op.kind !== 'put') return undefined;
  if (op.ignoreValue === true && (op.value ?? '') !== '') {
    return refused(3, 'etcdserver: value is provided');
  }
  if (op.ignoreLease === true && (op.lease ?? 0n) !== 0n) {
    return refused(3, 'etcdserver: lease is provided');
  }
  return undefined;
}

function flawOfTxn({ compare, success, failure }: TxnAsk): Refusal | undefined {
  if (compare.some(({ key }) => key === '')) return refused(3, 'etcdserver: key is not provided');
  for (const op of [...success, ...failure]) {
    const flaw = flawOfOp(op);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

/** These end other servers; here they go no further. */
function flawOfAlarm({ action, alarm }: AlarmAsk): Refusal | undefined {
  const text = 'etcdserver: the alarm request has an unknown action or type';
  if (action > 2) return refused(3, `${text}: action ${action} is none of GET, ACTIVATE, DEACTIVATE`);
  if (action !== 1 || alarm <= 2) return undefined;
  return refused(3, `${text}: alarm ${alarm} (member 0) is none of NONE, NOSPACE, CORRUPT`);
}

function refused(code: number, text: string): Refusal {
  return { kind: 'refused', code, text };
}
