import { join } from 'node:path';
import {
  freePort,
  startServer,
  type MemberIdentity,
  type StartedServer,
  type StartOptions,
} from './real-etcd.ts';

/** Members that a test started, which know each other. */
export interface StartedCluster extends AsyncDisposable {
  /** In the order of their names: `n1`, `n2`, … */
  readonly members: readonly StartedServer[];
  /** The endpoints of all members. */
  readonly endpoints: readonly string[];
  /** Starts one more process, for a member that was added under this name and URL. */
  join(name: string, peerUrl: string, options?: { readonly isLearner?: boolean }): Promise<StartedServer>;
}

/** How a cluster is started. */
export interface StartClusterOptions extends Omit<StartOptions, 'member'> {
  /** How many members it has. */
  readonly size: number;
}

/** Starts a cluster of real etcds; its data goes away with it. */
export function startRealCluster(binFolder: string, options: StartClusterOptions): Promise<StartedCluster> {
  return startCluster([join(binFolder, 'etcd')], options);
}

/** Starts a cluster of servers that take etcd's flags, and waits until each answers reads. */
export async function startCluster(
  command: readonly [string, ...string[]],
  { size, ...options }: StartClusterOptions,
): Promise<StartedCluster> {
  const identities = await newIdentities(size);
  const starts = identities.map((member) => startServer(command, { ...options, member }));
  const outcomes = await Promise.allSettled(starts);
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const stop = async () => {
    await Promise.all(started.map((server) => server[Symbol.asyncDispose]()));
  };
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw new Error('a member did not start', { cause: failed.reason });
  }
  const members = started.slice();
  let initialCluster = identities[0]?.initialCluster ?? '';
  return {
    members,
    endpoints: members.map((member) => member.endpoint),
    join: async (name, peerUrl, { isLearner = false } = {}) => {
      initialCluster += `,${name}=${peerUrl}`;
      const member = { name, peerUrl, initialCluster, state: 'existing', isLearner } as const;
      const server = await startServer(command, { ...options, member });
      started.push(server);
      return server;
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function newIdentities(size: number): Promise<MemberIdentity[]> {
  const members: { readonly name: string; readonly peerUrl: string }[] = [];
  for (let n = 1; n <= size; n++) {
    members.push({ name: `n${n}`, peerUrl: `http://127.0.0.1:${await freePort()}` });
  }
  const initialCluster = members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  return members.map((member) => ({ ...member, initialCluster, state: 'new' }));
}
