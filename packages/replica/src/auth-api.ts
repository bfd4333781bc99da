import {
  accessOfRoleGet,
  accessOfUserGet,
  AuthError,
  newTokenPrefix,
  nobody,
  simpleTokenIndex,
  simpleTokenOf,
  type Access,
  type AuthOutcome,
  type Caller,
  type LoginGuarding,
  type Passwords,
  type SignedTokens,
  type User,
} from '@quorate/auth';
import { fromUtf8, type Clock, type Random } from '@quorate/std';
import { raftinternalpb, raftRequestField, rpcpb } from '@quorate/wire';
import type { MemberState } from './applier.ts';
import { ReplicaError } from './errors.ts';
import type { Gate } from './gate.ts';
import type { ReplicaObserver } from './options.ts';
import type { Proposer } from './proposer.ts';

export interface AuthApiOptions {
  readonly state: MemberState;
  readonly gate: Gate;
  readonly proposer: Proposer;
  readonly clock: Clock;
  readonly random: Random;
  readonly requestTimeoutMs: number;
  readonly passwords: Passwords | undefined;
  readonly logins: LoginGuarding | undefined;
  readonly tokens: 'simple' | 'none' | SignedTokens;
  readonly header: () => rpcpb.ResponseHeader;
  /** Told of each login that was decided, as it was decided. */
  readonly onLogin: NonNullable<ReplicaObserver['onLogin']>;
  /** Index of the last entry that was applied. */
  readonly applied: () => number;
  readonly linearizable: () => Promise<void>;
}

/**
 * Tokens of entries that this member has not applied: how many are asked about at once, and how far ahead one may be.
 * Those beyond are no tokens; whoever has a good one at a member that lags so far logs in again.
 */
const newTokensAskedMax = 64;
const newTokenLeadMax = 100_000;

/** What a caller shows of himself. */
export interface Credentials {
  /** Of the request's metadata. */
  readonly token: string | undefined;
  /** Of the client's certificate, which was verified. */
  readonly commonName: string | undefined;
}

/** Who wants to log in, and from where. */
interface LoginFrom {
  readonly user: string;
  readonly address: string | undefined;
  /** Aborted when he has left. */
  readonly signal: AbortSignal | undefined;
}

/** Where a login comes from, and whether somebody still waits for it. */
export interface LoginOptions {
  readonly address?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Headed {
  readonly header: rpcpb.ResponseHeader;
}

/**
 * Who callers are, and the users, roles and permissions of the cluster. A password is hashed or compared here, on the
 * member that was asked; what goes into the log is its hash at most.
 */
export class AuthApi {
  readonly #options: AuthApiOptions;
  #newTokensAsked = 0;

  constructor(options: AuthApiOptions) {
    this.#options = options;
  }

  /**
   * Who somebody with these credentials is. A token counts before a certificate. While authentication is off, tokens
   * say nothing, unless one is newer than what this member knows.
   *
   * @throws AuthError AUTH_INVALID_TOKEN; ReplicaError when it is not known yet and there is no leader to ask
   */
  identify({ token, commonName }: Credentials): Caller | Promise<Caller> {
    const { auth } = this.#options.state;
    if (token !== undefined) {
      return auth.isEnabled ? this.#identifyByToken(token) : this.#identifyWhileOff(token);
    }
    if (commonName === undefined || commonName === '') return nobody;
    // A certificate proves who its owner is at any time; whether there is such a user is another question.
    return { kind: 'user', name: commonName, provenAt: Infinity };
  }

  /**
   * Decides for a call as a whole; see `Gate.require`. That authentication is off may be old news: what only an
   * administrator may do, and the log does not decide, waits until this member knows better. It needs a leader anyway.
   *
   * @throws AuthError, ReplicaError as a linearizable read
   */
  permit(
    caller: Caller,
    access: Access,
    { asOf }: { readonly asOf: 'now' | 'local' },
  ): Promise<void> | undefined {
    const { gate, linearizable } = this.#options;
    if (!gate.isOpen) return gate.require(caller, () => access, { asOf });
    if (asOf === 'local' || access.level === 'login') return undefined;
    return linearizable().then(() => gate.check(caller, access));
  }

  /**
   * A token for a user and the right password. `address` is where the client is, for whoever guards against guessing.
   *
   * @throws AuthError AUTH_FAILED, AUTH_NOT_ENABLED, AUTH_TOO_MANY_PASSWORDS; ReplicaError
   */
  async authenticate(
    request: rpcpb.AuthenticateRequest,
    { address, signal }: LoginOptions = {},
  ): Promise<rpcpb.AuthenticateResponse> {
    const login = { user: request.name, address };
    try {
      const token = await this.#logIn({ ...login, signal }, request.password);
      this.#options.onLogin({ ...login, refused: undefined });
      return { header: this.#options.header(), token };
    } catch (error) {
      if (error instanceof AuthError) this.#options.onLogin({ ...login, refused: error.code });
      throw error;
    }
  }

  async #logIn(login: LoginFrom, password: string): Promise<string> {
    const { user: name } = login;
    const { state, clock, requestTimeoutMs, linearizable } = this.#options;
    const deadlineMs = clock.now() + requestTimeoutMs;
    let matchedHash: string | undefined;
    for (;;) {
      await linearizable();
      const { auth } = state;
      if (!auth.isEnabled) throw new AuthError('AUTH_NOT_ENABLED');
      const checkedAt = auth.revision;
      const stored = auth.passwordOf(name);
      if (matchedHash === undefined || stored?.hash !== matchedHash) {
        if (!(await this.#matches(login, password, stored?.hash))) {
          throw new AuthError(stored?.noPassword === true ? 'AUTH_NO_PASSWORD_USER' : 'AUTH_FAILED');
        }
        matchedHash = stored?.hash;
      }
      const token = await this.#newToken(name, checkedAt);
      // A change in between may have been one of this user's password: it is looked at again.
      if (token !== undefined) return token;
      if (clock.now() >= deadlineMs) throw new ReplicaError('REPLICA_TIMEOUT');
    }
  }

  enable(caller: Caller = nobody): Promise<Headed> {
    return this.#change(caller, raftRequestField.authEnable, rpcpb.AuthEnableRequest.encode({}).finish());
  }

  disable(caller: Caller = nobody): Promise<Headed> {
    return this.#change(caller, raftRequestField.authDisable, rpcpb.AuthDisableRequest.encode({}).finish());
  }

  async status(): Promise<rpcpb.AuthStatusResponse> {
    await this.#options.linearizable();
    const { auth } = this.#options.state;
    return { header: this.#options.header(), enabled: auth.isEnabled, authRevision: BigInt(auth.revision) };
  }

  async userAdd(request: rpcpb.AuthUserAddRequest, caller: Caller = nobody): Promise<Headed> {
    await this.#admin(caller);
    // Unlike with etcd 3.5, an empty password is none: nobody logs in with it.
    const hasPassword = request.options?.noPassword !== true && request.password !== '';
    const hashedPassword = hasPassword && request.name !== '' ? await this.#hash(request.password) : '';
    const encoded = rpcpb.AuthUserAddRequest.encode({ ...request, password: '', hashedPassword }).finish();
    return this.#change(caller, raftRequestField.authUserAdd, encoded);
  }

  async userChangePassword(
    request: rpcpb.AuthUserChangePasswordRequest,
    caller: Caller = nobody,
  ): Promise<Headed> {
    await this.#admin(caller);
    // As in etcd, an empty password takes the password away.
    const hashedPassword = request.password === '' ? '' : await this.#hash(request.password);
    const encoded = rpcpb.AuthUserChangePasswordRequest.encode({
      ...request,
      password: '',
      hashedPassword,
    }).finish();
    return this.#change(caller, raftRequestField.authUserChangePassword, encoded);
  }

  userDelete(request: rpcpb.AuthUserDeleteRequest, caller: Caller = nobody): Promise<Headed> {
    const encoded = rpcpb.AuthUserDeleteRequest.encode(request).finish();
    return this.#change(caller, raftRequestField.authUserDelete, encoded);
  }

  userGrantRole(request: rpcpb.AuthUserGrantRoleRequest, caller: Caller = nobody): Promise<Headed> {
    const encoded = rpcpb.AuthUserGrantRoleRequest.encode(request).finish();
    return this.#change(caller, raftRequestField.authUserGrantRole, encoded);
  }

  userRevokeRole(request: rpcpb.AuthUserRevokeRoleRequest, caller: Caller = nobody): Promise<Headed> {
    const encoded = rpcpb.AuthUserRevokeRoleRequest.encode(request).finish();
    return this.#change(caller, raftRequestField.authUserRevokeRole, encoded);
  }

  roleAdd(request: rpcpb.AuthRoleAddRequest, caller: Caller = nobody): Promise<Headed> {
    const encoded = rpcpb.AuthRoleAddRequest.encode(request).finish();
    return this.#change(caller, raftRequestField.authRoleAdd, encoded);
  }

  roleDelete(request: rpcpb.AuthRoleDeleteRequest, caller: Caller = nobody): Promise<Headed> {
    const encoded = rpcpb.AuthRoleDeleteRequest.encode(request).finish();
    return this.#change(caller, raftRequestField.authRoleDelete, encoded);
  }

  roleGrantPermission(
    request: rpcpb.AuthRoleGrantPermissionRequest,
    caller: Caller = nobody,
  ): Promise<Headed> {
    const encoded = rpcpb.AuthRoleGrantPermissionRequest.encode(request).finish();
    return this.#change(caller, raftRequestField.authRoleGrantPermission, encoded);
  }

  roleRevokePermission(
    request: rpcpb.AuthRoleRevokePermissionRequest,
    caller: Caller = nobody,
  ): Promise<Headed> {
    const encoded = rpcpb.AuthRoleRevokePermissionRequest.encode(request).finish();
    return this.#change(caller, raftRequestField.authRoleRevokePermission, encoded);
  }

  async userGet(
    { name }: rpcpb.AuthUserGetRequest,
    caller: Caller = nobody,
  ): Promise<rpcpb.AuthUserGetResponse> {
    const auth = await this.#readable(caller, accessOfUserGet(name));
    return { header: this.#options.header(), roles: [...auth.userRoles(name)] };
  }

  async userList(caller: Caller = nobody): Promise<rpcpb.AuthUserListResponse> {
    const auth = await this.#readable(caller, { level: 'admin' });
    return { header: this.#options.header(), users: [...auth.users()] };
  }

  async roleGet(
    { role }: rpcpb.AuthRoleGetRequest,
    caller: Caller = nobody,
  ): Promise<rpcpb.AuthRoleGetResponse> {
    const auth = await this.#readable(caller, accessOfRoleGet(role));
    return { header: this.#options.header(), perm: [...auth.rolePermissions(role)] };
  }

  async roleList(caller: Caller = nobody): Promise<rpcpb.AuthRoleListResponse> {
    const auth = await this.#readable(caller, { level: 'admin' });
    return { header: this.#options.header(), roles: [...auth.roles()] };
  }

  /** A token of a moment that this member has not come to: it does not know yet that authentication is on. */
  async #identifyWhileOff(token: string): Promise<Caller> {
    const { state, tokens, linearizable } = this.#options;
    if (tokens === 'none') return nobody;
    if (await this.#isNewer(token, tokens)) await linearizable();
    // Also when it was found to be older: authentication may have been turned on meanwhile.
    return state.auth.isEnabled ? this.#identifyByToken(token) : nobody;
  }

  async #isNewer(token: string, tokens: 'simple' | SignedTokens): Promise<boolean> {
    const { state, applied } = this.#options;
    if (tokens === 'simple') return (simpleTokenIndex(token) ?? 0) > applied();
    const claims = tokens.peek(token) ?? (await tokens.verify(token));
    // Turning authentication off raises the revision, turning it on does not.
    return claims !== undefined && claims.revision >= state.auth.revision;
  }

  #identifyByToken(token: string): Caller | Promise<Caller> {
    const { state, tokens, clock } = this.#options;
    if (tokens === 'none') throw new AuthError('AUTH_INVALID_TOKEN');
    if (tokens !== 'simple') return this.#identifyBySignedToken(token, tokens);
    const user = state.tokens.identify(token, clock.now());
    return user === undefined ? this.#identifyByNewToken(token) : this.#proven(user);
  }

  /** A token that another member gave out a moment ago is in an entry that this one may not have applied yet. */
  async #identifyByNewToken(token: string): Promise<Caller> {
    const { state, clock, applied, linearizable } = this.#options;
    const index = simpleTokenIndex(token);
    if (index === undefined || index <= applied()) throw new AuthError('AUTH_INVALID_TOKEN');
    // Most of those are made up, and each would wait for the leader.
    const isAbsurd = index > applied() + newTokenLeadMax || this.#newTokensAsked >= newTokensAskedMax;
    if (isAbsurd) throw new AuthError('AUTH_INVALID_TOKEN');
    this.#newTokensAsked++;
    await linearizable().finally(() => this.#newTokensAsked--);
    const user = state.tokens.identify(token, clock.now());
    if (user === undefined) throw new AuthError('AUTH_INVALID_TOKEN');
    return this.#proven(user);
  }

  async #identifyBySignedToken(token: string, tokens: SignedTokens): Promise<Caller> {
    const claims = tokens.peek(token) ?? (await tokens.verify(token));
    if (claims === undefined) throw new AuthError('AUTH_INVALID_TOKEN');
    if (claims.revision > this.#options.state.auth.revision) await this.#options.linearizable();
    // Signed with the right key, and yet of a future that this cluster has not come to: it is another's.
    if (claims.revision > this.#options.state.auth.revision) throw new AuthError('AUTH_INVALID_TOKEN');
    return this.#proven({ kind: 'user', name: claims.user, provenAt: claims.revision });
  }

  async #matches(login: LoginFrom, password: string, hash: string | undefined): Promise<boolean> {
    const { passwords, logins } = this.#options;
    if (passwords === undefined) return false;
    const check = (): Promise<boolean> => passwords.matches(password, hash);
    return logins === undefined ? check() : logins.check(login, check, { signal: login.signal });
  }

  #proven(user: User): Caller {
    const { auth } = this.#options.state;
    if (!auth.isEnabled) return nobody;
    if (!auth.isProven(user)) throw new AuthError('AUTH_INVALID_TOKEN');
    return user;
  }

  /** Undefined when users, roles or permissions have changed since the password was checked. */
  async #newToken(name: string, checkedAt: number): Promise<string | undefined> {
    const { state, tokens, random, proposer } = this.#options;
    if (tokens === 'none') throw new AuthError('AUTH_FAILED');
    if (tokens !== 'simple') {
      const token = await tokens.sign({ user: name, revision: checkedAt });
      return state.auth.revision === checkedAt ? token : undefined;
    }
    const simpleToken = newTokenPrefix(random);
    const encoded = raftinternalpb.InternalAuthenticateRequest.encode({
      name,
      password: '',
      simpleToken,
    }).finish();
    const { user, index } = await proposer.propose<LoggedIn>(raftRequestField.authenticate, encoded);
    return user.provenAt === checkedAt ? simpleTokenOf(simpleToken, index) : undefined;
  }

  async #change(caller: Caller, field: number, encoded: Uint8Array): Promise<Headed> {
    const { gate, header } = this.#options;
    await gate.propose<AuthOutcome>(caller, { field, encoded, access: () => ({ level: 'admin' }) });
    return { header: header() };
  }

  async #admin(caller: Caller): Promise<void> {
    await this.#options.gate.require(caller, () => ({ level: 'admin' }), { asOf: 'now' });
  }

  async #readable(caller: Caller, access: Access): Promise<MemberState['auth']> {
    await this.#options.gate.require(caller, () => access, { asOf: 'now' });
    return this.#options.state.auth;
  }

  async #hash(password: string): Promise<string> {
    const { passwords } = this.#options;
    if (passwords === undefined) throw new AuthError('AUTH_TOO_MANY_PASSWORDS');
    return Buffer.from(fromUtf8(await passwords.hash(password))).toString('base64');
  }
}

/** What applying a login came to. */
export interface LoggedIn {
  /** As of the moment when it was applied. */
  readonly user: User;
  /** Of its entry. */
  readonly index: number;
}
