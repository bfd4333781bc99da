import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Consumer } from './consumer.ts';

/** A command of a package that runs until it is told to stop. */
export interface Service extends AsyncDisposable {
  /**
   * Asks it to stop.
   *
   * @returns The code that it exits with; a command that a signal ends has none, and is an error.
   */
  terminate(): Promise<number>;
}

/**
 * Starts an installed command by its name, as a shell would, and waits until it says that it serves.
 *
 * @throws Error with what it said, when it ends before that or does not get there in time.
 */
export async function startService(
  consumer: Consumer,
  command: string,
  args: readonly string[],
): Promise<Service> {
  const child = spawn(join(consumer.dir, 'node_modules/.bin', command), args, {
    cwd: consumer.dir,
    env: { ...process.env, ...consumer.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  let said = '';
  const serving = new Promise<true>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-20_000);
      if (said.includes('"ready to serve"')) resolve(true);
    });
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  };
  // Longer than any start takes; a loaded machine is slow, and only one that hangs gets here.
  const deadline = AbortSignal.timeout(180_000);
  const late = once(deadline, 'abort').then(() => undefined);
  const started = await Promise.race([serving, ended.then(() => undefined), late]);
  if (started === undefined) {
    await stop();
    throw new Error(`${command} did not get to serve:\n${said}`);
  }
  return {
    terminate: async () => {
      child.kill('SIGTERM');
      await ended;
      if (child.exitCode === null) throw new Error(`${command} was ended by ${child.signalCode}:\n${said}`);
      return child.exitCode;
    },
    [Symbol.asyncDispose]: stop,
  };
}
