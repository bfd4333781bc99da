import { execFile } from 'node:child_process';
import type { Logger } from 'pino';

/**
 * Tells systemd, where it has asked for that by NOTIFY_SOCKET (`Type=notify`), that the member serves. Node cannot write
 * to such a socket, so `systemd-notify` does; the unit needs `NotifyAccess=all`. Resolves when it was told, and also when
 * that failed, which is logged: the member serves all the same.
 */
export async function tellServiceManager(log: Logger, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  if (env['NOTIFY_SOCKET'] === undefined) return;
  await new Promise<void>((resolve) => {
    execFile('systemd-notify', ['--ready', '--status=serving'], { env, timeout: 10_000 }, (error) => {
      if (error !== null)
        log.warn(
          { err: error },
          'could not tell systemd that the member serves: is systemd-notify installed?',
        );
      resolve();
    });
  });
}
