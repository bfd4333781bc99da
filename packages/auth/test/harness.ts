import { ChangeList, emptyBytes, fromUtf8 } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { AuthStore, type Access, type AuthOutcome } from '../src/index.ts';
import { leaseKeys, logRequest, type LogRequest, type PermissionWords } from '../src/testing/index.ts';
import type { DeleteRangeRequest, PutRequest, RangeRequest } from '@quorate/wire';
import { codeOf } from './code-of.ts';

/** A store over a backend in memory, with the leases that decisions look at. */
export class Member {
  readonly backend = new MemoryBackend();
  readonly leases = new Map<bigint, readonly string[]>();
  store: AuthStore;

  private constructor(store: AuthStore) {
    this.store = store;
  }

  static async start(): Promise<Member> {
    return new Member(await AuthStore.load(new MemoryBackend()));
  }

  /** One with authentication on, the user root, and users with a role of their own each. */
  static async withUsers(users: Readonly<Record<string, readonly PermissionWords[]>>): Promise<Member> {
    const member = await Member.start();
    for (const [name, permissions] of Object.entries(users)) await member.addUser(name, permissions);
    await member.apply(logRequest.userAdd('root', 'hash of root'));
    await member.apply(logRequest.userGrantRole('root', 'root'));
    await member.apply(logRequest.authEnable());
    return member;
  }

  async addUser(name: string, permissions: readonly PermissionWords[]): Promise<void> {
    await this.apply(logRequest.userAdd(name, `hash of ${name}`));
    await this.apply(logRequest.roleAdd(`${name}'s`));
    await this.apply(logRequest.userGrantRole(name, `${name}'s`));
    for (const words of permissions) await this.apply(logRequest.roleGrantPermission(`${name}'s`, words));
  }

  /** Applies a request and has the backend store what it changed, also when it is refused. */
  async apply([field, request]: LogRequest): Promise<AuthOutcome> {
    const changes = new ChangeList();
    try {
      return this.store.apply(field, request, changes);
    } finally {
      await this.backend.write(changes.changes);
    }
  }

  async codeOf(request: LogRequest): Promise<string | undefined> {
    try {
      await this.apply(request);
    } catch (error) {
      return codeOf(() => {
        throw error;
      });
    }
    return undefined;
  }

  async restart(): Promise<void> {
    this.store = await AuthStore.load(this.backend.copy());
  }

  /** The code of the refusal when the user asks now, undefined when he may. */
  refusal(user: string, access: Access): string | undefined {
    const { revision } = this.store;
    return codeOf(() =>
      this.store.authorize({ kind: 'user', name: user, provenAt: revision }, access, leaseKeys(this.leases)),
    );
  }

  /** The same for an entry of the log. */
  logRefusal(name: string, revision: number, access: Access): string | undefined {
    return codeOf(() => this.store.check({ name, revision }, access, leaseKeys(this.leases)));
  }
}

export function range(key: string, end = ''): RangeRequest {
  return {
    key: fromUtf8(key),
    rangeEnd: fromUtf8(end),
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

export function put(key: string, options: Partial<Pick<PutRequest, 'lease' | 'prevKv'>> = {}): PutRequest {
  return {
    key: fromUtf8(key),
    value: emptyBytes,
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
    ...options,
  };
}

export function deleteRange(key: string, end = '', prevKv = false): DeleteRangeRequest {
  return { key: fromUtf8(key), rangeEnd: fromUtf8(end), prevKv };
}
