import { AuthError, AuthStore, type Caller, type User } from '@quorate/auth';
import { leaseKeys, logRequest } from '@quorate/auth/testing';
import { ChangeList, toLatin1 } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { rpcpb } from '@quorate/wire';
import { Dice } from '../differential/dice.ts';
import { GrpcCaller, type Reply } from '../differential/grpc-caller.ts';
import { drawCall, type AuthCall } from './calls.ts';

/** What etcd says for each refusal. */
const texts: Readonly<Record<string, string>> = {
  AUTH_ROOT_USER_NOT_EXIST: '9 etcdserver: root user does not exist',
  AUTH_ROOT_ROLE_NOT_EXIST: '9 etcdserver: root user does not have root role',
  AUTH_USER_EXISTS: '9 etcdserver: user name already exists',
  AUTH_USER_EMPTY: '3 etcdserver: user name is empty',
  AUTH_USER_NOT_FOUND: '9 etcdserver: user name not found',
  AUTH_ROLE_EXISTS: '9 etcdserver: role name already exists',
  AUTH_ROLE_NOT_FOUND: '9 etcdserver: role name not found',
  AUTH_ROLE_EMPTY: '3 etcdserver: role name is empty',
  AUTH_PERMISSION_NOT_GIVEN: '3 etcdserver: permission not given',
  AUTH_PERMISSION_DENIED: '7 etcdserver: permission denied',
  AUTH_ROLE_NOT_GRANTED: '9 etcdserver: role is not granted to the user',
  AUTH_PERMISSION_NOT_GRANTED: '9 etcdserver: permission is not granted to the role',
  AUTH_INVALID_TOKEN: '16 etcdserver: invalid auth token',
  AUTH_INVALID_MANAGEMENT: '3 etcdserver: invalid auth management',
  AUTH_OLD_REVISION: '3 etcdserver: revision of auth store is old',
};
const refusals = new Set(Object.values(texts));

/** A call that etcd answered other than we do. */
export interface Difference {
  readonly step: number;
  readonly who: string;
  readonly call: AuthCall;
  readonly etcd: string;
  readonly ours: string;
}

export interface AuthScriptOptions {
  readonly endpoint: string;
  readonly seed: number;
  readonly calls: number;
  /** What tokens etcd hands out: a signed one says as of which revision its user acts, all the time it lives. */
  readonly tokens: 'simple' | 'jwt';
}

/** What a script came to. */
export interface AuthScriptResult {
  readonly differences: readonly Difference[];
  /** How often each refusal was met, and `ok`. */
  readonly counts: ReadonlyMap<string, number>;
  readonly store: AuthStore;
}

/**
 * Random calls of random users to a real etcd, each also decided by our table, walk and store, which follow along by
 * what etcd was asked for.
 */
export class AuthScript {
  readonly #dice: Dice;
  readonly #tokenKind: 'simple' | 'jwt';
  readonly #caller: GrpcCaller;
  readonly #store: AuthStore;
  readonly #tokens = new Map<string, { readonly token: string; readonly user: User }>();
  readonly #passwords = new Map<string, string | undefined>();
  readonly #differences: Difference[] = [];
  readonly #counts = new Map<string, number>();

  private constructor(caller: GrpcCaller, store: AuthStore, { seed, tokens }: AuthScriptOptions) {
    this.#caller = caller;
    this.#store = store;
    this.#dice = new Dice(seed);
    this.#tokenKind = tokens;
  }

  static async run(options: AuthScriptOptions): Promise<AuthScriptResult> {
    using caller = new GrpcCaller(options.endpoint);
    const script = new AuthScript(caller, await AuthStore.load(new MemoryBackend()), options);
    for (let step = 0; step < options.calls; step++) await script.#step(step);
    return { differences: script.#differences, counts: script.#counts, store: script.#store };
  }

  async #step(step: number): Promise<void> {
    const who = this.#dice.pick(['', 'root', 'root', 'root', 'alice', 'alice', 'bob', '__proto__']);
    await this.#logIn(who);
    const call = drawCall(this.#dice);
    const held = this.#tokens.get(who);
    const leases = call.path.includes('Lease') || call.path.includes('KV') ? await this.#leases() : new Map();
    if (leases === undefined) return;
    const ours = this.#ours(held?.user ?? { kind: 'nobody' }, call, leases);
    const options = held === undefined ? {} : { token: held.token };
    const reply = await this.#caller.unary(call.path, call.bytes, options);
    const theirs = replyText(reply);
    this.#count(theirs);
    if (!isAlike(theirs, ours, call)) this.#differences.push({ step, who, call, etcd: theirs, ours });
    if (ours === texts['AUTH_INVALID_TOKEN']) this.#tokens.delete(who);
    if (reply.code === 0 && call.password !== undefined) this.#remember(call.password);
  }

  #ours(caller: Caller, call: AuthCall, leases: ReadonlyMap<bigint, readonly string[]>): string {
    try {
      this.#decide(caller, call, leases);
      if (call.change !== undefined) this.#store.apply(...call.change, new ChangeList());
      if (call.access.level === 'self') this.#store.userRoles(call.access.user);
      if (call.access.level === 'role') this.#store.rolePermissions(call.access.role);
      return 'ok';
    } catch (error) {
      if (error instanceof AuthError) return texts[error.code] ?? error.code;
      throw error;
    }
  }

  /** With signed tokens etcd decides on a live call as on an entry of the log, so there we let `check` do it. */
  #decide(caller: Caller, { access }: AuthCall, leases: ReadonlyMap<bigint, readonly string[]>): void {
    if (this.#tokenKind === 'simple' || caller.kind !== 'user') {
      this.#store.authorize(caller, access, leaseKeys(leases));
    } else {
      this.#store.check({ name: caller.name, revision: caller.provenAt }, access, leaseKeys(leases));
    }
  }

  /** Keeps an old token as long as it was not refused, or now and then not. */
  async #logIn(who: string): Promise<void> {
    if (this.#tokenKind === 'jwt' && this.#dice.perMille(300)) this.#tokens.delete(who);
    const password = this.#passwords.get(who);
    if (!this.#store.isEnabled || this.#tokens.has(who) || password === undefined) return;
    if (this.#store.passwordOf(who)?.hash === undefined) return;
    const request = rpcpb.AuthenticateRequest.encode({ name: who, password }).finish();
    const reply = await this.#caller.unary('/etcdserverpb.Auth/Authenticate', request);
    if (reply.code !== 0) throw new Error(`a login failed: ${replyText(reply)} ${reply.message}`);
    const { token } = rpcpb.AuthenticateResponse.decode(reply.bytes);
    const outcome = this.#store.apply(...logRequest.authenticate(who), new ChangeList());
    if (outcome.kind !== 'authenticated') throw new Error('a login was not answered as one');
    this.#tokens.set(who, { token, user: { kind: 'user', name: who, provenAt: outcome.revision } });
  }

  /** The leases and their keys, as etcd tells root; undefined when root cannot ask. */
  async #leases(): Promise<ReadonlyMap<bigint, readonly string[]> | undefined> {
    const found = new Map<bigint, readonly string[]>();
    if (!this.#store.isEnabled) return found;
    await this.#logIn('root');
    const root = this.#tokens.get('root');
    if (root === undefined || !this.#store.isProven(root.user)) return undefined;
    for (const ID of [1n, 2n, 3n]) {
      const request = rpcpb.LeaseTimeToLiveRequest.encode({ ID, keys: true }).finish();
      const reply = await this.#caller.unary('/etcdserverpb.Lease/LeaseTimeToLive', request, {
        token: root.token,
      });
      if (reply.code !== 0) continue;
      const { TTL, keys } = rpcpb.LeaseTimeToLiveResponse.decode(reply.bytes);
      if (TTL > 0n)
        found.set(
          ID,
          keys.map((key) => toLatin1(key)),
        );
    }
    return found;
  }

  #remember({ user, value }: { readonly user: string; readonly value: string | undefined }): void {
    const hasNone = this.#store.passwordOf(user)?.hash === undefined;
    this.#passwords.set(user, hasNone ? undefined : value);
  }

  #count(text: string): void {
    this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
  }
}

/** Some errors have nothing to do with users, or come before anybody is asked for; some texts are etcd's inner ones. */
function isAlike(theirs: string, ours: string, { path, access }: AuthCall): boolean {
  if (theirs === ours) return true;
  // Since 3.7 anybody may ask; 3.5 wants root for it.
  if (path === '/etcdserverpb.Auth/AuthStatus') return true;
  // The other way round: any user may ask for it since 3.6.12.
  if (path === '/etcdserverpb.Maintenance/Status' && theirs === texts['AUTH_PERMISSION_DENIED']) return true;
  // A signed token outlives its user with etcd, where being any user is enough.
  if (access.level === 'login' && ours === texts['AUTH_USER_NOT_FOUND']) return true;
  // Nobody is refused, rather than told that nobody does not exist.
  if (access.level === 'self' && access.user === '' && ours === texts['AUTH_USER_EMPTY']) return true;
  if (theirs.startsWith('other: 2 auth: ')) return inner(theirs) === ours;
  if (theirs === 'other: 3 etcdserver: duplicate key given in txn request') return true;
  return ours === 'ok' && theirs.startsWith('other: ');
}

/** Calls of the maintenance service are refused with the text that others get in other words. */
function inner(theirs: string): string | undefined {
  const names: Readonly<Record<string, string>> = {
    'user name is empty': 'AUTH_USER_EMPTY',
    'user not found': 'AUTH_USER_NOT_FOUND',
    'permission denied': 'AUTH_PERMISSION_DENIED',
    'invalid auth token': 'AUTH_INVALID_TOKEN',
  };
  return texts[names[theirs.slice('other: 2 auth: '.length)] ?? ''];
}

/** What a reply says: a refusal in its text, `ok`, or another error. */
function replyText({ code, message }: Reply): string {
  const text = `${code} ${message}`;
  return code === 0 ? 'ok' : refusals.has(text) ? text : `other: ${text}`;
}
