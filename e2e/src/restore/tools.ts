import { join, resolve } from 'node:path';
import { etcdBin } from '../member-process.ts';
import { run, type RunResult } from '../run-quorate.ts';

const quoratectlPath = resolve(import.meta.dirname, '../../../apps/ctl/bin/quoratectl.js');

/** Runs `quoratectl` to its end. */
export function quoratectl(...args: readonly string[]): Promise<RunResult> {
  return run(process.execPath, [quoratectlPath, ...args]);
}

/** Runs the real `etcdutl` to its end. */
export function etcdutl(...args: readonly string[]): Promise<RunResult> {
  if (etcdBin === undefined) throw new Error('QUORATE_ETCD_BIN names no folder with a real etcdutl');
  return run(join(etcdBin, 'etcdutl'), args);
}

/** What a tool printed. @throws Error with what it said when it failed */
export async function stdoutOf(running: Promise<RunResult>): Promise<string> {
  const { code, stdout, stderr } = await running;
  if (code !== 0) throw new Error(`a tool ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}
