import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const packageDir = join(import.meta.dirname, '..');
/** Below the dependencies, so that they are found as from the sources. */
const cacheDir = join(packageDir, '../../node_modules/.cache');

test(
  'what is published, where all files are JavaScript, finds its threads as well',
  { timeout: 60_000 },
  () => {
    mkdirSync(cacheDir, { recursive: true });
    const dir = mkdtempSync(join(cacheDir, 'credentials-'));
    try {
      for (const file of globSync('**/*.ts', { cwd: join(packageDir, 'src') })) {
        const source = readFileSync(join(packageDir, 'src', file), 'utf8');
        const target = join(dir, file.replace(/\.ts$/, '.js'));
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, stripTypeScriptTypes(source).replaceAll(/(from '\.[^']*)\.ts'/g, "$1.js'"));
      }
      const program = `
      import { BcryptPasswords } from ${JSON.stringify(join(dir, 'index.js'))};
      await using passwords = new BcryptPasswords({ cost: 4 });
      console.log(await passwords.matches('x', await passwords.hash('x')));`;
      const output = execFileSync(
        process.execPath,
        ['--no-warnings', '--input-type=module', '--eval', program],
        { encoding: 'utf8' },
      );
      expect(output).toBe('true\n');
    } finally {
      rmSync(dir, { recursive: true });
    }
  },
);
