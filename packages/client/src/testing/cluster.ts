import { join } from 'node:path';
import { freePort, startServer, type StartedServer, type StartOptions } from './real-etcd.ts';

/** Members that a test started, which know each other. */
export interface StartedCluster extends AsyncDisposable {
  /** In the order of their names: `n1`, `n2`, … */
  readonly members: readonly StartedServer[];
  /** The endpoints of all members. */
  readonly endpoints: readonly string[];
  /** Starts one more process, for a member that was added under this name and URL. */
  join(name: string, peerUrl: string, options?: { readonly isLearner?: boolean }): Promise<StartedServer>;
}

/** Where a member listens. */
export interface MemberPorts {
  readonly client: number;
  readonly peer: number;
}

/** How a cluster is started. */
export interface StartClusterOptions extends Omit<StartOptions, 'member' | 'clientPort'> {
  /** One for each member. Members of a cluster that is started anew on the same ports have the same IDs. */
  readonly ports: readonly MemberPorts[];
}

/** Ports for a cluster of so many members, that were free a moment ago. */
export async function freePorts(size: number): Promise<MemberPorts[]> {
  const ports: MemberPorts[] = [];
  while (ports.length < size) ports.push({ client: await freePort(), peer: await freePort() });
  return ports;
}

/** Starts a cluster of real etcds; its data goes away with it. */
export function startRealCluster(binFolder: string, options: StartClusterOptions): Promise<StartedCluster> {
  return startCluster([join(binFolder, 'etcd')], options);
}

/** Starts a cluster of servers that take etcd's flags, and waits until each answers reads. */
export async function startCluster(
  command: readonly [string, ...string[]],
  { ports, ...options }: StartClusterOptions,
): Promise<StartedCluster> {
  const peerUrls = ports.map(({ peer }) => `http://127.0.0.1:${peer}`);
  let initialCluster = peerUrls.map((peerUrl, i) => `n${i + 1}=${peerUrl}`).join(',');
  const outcomes = await Promise.allSettled(
    ports.map(({ client: clientPort }, i) => {
      const member = { name: `n${i + 1}`, peerUrl: peerUrls[i] ?? '', initialCluster, state: 'new' } as const;
      return startServer(command, { ...options, clientPort, member });
    }),
  );
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
