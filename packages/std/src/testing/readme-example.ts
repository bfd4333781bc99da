import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Runs the first `ts` block of a README as a module of its own, in the folder of the README, so that what a
 * reader copies is what was tested. An example states its claims with `node:assert`.
 *
 * @throws Error when there is no such block, or with the example's output when it fails.
 */
export async function runReadmeExample(readme: URL): Promise<void> {
  const path = fileURLToPath(readme);
  const code = /^```ts\n([\s\S]*?)^```/m.exec(await readFile(path, 'utf8'))?.[1];
  if (code === undefined) throw new Error(`${path} has no ts block`);
  await run(process.execPath, ['--no-warnings', '--input-type=module-typescript', '--eval', code], {
    cwd: dirname(path),
    timeout: 60_000,
  });
}
