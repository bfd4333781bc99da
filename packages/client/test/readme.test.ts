import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { describeOnEach } from './both-servers.ts';

const readme = fileURLToPath(new URL('../README.md', import.meta.url));
const examples = [...readFileSync(readme, 'utf8').matchAll(/^## (.*)$|^```ts\n([^]*?)^```/gm)]
  .reduce<{ readonly title: string; readonly code: string }[]>(
    (found, [, title, code]) => {
      const last = found.at(-1);
      if (title !== undefined) return [...found, { title, code: '' }];
      return code === undefined || last === undefined ? found : [...found.slice(0, -1), { ...last, code }];
    },
    [{ title: 'at the top', code: '' }],
  )
  .filter(({ code }) => code !== '');

test('the README has an example of each thing', () => {
  expect(examples).toHaveLength(11);
});

async function run(code: string, endpoint: string): Promise<void> {
  const running = promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--input-type=module-typescript', '--eval', code],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, ETCD_ENDPOINT: endpoint },
    },
  );
  await expect(running).resolves.toMatchObject({ stderr: '' });
}

describeOnEach('the README', (start) => {
  test('each of its examples holds', async () => {
    await using server = await start();
    // The one that switches authentication on comes last: the others are nobody.
    const withUsers = ({ code }: { readonly code: string }) => code.includes('auth.enable()');
    const ordered = [...examples].sort((a, b) => Number(withUsers(a)) - Number(withUsers(b)));
    for (const { title, code } of ordered) {
      await run(code, server.endpoint).catch((error: unknown) => {
        throw new Error(`the example “${title}” does not hold`, { cause: error });
      });
    }
  });
});
