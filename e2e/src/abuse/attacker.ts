import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Target } from './attack.ts';
import type { Answers } from './attack-connection.ts';
import { onIdleCores } from './idle-cores.ts';

/** An attack runs that long before it is measured. */
const warmUpMs = 100;

/** An attack that runs in a process of its own. */
export class Attacker implements AsyncDisposable {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async start(name: string, target: Target): Promise<Attacker> {
    const module = fileURLToPath(new URL('attacker-process.ts', import.meta.url));
    const [command, ...args] = onIdleCores;
    const child = spawn(command, [...args, process.execPath, module, JSON.stringify({ name, target })], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
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
