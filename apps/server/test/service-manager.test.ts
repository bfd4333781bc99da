import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tellServiceManager } from '../src/service-manager.ts';
import { newTestLog } from './test-log.ts';

const hasTools = ['systemd-notify', 'python3'].every((tool) => {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

/** Listens as systemd does, on a socket of datagrams, which Node does not have; prints the first one. */
const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("listening", flush=True)
print(s.recv(4096).decode().replace("\\n", " "), flush=True)
`;

test.skipIf(!hasTools)(
  'systemd hears that the member is ready (needs systemd-notify and python3)',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'quorate-notify-'));
    const socket = join(dir, 'notify');
    const systemd = spawn('python3', ['-c', listener, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      systemd.stdout.setEncoding('utf8');
      const ended = once(systemd, 'close');
      let heard = '';
      await new Promise<void>((resolve) => {
        systemd.stdout.on('data', (text: string) => {
          heard += text;
          if (heard.startsWith('listening')) resolve();
        });
      });
      await tellServiceManager(newTestLog().log, { ...process.env, NOTIFY_SOCKET: socket });
      await ended;
      expect(heard).toContain('READY=1');
    } finally {
      systemd.kill();
      rmSync(dir, { recursive: true });
    }
  },
);

test('without a service manager that asks, nothing is done, and without its tool the log says so', async () => {
  const { log, lines } = newTestLog();
  await tellServiceManager(log, { PATH: '' });
  expect(lines).toEqual([]);
  await tellServiceManager(log, { PATH: '', NOTIFY_SOCKET: '/nowhere' });
  expect(lines).toHaveLength(1);
});
