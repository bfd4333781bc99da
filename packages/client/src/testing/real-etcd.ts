import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../client.ts';

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
}

/** Starts one real etcd on ports of its own, with its data in a folder that goes away with it. */
export function startRealEtcd(binFolder: string, options?: StartOptions): Promise<StartedServer> {
  return startServer([join(binFolder, 'etcd')], options);
}

/** Starts a server that takes etcd's flags: `command` is a program and its first arguments. */
export async function startServer(
  command: readonly [string, ...string[]],
  { extraArguments = [], tls = false }: StartOptions = {},
): Promise<StartedServer> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'quorate-real-etcd-'));
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const endpoint = `${tls ? 'https://' : ''}127.0.0.1:${clientPort}`;
  const clientUrl = tls ? endpoint : `http://${endpoint}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const [program, ...firstArguments] = command;
  const server = spawn(
    program,
    [
      ...firstArguments,
      ...['--name', 'n1', '--data-dir', dataFolder],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `n1=${peerUrl}`, '--log-level', 'error'],
      ...(tls ? ['--auto-tls'] : []),
      ...extraArguments,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const stop = async () => {
    await stopProcess(server);
    await rm(dataFolder, { recursive: true, force: true });
  };
  try {
    await Promise.race([answersReads(endpoint), endedEarly(server)]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, peerUrl, [Symbol.asyncDispose]: stop };
}

/** Waits until the server has a leader and answers. A read that finds no connection is repeated by the client. */
async function answersReads(endpoint: string): Promise<void> {
  await using client = new Client({
    endpoints: [endpoint],
    requestTimeoutMs: 30_000,
    ...(endpoint.startsWith('https:') ? { tls: { insecureSkipVerify: true } } : {}),
  });
  await client.get('a key that need not exist');
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

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}
