import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { etcdBinFolder } from '@quorate/client/testing';
import { expect, test, vi } from 'vitest';
import { allFlags, type Command } from '../src/cli/command.ts';
import { flagCell } from '../src/cli/usage.ts';
import { rootCommand } from '../src/commands.ts';

// etcdctl is started some 60 times.
vi.setConfig({ testTimeout: 60_000 });

const run = promisify(execFile);
const binFolder = etcdBinFolder ?? '';

/** Flags that are as etcdutl has them where etcdctl, which calls the command deprecated, has another default. */
const asEtcdutl = new Set(['snapshot restore --initial-memory-map-size']);

/** What the help of a command says: the commands below it, and its flags with shorthands and defaults. */
interface Help {
  readonly commands: readonly string[];
  readonly flags: readonly string[];
}

async function helpOf(path: readonly string[]): Promise<Help> {
  const { stdout } = await run(join(binFolder, 'etcdctl'), [...path, '--help']);
  const sections = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of stdout.split('\n')) {
    const title = /^([A-Z ]+):$/.exec(line)?.[1];
    if (title !== undefined) sections.set(title, (lines = []));
    else if (line.trim() !== '') lines.push(line.replace(/^\t/, '').split('\t')[0] ?? '');
  }
  const flags = [...(sections.get('OPTIONS') ?? []), ...(sections.get('GLOBAL OPTIONS') ?? [])];
  return { commands: sections.get('COMMANDS') ?? [], flags };
}

/** Every command that etcdctl has, as its help tells. */
async function commandsOf(path: readonly string[]): Promise<{ path: readonly string[]; help: Help }[]> {
  const help = await helpOf(path);
  // The program itself lists the commands of its groups, too.
  const names = new Set(help.commands.map((command) => command.split(' ')[0] ?? ''));
  names.delete('help');
  const below: { path: readonly string[]; help: Help }[] = [];
  for (const name of names) below.push(...(await commandsOf([...path, name])));
  return [{ path, help }, ...below];
}

/** Our command of this name, with its groups around it. */
function ours(path: readonly string[]): Command[] | undefined {
  const found = [rootCommand];
  for (const name of path) {
    const next = found.at(-1)?.children?.find((child) => child.name === name);
    if (next === undefined) return undefined;
    found.push(next);
  }
  return found;
}

test.skipIf(etcdBinFolder === undefined)(
  'every command of etcdctl is here, with its flags, their shorthands and defaults (set QUORATE_ETCD_BIN to run)',
  async () => {
    const theirs = await commandsOf([]);
    expect(theirs.length).toBeGreaterThan(60);
    for (const { path, help } of theirs) {
      const name = path.join(' ');
      const command = ours(path);
      expect.soft(command, name).toBeDefined();
      if (command === undefined) continue;
      const cells = allFlags(command).map(flagCell);
      for (const flag of help.flags) {
        const long = /--[\w-]+/.exec(flag)?.[0] ?? '';
        if (long === '--help' || asEtcdutl.has(`${name} ${long}`)) continue;
        expect.soft(cells, name).toContain(flag);
      }
    }
  },
);

/** What later versions have beside, which no help of 3.5 tells. */
const ofLaterVersions: Readonly<Record<string, readonly string[]>> = {
  '': ['      --auth-jwt-token=""', '      --max-recv-bytes=0', '      --max-request-bytes=0'],
  options: [],
  'downgrade validate': [],
  'downgrade enable': [],
  'downgrade cancel': [],
  get: [
    '      --max-create-rev=0',
    '      --max-mod-rev=0',
    '      --min-create-rev=0',
    '      --min-mod-rev=0',
    '      --stream[=false]',
  ],
  'make-mirror': ['      --rev=0', '      --max-txn-ops=128'],
  'member list': ['      --consistency="l"'],
};

test.each(Object.entries(ofLaterVersions))('what etcdctl 3.6 and 3.7 have: %j %j', (name, flags) => {
  const command = ours(name === '' ? [] : name.split(' '));
  expect(command).toBeDefined();
  expect(allFlags(command ?? []).map(flagCell)).toEqual(expect.arrayContaining([...flags]));
});
