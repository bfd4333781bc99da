import { join } from 'node:path';
import { startEtcd, startQuorate, type MemberProcess } from '../member-process.ts';
import type { Replies } from './compare-replies.ts';
import { GrpcCaller, type Credentials } from './grpc-caller.ts';
import type { Operation } from './operation.ts';

export interface ServerPairOptions {
  /** A folder for both data directories; what is there already is continued. */
  readonly folder: string;
  readonly flags: readonly string[];
}

/** As much as a stack needs. */
const lastWordsLength = 3_000;

export const sides = ['quorate', 'etcd'] as const;
export type SideName = (typeof sides)[number];

/**
 * Members and clusters get their IDs from their URLs. Both servers say the same ones, which lead nowhere, so
 * that not even IDs differ in what they answer.
 */
const sameIdentity = [
  '--initial-advertise-peer-urls=http://127.0.0.1:65535',
  '--initial-cluster=default=http://127.0.0.1:65535',
  '--advertise-client-urls=http://127.0.0.1:65534',
  '--log-level=info',
];

/** Quorate and a real etcd, side by side, and a connection to each. */
export class ServerPair implements AsyncDisposable {
  readonly members: Readonly<Record<SideName, MemberProcess>>;
  readonly callers: Readonly<Record<SideName, GrpcCaller>>;

  readonly #exits: Partial<Record<SideName, string>> = {};

  private constructor(members: Readonly<Record<SideName, MemberProcess>>) {
    this.members = members;
    for (const side of sides) {
      void members[side].exited.then((code) => {
        this.#exits[side] = code === undefined ? 'a signal' : `code ${code}`;
      });
    }
    this.callers = {
      quorate: new GrpcCaller(members.quorate.endpoint),
      etcd: new GrpcCaller(members.etcd.endpoint),
    };
  }

  static async start({ folder, flags }: ServerPairOptions): Promise<ServerPair> {
    const allFlags = [...sameIdentity, ...flags];
    // At once, so that what is counted from the start (leases) is counted from about the same moment.
    const [quorate, etcd] = await Promise.allSettled([
      startQuorate({ dataDir: join(folder, 'quorate'), flags: allFlags }),
      startEtcd({ dataDir: join(folder, 'etcd'), flags: allFlags }),
    ]);
    if (quorate.status === 'fulfilled' && etcd.status === 'fulfilled') {
      return new ServerPair({ quorate: quorate.value, etcd: etcd.value });
    }
    for (const started of [quorate, etcd]) {
      if (started.status === 'fulfilled') await started.value[Symbol.asyncDispose]();
    }
    throw quorate.status === 'rejected' ? quorate.reason : etcd.status === 'rejected' && etcd.reason;
  }

  /** Sends an operation to both at once, as nobody unless somebody shows who he is. */
  async send(
    operation: Operation,
    shows: Readonly<Record<SideName, Credentials>> = { quorate: {}, etcd: {} },
    options: { readonly deadlineMs?: number } = {},
  ): Promise<Replies> {
    const [quorate, etcd] = await Promise.all(
      sides.map((side) =>
        this.callers[side].unary(operation.path, operation.bytes, { ...shows[side], ...options }),
      ),
    );
    return { quorate: quorate!, etcd: etcd! };
  }

  /** @throws Error with its last words when one of them has ended by itself */
  checkRunning(): void {
    const gone = sides.find((side) => this.#exits[side] !== undefined);
    if (gone === undefined) return;
    const words = this.members[gone].output.slice(-lastWordsLength);
    throw new Error(`${gone} has ended by itself with ${this.#exits[gone]}: ${words}`);
  }

  /** Ends both in good order. */
  async stop(): Promise<void> {
    for (const side of sides) this.callers[side][Symbol.dispose]();
    await Promise.all(sides.map((side) => this.members[side].stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const side of sides) {
      this.callers[side][Symbol.dispose]();
      await this.members[side][Symbol.asyncDispose]();
    }
  }
}
