import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const root = resolve(import.meta.dirname, '../../..');

/** What the cluster is asked to be. */
export interface ClusterOptions {
  readonly memberCount: number;
  /** First of the ports, which are then consecutive; left out, they are those that etcd's examples have. */
  readonly basePort: number | undefined;
  readonly dataDir: string;
  /** Whether a member that dies is started again. */
  readonly restart: boolean;
  /** Further flags of every member. */
  readonly memberFlags: readonly string[];
}

/** What stands in the way of a cluster: one sentence that says what to do. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
}

/** The text of `--help`. */
export const usage = `npm run cluster -- [options] [-- flags of every member]

Starts a cluster on this machine and stops it on Ctrl-C.

  --members <n>      how many members (3)
  --base-port <p>    members at ports p (clients) and p+1 (peers), p+2 and p+3, …
                     (2379 and 2380, 22379 and 22380, 32379 and 32380, …)
  --data-dir <dir>   where the data lies; it is there again at the next start (cluster.etcd)
  --restart          start a member again that dies
  --help             this text

Example: npm run cluster -- --members 5 -- --snapshot-count=1000
`;

/** Understands the arguments; undefined when they ask for help. @throws ClusterError */
export function parseOptions(args: readonly string[]): ClusterOptions | undefined {
  const end = args.indexOf('--');
  const { help, members, restart, ...values } = valuesOf(end < 0 ? args : args.slice(0, end));
  if (help) return undefined;
  const options = {
    memberCount: wholeNumber('members', members, 1, 31),
    basePort:
      values['base-port'] === undefined
        ? undefined
        : wholeNumber('base-port', values['base-port'], 1, 65_535),
    dataDir: resolve(values['data-dir'] ?? resolve(root, 'cluster.etcd')),
    restart,
    memberFlags: end < 0 ? [] : args.slice(end + 1),
  };
  portsOf(options);
  return options;
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        members: { type: 'string', default: '3' },
        'base-port': { type: 'string' },
        'data-dir': { type: 'string' },
        restart: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    // Its sentences name the option.
    throw new ClusterError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new ClusterError(`--${name}: "${text}" is not a whole number from ${min} to ${max}`);
}

/** Where a member is reached. */
export interface MemberPorts {
  readonly client: number;
  readonly peer: number;
}

/** The ports of every member. @throws ClusterError when there are not as many */
export function portsOf({
  memberCount,
  basePort,
}: Pick<ClusterOptions, 'memberCount' | 'basePort'>): readonly MemberPorts[] {
  const ports = Array.from({ length: memberCount }, (_, at) => {
    // 2379, 22379, 32379: the ports of etcd's own examples.
    const client = basePort === undefined ? 2379 + (at === 0 ? 0 : (at + 1) * 10_000) : basePort + 2 * at;
    return { client, peer: client + 1 };
  });
  const last = ports.at(-1)?.peer ?? 0;
  if (last <= 65_535) return ports;
  throw new ClusterError(
    `${memberCount} members would need ports up to ${last}: choose a lower --base-port, such as 20000`,
  );
}
