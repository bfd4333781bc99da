import { CertificateAuthority, CertificateFolder } from '@quorate/tls/testing';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { GrpcCaller } from '../differential/grpc-caller.ts';
import { op } from '../differential/operation.ts';
import { freePort, startQuorate, type MemberProcess } from '../member-process.ts';
import type { Target, TlsTarget } from './attack.ts';
import { enableLogins, signingKeys, succeed } from './logins.ts';

/** How a member that is attacked is started. */
export interface BesiegedOptions {
  /** Its users have to log in. */
  readonly withLogins?: boolean;
  /** Their tokens are signed ones. */
  readonly withSignedTokens?: boolean;
  /** It has a second port for clients with certificates. */
  readonly withTls?: boolean;
  readonly flags?: readonly string[];
  /** Placed before the command. */
  readonly wrapper?: readonly string[];
}

/** What a member is and holds at a moment. */
export interface Condition {
  /** Who leads, and in which term. */
  readonly leadership: string;
  readonly calls: number;
  readonly connections: number;
  /** Of requests that are not whole and answers that nobody takes. */
  readonly waitingBytes: number;
  readonly files: number;
  readonly residentMiB: number;
  /** What has been ended or refused so far, by the reason. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A durable member that waits for attackers. */
export class BesiegedMember implements AsyncDisposable {
  readonly process: MemberProcess;
  /** What attackers are told of it. */
  readonly target: Target;
  /** Of a user who may do everything, when logins are needed. */
  readonly token: string | undefined;
  readonly #folders: readonly string[];

  private constructor(
    made: Pick<BesiegedMember, 'process' | 'target' | 'token'>,
    folders: readonly string[],
  ) {
    this.process = made.process;
    this.target = made.target;
    this.token = made.token;
    this.#folders = folders;
  }

  static async start({
    withLogins = false,
    withSignedTokens = false,
    withTls = false,
    flags = [],
    wrapper = [],
  }: BesiegedOptions): Promise<BesiegedMember> {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-siege-'));
    const clientPort = await freePort();
    const secured = withTls ? await secure(clientPort) : undefined;
    const keys = withSignedTokens ? signingKeys() : undefined;
    const member = await startQuorate({
      ...{ dataDir: folder, clientPort, wrapper },
      flags: [...(secured?.flags ?? []), ...(keys?.flags ?? []), ...flags],
    });
    const [host = '', port = ''] = member.endpoint.split(':');
    const target = {
      ...{ host, port: Number(port), largeKey: 'large', pid: member.pid },
      ...(secured !== undefined && { tls: secured.target }),
    };
    using caller = new GrpcCaller(member.endpoint);
    const put = op.put({ key: fromUtf8(target.largeKey), value: new Uint8Array(1_000_000) });
    await succeed(caller, put.path, put.bytes);
    const logins = withLogins ? await enableLogins(caller) : undefined;
    const badTokens = { ...logins?.badTokens, ...keys?.badTokens };
    return new BesiegedMember(
      { process: member, target: { ...target, badTokens }, token: logins?.token },
      [folder, secured?.folder, keys?.folder].filter((one) => one !== undefined),
    );
  }

  /** Looks at it, over connections of its own. */
  async condition(): Promise<Condition> {
    const { pid, endpoint } = this.process;
    const response = await fetch(`http://${endpoint}/metrics`, { headers: { connection: 'close' } });
    const metrics = await response.text();
    const gauge = (name: string): number =>
      Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1] ?? NaN);
    const processStatus = await readFile(`/proc/${pid}/status`, 'utf8');
    using caller = new GrpcCaller(endpoint);
    const asked = op.status();
    const { leader, raftTerm } = rpcpb.StatusResponse.decode(
      await succeed(caller, asked.path, asked.bytes, this.token),
    );
    return {
      leadership: `leader ${leader} of term ${raftTerm}`,
      calls: gauge('quorate_grpc_calls'),
      connections: gauge('quorate_grpc_connections'),
      waitingBytes: gauge('quorate_grpc_unfinished_bytes') + gauge('quorate_grpc_untaken_bytes'),
      files: (await readdir(`/proc/${pid}/fd`)).length,
      residentMiB: Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(processStatus)?.[1]) / 1024),
      counts: countsIn(metrics),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }
}

/** A port with TLS: its flags, what is known of it, and where its files are. */
interface Secured {
  readonly flags: readonly string[];
  readonly target: TlsTarget;
  readonly folder: string;
}

/** Certificates for a member that listens with TLS on another port, and for its clients; RSA, as most have it. */
async function secure(clientPort: number): Promise<Secured> {
  const ca = await CertificateAuthority.create();
  const folder = new CertificateFolder();
  const trusted = folder.write('ca.crt', ca.pem).path;
  const server = folder.writePair('server', await ca.issue({ keys: 'rsa' }));
  const { cert, key } = await ca.issue({ commonName: 'client', keys: 'rsa' });
  const port = await freePort();
  const flags = [
    `--listen-client-urls=http://127.0.0.1:${clientPort},https://127.0.0.1:${port}`,
    `--cert-file=${server.cert.path}`,
    `--key-file=${server.key.path}`,
    `--trusted-ca-file=${trusted}`,
    '--client-cert-auth',
  ];
  const strangers = await CertificateAuthority.create();
  const stranger = await strangers.issue({ commonName: 'client' });
  return { flags, target: { port, ca: ca.pem, cert, key, stranger }, folder: folder.path };
}

/** What tells why an attack got nowhere. */
function countsIn(metrics: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [, reason = '', value] of metrics.matchAll(
    /^quorate_grpc_cuts_total\{reason="(\w+)"\} (\d+)$/gm,
  )) {
    counts[reason] = Number(value);
  }
  for (const [, reason = '', value] of metrics.matchAll(
    /^quorate_(?:tls_handshakes_refused|client_connections_refused)_total\{(?:side="client",)?reason="([\w ]+)"\} (\d+)$/gm,
  )) {
    counts[reason] = (counts[reason] ?? 0) + Number(value);
  }
  for (const [, value] of metrics.matchAll(/^quorate_client_connections_delayed_total (\d+)$/gm)) {
    counts['delayed'] = Number(value);
  }
  for (const [, name = '', value] of metrics.matchAll(
    /^quorate_auth_(logins|passwords)_refused_total (\d+)$/gm,
  )) {
    counts[`${name} refused`] = Number(value);
  }
  return counts;
}
