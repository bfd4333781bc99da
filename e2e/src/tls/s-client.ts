import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Whether there is an `openssl` to ask with. */
export const hasOpenssl: boolean = spawnSync('openssl', ['version']).status === 0;

/** What came of a connection of `openssl s_client`. */
export interface SClientOutcome {
  /** What the server answered to a request; empty when the handshake was refused. */
  readonly answer: string;
  /** What openssl says of it: alerts, and reasons. */
  readonly said: string;
}

/** Connects as `openssl s_client` does, and asks for a path over HTTP/1.1. */
export async function sClient(port: number, path: string, args: readonly string[]): Promise<SClientOutcome> {
  const child = spawn('openssl', [
    's_client',
    '-connect',
    `127.0.0.1:${port}`,
    '-quiet',
    '-ign_eof',
    ...args,
  ]);
  let [answer, said] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (answer += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stdin.on('error', () => {}); // It may be gone before it has read its input.
  child.stdin.end(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  await once(child, 'close');
  return { answer, said };
}
