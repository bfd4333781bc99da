import { spawnSync } from 'node:child_process';

/**
 * Whether the lockfile installs everywhere: registries serve platform packages at different times, and an
 * `npm install` then writes a lockfile that `npm ci` refuses. Nothing is installed or changed.
 */
const { status, stdout, stderr } = spawnSync('npm', ['ci', '--dry-run', '--ignore-scripts'], {
  encoding: 'utf8',
});
const missing = `${stdout}${stderr}`.split('\n').filter((line) => /Missing:|EUSAGE/.test(line));
if (status !== 0 || missing.length > 0) {
  console.error(`The lockfile does not install:\n${missing.join('\n') || stderr}`);
  process.exit(1);
}
console.log('the lockfile installs');
