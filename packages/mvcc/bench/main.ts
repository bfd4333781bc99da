/** Each benchmark of the store in a process of its own: `node bench/main.ts [keys]`. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

for (const name of ['put', 'range', 'cold', 'memory', 'boot', 'transfer', 'kv']) {
  console.log(`-- ${name}`);
  const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const keys = name === 'kv' ? [] : process.argv.slice(2);
  spawnSync(process.execPath, ['--expose-gc', script, ...keys], { stdio: 'inherit' });
}
