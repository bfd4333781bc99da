import { freePort } from '@quorate/std/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromUtf8 } from '@quorate/std';
import { Client } from '../client.ts';
import { testCertificates, type TestCertificateFiles } from './certificates.ts';

export { freePort };

/** The folder with etcd, etcdctl and etcdutl that tests against the real thing use; undefined skips them. */
export const etcdBinFolder: string | undefined = process.env['QUORATE_ETCD_BIN'];

/** A server that a test started. */
export interface StartedServer extends AsyncDisposable {
  /** Its client endpoint: `host:port`, or with TLS `https://host:port`. */
  readonly endpoint: string;
  /** The URL that other members would reach it at. */
  readonly peerUrl: string;
}

/** How a server is started. */
export interface StartOptions {
  /** Arguments behind the ones every server gets; of two that say the same, servers take the last. */
  readonly extraArguments?: readonly string[];
  /** Have the server sign itself a certificate, and its endpoint begin with `https://`. */
  readonly tls?: boolean;
  /** Have the server use `server` of these, and take clients only with a certificate of this CA. */
  readonly certificates?: TestCertificateFiles;
  /** The port to serve clients on; left out, a free one. */
  readonly clientPort?: number;
  /** Who the server is in a cluster of several; left out, it is the only member of its own. */
  readonly member?: MemberIdentity;
}

/** A member's place in a cluster. */
export interface MemberIdentity {
  readonly name: string;
  readonly peerUrl: string;
  /** `--initial-cluster`: all members, this one among them. */
  readonly initialCluster: string;
  /** `existing` for one that was added to a cluster that runs. */
  readonly state: 'new' | 'existing';
  /** One that follows without a vote answers nothing but serializable reads. */
  readonly isLearner?: boolean;
}

/** Starts one real etcd on ports of its own, with its data in a folder that goes away with it. */
export function startRealEtcd(binFolder: string, options?: StartOptions): Promise<StartedServer> {
  return startServer([join(binFolder, 'etcd')], options);
}

/** Starts a server that takes etcd's flags: `command` is a program and its first arguments. */
export async function startServer(
  command: readonly [string, ...string[]],
  { extraArguments = [], tls = false, certificates, clientPort, member }: StartOptions = {},
): Promise<StartedServer> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'quorate-real-etcd-'));
  const secure = tls || certificates !== undefined;
  const endpoint = `${secure ? 'https://' : ''}127.0.0.1:${clientPort ?? (await freePort())}`;
  const clientUrl = secure ? endpoint : `http://${endpoint}`;
  const { name, peerUrl, initialCluster, state, isLearner = false } = member ?? (await onlyMember());
  const [program, ...firstArguments] = command;
  const server = spawn(
    program,
    [
      ...firstArguments,
      ...['--name', name, '--data-dir', dataFolder],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', initialCluster, '--initial-cluster-state', state, '--log-level', 'error'],
      ...(tls ? ['--auto-tls'] : []),
      ...(certificates === undefined ? [] : certificateArguments(certificates)),
      ...extraArguments,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const stop = async () => {
    await stopProcess(server);
    await rm(dataFolder, { recursive: true, force: true });
  };
  try {
    const ready = answersReads(endpoint, { serializable: isLearner, mutual: certificates !== undefined });
    await Promise.race([ready, endedEarly(server)]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, peerUrl, [Symbol.asyncDispose]: stop };
}

async function onlyMember(): Promise<MemberIdentity> {
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  return { name: 'n1', peerUrl, initialCluster: `n1=${peerUrl}`, state: 'new' };
}

function certificateArguments({ server, ca }: TestCertificateFiles): string[] {
  const own = ['--cert-file', server.cert, '--key-file', server.key];
  return [...own, '--client-cert-auth', '--trusted-ca-file', ca];
}

/** Waits until the server has a leader and answers. A read that finds no connection is repeated by the client. */
async function answersReads(
  endpoint: string,
  { serializable, mutual }: { readonly serializable: boolean; readonly mutual: boolean },
): Promise<void> {
  const { cert, key } = testCertificates.alice;
  const own = mutual ? { cert: fromUtf8(cert), key: fromUtf8(key) } : {};
  await using client = new Client({
    endpoints: [endpoint],
    requestTimeoutMs: 30_000,
    ...(endpoint.startsWith('https:') ? { tls: { insecureSkipVerify: true, ...own } } : {}),
  });
  await client.get('a key that need not exist', { serializable });
}

/** Rejects when the process ends, with what it said last. */
function endedEarly(child: ChildProcess): Promise<never> {
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-2_000);
  });
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the server ended with code ${code}: ${said}`)));
  });
  // Once the server answers, its end is no news to whoever waited for it to start.
  ended.catch(() => {});
  return ended;
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
