import { CertificateAuthority, CertificateFolder } from '@quorate/tls/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { until } from '../cluster/until.ts';
import { GrpcCaller } from '../differential/grpc-caller.ts';
import { op } from '../differential/operation.ts';
import { freePort, startQuorate, type MemberProcess } from '../member-process.ts';
import type { Target, TlsTarget } from './attack.ts';
import { noAnswers, type Answers } from './attack-connection.ts';
import { Bystander } from './bystander.ts';

/** How long is measured. */
export interface SiegeEffort {
  /** Quiet and attacked phases of each kind, in turns. */
  readonly phases: number;
  readonly phaseMs: number;
}

/** Enough for a verdict; for figures take more. */
export const testEffort: SiegeEffort = { phases: 3, phaseMs: 600 };
/** For attacks that differ little from each other, and of which there are many. */
export const shortEffort: SiegeEffort = { phases: 1, phaseMs: 600 };
/** An attack runs that long before it is measured. */
const warmUpMs = 100;
/**
 * An attacker has a machine of its own. Here it shares the cores with those whom it attacks, who go first when they want
 * one.
 */
const attackerNiceness = '10';
/** What an idle machine of two cores stays below, in milliseconds, however an attack goes. */
const idleFloorMs = 12;

/**
 * Below this a latency is no harm, whatever it is beside the quiet one, which a single collection of garbage exceeds.
 * Attacker and member share a few cores; where others want them, too, everything takes longer by about as many as want
 * one.
 */
export function floorMs(): number {
  const [load = 0] = loadavg();
  return idleFloorMs * Math.max(1, load / availableParallelism());
}
/** What a member may hold more afterwards than before. */
const moreMiBMax = 256;
const moreFilesMax = 8;

const password = randomBytes(12).toString('hex');

/** What an attack came to. */
export interface SiegeResult {
  readonly attack: string;
  /** Medians, over the phases, of the 99th percentile of the bystander's latency. */
  readonly quietMs: number;
  readonly attackedMs: number;
  readonly answers: Answers;
  /** By how much counts of the member grew: ends by a limit by their reason, logins that were refused. */
  readonly stoppedBy: Readonly<Record<string, number>>;
  /** Of the member, before and after. */
  readonly residentMiB: readonly [number, number];
}

/** A member that is attacked while somebody works with it. */
export class Siege implements AsyncDisposable {
  readonly #member: MemberProcess;
  readonly #bystander: Bystander;
  readonly #folders: readonly string[];
  readonly #target: Target;
  readonly #token: string | undefined;

  private constructor(made: {
    readonly member: MemberProcess;
    readonly folders: readonly string[];
    readonly target: Target;
    readonly token: string | undefined;
    readonly bystander: Bystander;
  }) {
    this.#member = made.member;
    this.#folders = made.folders;
    this.#target = made.target;
    this.#token = made.token;
    this.#bystander = made.bystander;
  }

  /** Starts a member, with logins, or with a second port for clients with certificates, if asked for. */
  static async start({
    withLogins = false,
    withTls = false,
    flags = [],
  }: {
    readonly withLogins?: boolean;
    readonly withTls?: boolean;
    readonly flags?: readonly string[];
  } = {}): Promise<Siege> {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-siege-'));
    const clientPort = await freePort();
    const secured = withTls ? await secure(clientPort) : undefined;
    const member = await startQuorate({
      dataDir: folder,
      clientPort,
      flags: [...(secured?.flags ?? []), ...flags],
    });
    const [host = '', port = ''] = member.endpoint.split(':');
    const target = {
      ...{ host, port: Number(port), largeKey: 'large' },
      ...(secured !== undefined && { tls: secured.target }),
    };
    using caller = new GrpcCaller(member.endpoint);
    const put = op.put({ key: fromUtf8(target.largeKey), value: new Uint8Array(1_000_000) });
    await succeed(caller, put.path, put.bytes);
    const token = withLogins ? await enableLogins(caller) : undefined;
    const bystander = await Bystander.open({
      ...{ host, port: target.tls?.port ?? target.port, tls: target.tls, token },
    });
    const siege = new Siege({
      ...{ member, bystander },
      folders: secured ? [folder, secured.folder] : [folder],
      target,
      token,
    });
    // What is compiled on first use is compiled now.
    await siege.#bystander.measure(1_000);
    return siege;
  }

  get endpoint(): string {
    return this.#member.endpoint;
  }

  get member(): MemberProcess {
    return this.#member;
  }

  /** What attackers are told of it. */
  get target(): Target {
    return this.#target;
  }

  /** Who works with it, and does nothing wrong. */
  get bystander(): Bystander {
    return this.#bystander;
  }

  /**
   * Runs an attack in turns with quiet. What a member holds afterwards is compared with what it holds after a first
   * dose of the same: buffers and heaps grow once, leaks each time.
   *
   * @throws Error when the member is not as it was before
   */
  async run(attack: string, { phases, phaseMs }: SiegeEffort = testEffort): Promise<SiegeResult> {
    const leadership = (await this.#condition()).leadership;
    await using attacker = await Attacker.start(attack, this.#target);
    await attacker.during(() => this.#bystander.measure(phaseMs));
    const before = { ...(await this.#settled()), leadership };
    const quiet: number[] = [];
    const attacked: number[] = [];
    let answers = noAnswers();
    for (let phase = 0; phase < phases; phase++) {
      await this.#settled();
      quiet.push(p99(await this.#bystander.measure(phaseMs)));
      const phaseOfAttack = await attacker.during(() => this.#bystander.measure(phaseMs));
      attacked.push(p99(phaseOfAttack.result));
      answers = added(answers, phaseOfAttack.answers);
    }
    const after = await this.#recovered(before);
    return {
      attack,
      quietMs: median(quiet),
      attackedMs: median(attacked),
      answers,
      stoppedBy: grown(before.counts, after.counts),
      residentMiB: [before.residentMiB, after.residentMiB],
    };
  }

  /** Waits until the member holds no more than before. */
  async #recovered(before: Condition): Promise<Condition> {
    let after = await this.#condition();
    const differences = (): string[] => [
      ...(after.leadership === before.leadership ? [] : [`${before.leadership} became ${after.leadership}`]),
      ...(after.calls <= before.calls ? [] : [`${after.calls} calls`]),
      ...(after.connections <= before.connections ? [] : [`${after.connections} connections`]),
      ...(after.waitingBytes <= before.waitingBytes ? [] : [`${after.waitingBytes} bytes wait`]),
      ...(after.files <= before.files + moreFilesMax ? [] : [`${after.files} files after ${before.files}`]),
      ...(after.residentMiB <= before.residentMiB + moreMiBMax
        ? []
        : [`${after.residentMiB} MiB after ${before.residentMiB}`]),
    ];
    return until('the member to be as it was before the attack', async () => {
      // Memory is given back while a member works.
      await this.#bystander.measure(200);
      after = await this.#condition();
      if (differences().length > 0) throw new Error(`the member has ${differences().join(', ')}`);
      return after;
    });
  }

  /** Waits until nothing of an attack is under way any more. */
  async #settled(): Promise<Condition> {
    return until('the end of an attack', async () => {
      const condition = await this.#condition();
      return condition.calls === 0 && condition.waitingBytes === 0 ? condition : undefined;
    });
  }

  async #condition(): Promise<Condition> {
    const { pid, endpoint } = this.#member;
    const response = await fetch(`http://${endpoint}/metrics`, { headers: { connection: 'close' } });
    const metrics = await response.text();
    const gauge = (name: string): number =>
      Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1] ?? NaN);
    const processStatus = await readFile(`/proc/${pid}/status`, 'utf8');
    using caller = new GrpcCaller(endpoint);
    const asked = op.status();
    const { leader, raftTerm } = rpcpb.StatusResponse.decode(
      await succeed(caller, asked.path, asked.bytes, this.#token),
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
    this.#bystander[Symbol.dispose]();
    await this.#member[Symbol.asyncDispose]();
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }
}

interface Condition {
  readonly leadership: string;
  readonly calls: number;
  readonly connections: number;
  readonly waitingBytes: number;
  readonly files: number;
  readonly residentMiB: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** An attack that runs in a process of its own. */
class Attacker implements AsyncDisposable {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async start(name: string, target: Target): Promise<Attacker> {
    const module = fileURLToPath(new URL('attacker-process.ts', import.meta.url));
    const child = spawn(
      'nice',
      ['-n', attackerNiceness, process.execPath, module, JSON.stringify({ name, target })],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    await once(child, 'message');
    return new Attacker(child);
  }

  /** Attacks while `meanwhile` runs, and a moment before. */
  async during<T>(meanwhile: () => Promise<T>): Promise<{ readonly result: T; readonly answers: Answers }> {
    this.#process.send('begin');
    await new Promise((resolve) => setTimeout(resolve, warmUpMs));
    const result = await meanwhile();
    this.#process.send('end');
    const [answers] = (await once(this.#process, 'message')) as [Answers]; // It sends nothing else.
    return { result, answers };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
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

/** Makes root, and a user who may do everything, and enables logins; resolves to his token. */
async function enableLogins(caller: GrpcCaller): Promise<string> {
  const auth = (method: string, bytes: Uint8Array): Promise<Uint8Array> =>
    succeed(caller, `/etcdserverpb.Auth/${method}`, bytes);
  for (const name of ['root', 'bystander']) {
    await auth(
      'UserAdd',
      rpcpb.AuthUserAddRequest.encode({ ...rpcpb.AuthUserAddRequest.create(), name, password }).finish(),
    );
    await auth(
      'UserGrantRole',
      rpcpb.AuthUserGrantRoleRequest.encode({ user: name, role: 'root' }).finish(),
    ).catch(async () => {
      await auth('RoleAdd', rpcpb.AuthRoleAddRequest.encode({ name: 'root' }).finish());
      await auth(
        'UserGrantRole',
        rpcpb.AuthUserGrantRoleRequest.encode({ user: name, role: 'root' }).finish(),
      );
    });
  }
  await auth('AuthEnable', new Uint8Array(0));
  const login = rpcpb.AuthenticateRequest.encode({ name: 'bystander', password }).finish();
  return rpcpb.AuthenticateResponse.decode(await auth('Authenticate', login)).token;
}

async function succeed(
  caller: GrpcCaller,
  path: string,
  bytes: Uint8Array,
  token?: string,
): Promise<Uint8Array> {
  const reply = await caller.unary(path, bytes, token === undefined ? {} : { token });
  if (reply.code !== 0) throw new Error(`${path} was answered with ${reply.code}, "${reply.message}"`);
  return reply.bytes;
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

function grown(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  const entries = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}

function added(sum: Answers, more: Answers): Answers {
  for (const [code, count] of Object.entries(more.goAways)) {
    sum.goAways[Number(code)] = (sum.goAways[Number(code)] ?? 0) + count;
  }
  sum.connections += more.connections;
  sum.closed += more.closed;
  sum.resets += more.resets;
  sum.answers += more.answers;
  return sum;
}

function p99(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length * 0.99)] ?? NaN;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
