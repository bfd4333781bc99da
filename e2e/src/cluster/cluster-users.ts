import { rpcpb } from '@quorate/wire';
import { authOp } from '../differential/auth-operations.ts';
import { GrpcCaller, type Credentials, type Reply } from '../differential/grpc-caller.ts';
import { op, show, type Operation } from '../differential/operation.ts';
import { storedAuth } from '../differential/stored-auth.ts';
import type { ClusterMember } from './cluster-member.ts';
import type { ProcessCluster } from './process-cluster.ts';
import { until } from './until.ts';

/** The password of everybody here. */
export const password = 'pass';
const deadlineMs = 15_000;

/** A cluster with authentication on, and calls to its members in the name of its users, in bytes. */
export class ClusterUsers implements Disposable {
  readonly #cluster: ProcessCluster;
  readonly #callers = new Map<ClusterMember, GrpcCaller>();
  #root = '';

  private constructor(cluster: ProcessCluster) {
    this.#cluster = cluster;
  }

  /** Makes a root at this member and turns authentication on. */
  static async enable(cluster: ProcessCluster, member: ClusterMember): Promise<ClusterUsers> {
    const users = new ClusterUsers(cluster);
    await users.must(member, authOp.userAdd({ name: 'root', password }), '');
    await users.must(member, authOp.userGrantRole('root', 'root'), '');
    await users.must(member, authOp.enable(), '');
    cluster.credentials = { name: 'root', password };
    await users.logInRoot(member);
    return users;
  }

  /** The token of root. */
  get root(): string {
    return this.#root;
  }

  async logInRoot(member: ClusterMember): Promise<void> {
    this.#root = await this.logIn(member, 'root');
  }

  /** Calls a member with a token, or with none. */
  call(member: ClusterMember, { path, bytes }: Operation, token = this.#root): Promise<Reply> {
    const credentials: Credentials = token === '' ? {} : { token };
    return this.#callerOf(member).unary(path, bytes, { deadlineMs, ...credentials });
  }

  /** The same, again where etcd only says that users or roles have changed meanwhile. */
  decided(member: ClusterMember, operation: Operation, token = this.#root): Promise<Reply> {
    return until(`${member.name} to decide`, async () => {
      const reply = await this.call(member, operation, token);
      return reply.message === 'etcdserver: revision of auth store is old' ? undefined : reply;
    });
  }

  /** The same for what has to be done. @throws Error with what was answered instead */
  async must(member: ClusterMember, operation: Operation, token = this.#root): Promise<Uint8Array> {
    const { code, message, bytes } = await this.decided(member, operation, token);
    if (code === 0) return bytes;
    const { method, request } = operation;
    throw new Error(`${member.name} (${member.kind}) refuses ${method} ${show(request)}: ${code} ${message}`);
  }

  /** A token for a user. */
  async logIn(member: ClusterMember, user: string): Promise<string> {
    const reply = await this.must(member, authOp.authenticate(user, password), '');
    return rpcpb.AuthenticateResponse.decode(reply).token;
  }

  /** Waits until all members say the same of keys, users and roles. @throws Error that tells them apart */
  async untilEqual(): Promise<void> {
    await this.#cluster.untilEqual();
    const { members } = this.#cluster;
    const stored = await until('all members to have stored the same users', async () => {
      const all = await Promise.all(
        members.map((member) => storedAuth(this.#callerOf(member), { token: this.#root })),
      );
      return all.every((other) => show(other) === show(all[0])) ? all[0] : undefined;
    });
    if (stored === undefined || stored.length === 0) throw new Error('nothing is stored about users');
    const revisions = await Promise.all(members.map((member) => this.#authRevision(member)));
    if (new Set(revisions).size !== 1) throw new Error(`auth revisions differ: ${revisions.join(', ')}`);
  }

  [Symbol.dispose](): void {
    for (const caller of this.#callers.values()) caller[Symbol.dispose]();
  }

  async #authRevision(member: ClusterMember): Promise<bigint> {
    return rpcpb.AuthStatusResponse.decode(await this.must(member, authOp.status())).authRevision;
  }

  #callerOf(member: ClusterMember): GrpcCaller {
    const known = this.#callers.get(member);
    if (known !== undefined) return known;
    const caller = new GrpcCaller(member.endpoint);
    this.#callers.set(member, caller);
    return caller;
  }
}

/** A put, and a get, of one key. */
export const put = (key: string, value = 'value'): Operation =>
  op.put({ key: Buffer.from(key), value: Buffer.from(value) });
export const get = (key: string): Operation => op.range({ key: Buffer.from(key) });
