import { Client } from '@quorate/client';
import type { ByteString } from '../../src/byte-string.ts';
import type { Invocation, Outcome, Tool } from './tools.ts';

/** A step of a script: a command line, where `{name}` stands for what an earlier step captured. */
export interface Step extends Invocation {
  /** Keeps what this pattern's group finds in stdout under a name, for later steps, and masks it in outputs. */
  readonly capture?: { readonly name: string; readonly pattern: RegExp };
  /** Further parts of the output that differ from run to run. */
  readonly mask?: readonly RegExp[];
  /** The order of the lines differs from run to run. */
  readonly sorted?: boolean;
}

/** The members of a cluster, the tool that talks to them, and a folder for its files. */
export interface Side {
  readonly tool: Tool;
  readonly endpoints: readonly string[];
  readonly folder: string;
}

/** What servers since 3.6 say, and etcd 3.5 does not. */
const ofLaterServers = /,"hash_revision":\d+|^Server version .*\n/gm;

/** What differs between two servers of the same state, as pairs of what stands there and what to put instead. */
type Names = (readonly [text: string, name: string])[];

/** What is printed of a step and compared: stdout, the last error line, and the exit code. */
export interface Recorded {
  readonly command: string;
  readonly stdout: ByteString;
  readonly error: ByteString;
  readonly code: number | undefined;
}

/** Runs steps one after the other against one server, and records what came out, with names for what differs. */
export class Transcript {
  readonly #side: Side;
  readonly #names: Names = [];
  readonly #captured = new Map<string, string>();

  constructor(side: Side) {
    this.#side = side;
    side.endpoints.forEach((endpoint, i) => {
      this.#names.push([endpoint, `<endpoint${i + 1}>`]);
      this.#captured.set(`endpoint${i + 1}`, endpoint);
    });
    this.#names.push([side.folder, '<folder>']);
    this.#captured.set('folder', side.folder);
  }

  /** Learns the IDs of the members, which depend on their ports, and who leads. */
  async begin(): Promise<void> {
    const [first = ''] = this.#side.endpoints;
    await using client = new Client({ endpoints: [first] });
    const { header, members } = await client.cluster.memberList({});
    this.#nameId(header?.clusterId ?? 0n, 'cluster');
    this.#nameId(header?.memberId ?? 0n, 'member');
    this.#captured.set('member', (header?.memberId ?? 0n).toString(16));
    for (const { name, peerURLs } of members) {
      for (const url of peerURLs) this.#names.push([url, `<peer-url-of-${name}>`]);
      this.#captured.set(`peer-url-of-${name}`, peerURLs.join(','));
    }
    for (const endpoint of this.#side.endpoints) {
      const { header: own, leader } = await client.maintenance.status({}, { endpoint });
      const role = own?.memberId === leader ? 'leader' : 'follower';
      this.#captured.set(role, (own?.memberId ?? 0n).toString(16));
      this.#captured.set(`endpoint-of-${role}`, endpoint);
    }
  }

  /** Runs a step. */
  async run(step: Step): Promise<Recorded> {
    const argv = step.argv.map((argument) => this.#fillIn(argument));
    const env = this.#environment(step);
    const stdin = step.stdin === undefined ? {} : { stdin: this.#fillIn(step.stdin) };
    const outcome = await this.#side.tool({ ...step, ...stdin, argv, env });
    this.#capture(step, outcome);
    return {
      command: step.argv.join(' '),
      stdout: this.#mask(outcome.stdout, step),
      error: this.#mask(lastError(outcome.stderr), step),
      code: outcome.code,
    };
  }

  #environment({ env = {} }: Step): Record<string, string | undefined> {
    const environment: Record<string, string | undefined> = {
      ETCDCTL_ENDPOINTS: this.#side.endpoints.join(','),
    };
    for (const [name, value] of Object.entries(env)) environment[name] = value && this.#fillIn(value);
    return environment;
  }

  #capture({ capture }: Step, { stdout }: Outcome): void {
    if (capture === undefined) return;
    const found = capture.pattern.exec(stdout)?.[1] ?? '';
    this.#captured.set(capture.name, found);
    if (/^[0-9a-f]{8,16}$/.test(found)) this.#nameId(BigInt(`0x${found}`), capture.name);
  }

  #nameId(id: bigint, name: string): void {
    this.#names.push([id.toString(10), `<${name}>`], [id.toString(16).padStart(16, '0'), `<${name}-hex>`]);
    this.#names.push([id.toString(16), `<${name}-hex>`]);
  }

  #fillIn(text: string): string {
    return text.replace(/\{([\w-]+)\}/g, (whole, name: string) => this.#captured.get(name) ?? whole);
  }

  #mask(text: ByteString, { mask = [], sorted = false }: Step): ByteString {
    let masked = text;
    for (const [found, name] of this.#names) masked = masked.replaceAll(found, name);
    for (const pattern of mask) masked = masked.replace(pattern, '<masked>');
    // How many fields in a row are masked may be a matter of the server's version.
    masked = masked.replace(ofLaterServers, '').replace(/(?:<masked>)+/g, '<masked>');
    return sorted ? masked.split('\n').toSorted().join('\n') : masked;
  }
}

/**
 * The last line of stderr that says what went wrong; etcdctl has log lines before it, prints some errors twice, and
 * has stty complain when it asks for a password where there is no terminal.
 */
function lastError(stderr: ByteString): ByteString {
  const lines = stderr.split('\n').filter((line) => line !== '' && !/^(?:\{"level"|stty: )/.test(line));
  return lines.at(-1) ?? '';
}
