import { etcdBinFolder, startRealEtcd, type StartedServer } from '@quorate/client/testing';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { scripts } from '../src/completion/scripts/index.ts';
import { quoratectl } from './differential/tools.ts';

// Shells and the program they ask are started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const program = fileURLToPath(new URL('../bin/quoratectl.js', import.meta.url));
const has = (shell: string) => spawnSync(shell, ['--version']).error === undefined;
// `script` of util-linux runs a program in a terminal of its own.
const canScript = process.platform === 'linux' && existsSync('/usr/bin/script');

let folder: string;
let server: StartedServer | undefined;

/** Scripts of all shells, the program by its name, and a real etcd to ask if there is one. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-shells-'));
  await mkdir(join(folder, 'bin'));
  const starter = `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`;
  await writeFile(join(folder, 'bin/quoratectl'), starter, { mode: 0o755 });
  for (const [shell, script] of scripts) await writeFile(join(folder, shell), script);
  if (etcdBinFolder === undefined) return;
  server = await startRealEtcd(etcdBinFolder);
  for (const key of ['fruit/apple', 'fruit/deep/a', 'two words', 'a:b=c', 'q$x']) {
    await quoratectl({ argv: ['put', key, 'v'], env: { ETCDCTL_ENDPOINTS: server.endpoint } });
  }
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function environment(): NodeJS.ProcessEnv {
  const path = `${join(folder, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`;
  const endpoints = server === undefined ? {} : { ETCDCTL_ENDPOINTS: server.endpoint };
  return { ...process.env, ...endpoints, PATH: path, HOME: folder, XDG_CONFIG_HOME: folder, TERM: 'dumb' };
}

/** A line up to where Tab is pressed, and what stands there afterwards. */
const staticLines: readonly (readonly [typed: string, completed: string])[] = [
  ['quoratectl lea', 'quoratectl lease '],
  ['quoratectl get --write-out=j', 'quoratectl get --write-out=json '],
  ['quoratectl get -w ta', 'quoratectl get -w table '],
  ['quoratectl role grant-permission r readw', 'quoratectl role grant-permission r readwrite '],
  ['quoratectl get --cacert=/etc/passw', 'quoratectl get --cacert=/etc/passwd'],
];
const liveLines: readonly (readonly [typed: string, completed: string])[] = [
  ['quoratectl get fru', 'quoratectl get fruit/'],
  ['quoratectl get fruit/ap', 'quoratectl get fruit/apple '],
  ['quoratectl del --prefix fruit/d', 'quoratectl del --prefix fruit/deep/'],
  ['quoratectl get two', 'quoratectl get two\\ words '],
  ['quoratectl get "two', 'quoratectl get "two words" '],
  ['quoratectl get q', 'quoratectl get q\\$x '],
];

/** Types lines into a shell that runs in a terminal, and waits for each to be completed as expected. */
async function typeInto(command: string, setup: string, lines: readonly (readonly [string, string])[]) {
  const child = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], {
    env: environment(),
    stdio: 'pipe',
  });
  let shown = '';
  let check = (): void => {};
  child.stdout.on('data', (chunk: Buffer) => {
    // A bell may ring in the middle of a word.
    shown += chunk.toString().replaceAll('\x07', '');
    check();
  });
  const until = (text: string) =>
    new Promise<void>((resolve) => {
      check = () => {
        if (shown.includes(text)) resolve();
      };
      check();
    });
  // The prompt is put together, so that what is typed does not show it yet.
  child.stdin.write(`PS1="REA""DY> "; ${setup}\n`);
  for (const [typed, completed] of lines) {
    await until('READY> ');
    shown = '';
    child.stdin.write(`${typed}\t`);
    await until(completed);
    // Takes the line back, and asks for another prompt.
    child.stdin.write('\x15\n');
  }
  child.stdin.end('\x15exit\n');
  await once(child, 'close');
}

describe.skipIf(!canScript || !has('bash'))('bash (needs bash, and `script` of util-linux)', () => {
  const source = () => `source ${join(folder, 'bash')}`;

  test('completes commands, flags, values and files', async () => {
    await typeInto('bash --norc --noprofile -i', source(), staticLines);
  });

  test.skipIf(etcdBinFolder === undefined)('completes keys (set QUORATE_ETCD_BIN to run)', async () => {
    const withColon = ['quoratectl get a:b', 'quoratectl get a:b=c '] as const;
    await typeInto('bash --norc --noprofile -i', source(), [...liveLines, withColon]);
  });

  test('runs nothing of a line that nobody has ended', () => {
    const evil = join(folder, 'evil');
    const call = `source ./bash
      for word in "$@"; do __quoratectl_plain "$word"; printf '%s\\n' "$REPLY"; done`;
    const words = [
      `$(touch ${evil})`,
      `\`touch ${evil}\``,
      '"$HOME"/x',
      "'$HOME'",
      'a\\ b',
      '"a\\b\\"',
      '~/x',
      '${HOME}',
    ];
    const plain = execFileSync('bash', ['-c', call, 'bash', ...words], { cwd: folder, env: environment() });
    expect(plain.toString().split('\n')).toEqual([
      ...[
        `$(touch ${evil})`,
        `\`touch ${evil}\``,
        `${folder}/x`,
        '$HOME',
        'a b',
        'a\\b"',
        `${folder}/x`,
        folder,
      ],
      '',
    ]);
    expect(existsSync(evil)).toBe(false);
  });
});

describe.skipIf(!canScript || !has('zsh'))('zsh (needs zsh, and `script` of util-linux)', () => {
  const source = () => `autoload -U compinit; compinit -u -D; source ${join(folder, 'zsh')}`;

  test('completes commands, flags, values and files', async () => {
    await typeInto('zsh -f -i', source(), staticLines);
  });

  test.skipIf(etcdBinFolder === undefined)('completes keys (set QUORATE_ETCD_BIN to run)', async () => {
    await typeInto('zsh -f -i', source(), liveLines);
  });
});

describe.skipIf(!has('fish'))('fish (needs fish)', () => {
  const complete = (line: string) => {
    const command = `source ${join(folder, 'fish')}; complete -C ${JSON.stringify(line).replaceAll('$', '\\$')}`;
    return execFileSync('fish', ['-c', command], { env: environment() }).toString().split('\n').slice(0, -1);
  };

  test('completes commands, flags, values and files', () => {
    expect(complete('quoratectl lea')).toEqual(['lease\tLease related commands']);
    expect(complete('quoratectl get --write-out=j')).toEqual(['--write-out=json']);
    expect(complete('quoratectl get --cacert=/etc/passw')).toContain('--cacert=/etc/passwd');
  });

  test.skipIf(etcdBinFolder === undefined)('completes keys (set QUORATE_ETCD_BIN to run)', () => {
    expect(complete('quoratectl get fruit/')).toEqual(['fruit/apple', 'fruit/deep/']);
    expect(complete('quoratectl get "two')).toEqual(['two words']);
  });
});

describe.skipIf(!has('pwsh'))('PowerShell (needs pwsh)', () => {
  test('completes commands', () => {
    const call = `. ${join(folder, 'powershell')}; (TabExpansion2 'quoratectl lea' 14).CompletionMatches.CompletionText`;
    const env = environment();
    expect(execFileSync('pwsh', ['-NoProfile', '-c', call], { env }).toString().trim()).toBe('lease');
  });
});
