import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Flags } from '../src/cli/flags.ts';
import { globalFlags } from '../src/cli/global-flags.ts';
import { applyChosenContext } from '../src/contexts/chosen-context.ts';
import { ContextStore } from '../src/contexts/context-store.ts';
import { quoratectl } from './differential/tools.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-contexts-'));
  file = join(folder, 'quorate/contexts.yaml');
});

afterEach(() => rm(folder, { recursive: true }));

const ctl = (...argv: string[]) => quoratectl({ argv, env: { XDG_CONFIG_HOME: folder } });

/** Writes the file as somebody would by hand. */
async function write(text: string): Promise<void> {
  await mkdir(join(folder, 'quorate'));
  writeFileSync(file, text, { mode: 0o600 });
}

/** The flags of a command line, once the context has added its own; as the environment has them, too. */
async function flagsOf(argv: readonly string[], env: Record<string, string> = {}): Promise<Flags> {
  const flags = new Flags(globalFlags);
  flags.parse(argv);
  await applyChosenContext(flags, { XDG_CONFIG_HOME: folder, ...env });
  return flags;
}

describe('quoratectl context', () => {
  test('keeps flags under a name, in a file that only its owner can read', async () => {
    const added = await ctl('context', 'add', 'prod', '--endpoints=a:1,b:2', '--user=alice', '-w', 'json');
    expect(added).toEqual({ stdout: 'Context prod saved\n', stderr: '', code: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'quorate')).mode & 0o777).toBe(0o700);
    expect((await ctl('context', 'use', 'prod')).stdout).toBe('Context prod is current now\n');
    expect((await ctl('context', 'current')).stdout).toBe('prod\n');
    expect((await ctl('context', 'list')).stdout).toBe('* prod, a:1,b:2, alice\n');
    expect((await ctl('context', 'show')).stdout).toBe(
      'endpoints:\n  - a:1\n  - b:2\nwrite-out: json\nuser: alice\n',
    );
    expect((await ctl('context', 'remove', 'prod')).code).toBe(0);
    expect((await ctl('context', 'list', '-w', 'json')).stdout).toBe('[]\n');
    expect((await ctl('context', 'current')).code).toBe(1);
    expect(await readdir(join(folder, 'quorate'))).toEqual(['contexts.yaml']);
  });

  test('keeps a password only when the user insists, and shows none', async () => {
    for (const secret of ['--user=a:pass-word', '--password=pass-word', '--auth-jwt-token=pass-word']) {
      const refused = await ctl('context', 'add', 'x', '--endpoints=a:1', secret);
      expect(refused.code).toBe(128);
      expect(refused.stderr).toContain('would be kept in clear in a file');
      expect(refused.stderr).not.toContain('pass-word');
      expect(existsSync(file)).toBe(false);
    }
    await ctl('context', 'add', 'x', '--user=a', '--password=pass-word', '--store-password');
    await ctl('context', 'add', 'y', '--user=a:pass-word', '--store-password');
    for (const name of ['x', 'y']) {
      for (const format of ['simple', 'json'])
        expect((await ctl('context', 'show', name, '-w', format)).stdout).not.toContain('pass-word');
    }
    expect((await ctl('context', 'list')).stdout).toBe('  x, a\n  y, a\n');
    expect((await flagsOf(['--context=x'])).string('password')).toBe('pass-word');
    chmodSync(file, 0o604);
    await expect(flagsOf(['--context=x'])).rejects.toThrow(
      /has a secret, and all users can read it; .*chmod 600/,
    );
  });

  test('makes paths of files absolute, since a context is used from anywhere', async () => {
    await ctl('context', 'add', 'tls', '--cacert=ca.crt', '--endpoints=https://a:1');
    expect((await flagsOf(['--context=tls'])).string('cacert')).toBe(join(process.cwd(), 'ca.crt'));
  });

  test.each([
    [['context', 'add', 'x'], 128, 'a context without settings is of no use'],
    [['context', 'add', '../x', '--hex'], 128, '../x cannot be the name of a context'],
    [['context', 'add'], 128, 'context add command needs the name'],
    [['context', 'use', 'nobody'], 1, 'no context is called nobody; there are a, b'],
    [['context', 'remove', 'nobody'], 1, 'no context is called nobody; there are a, b'],
    [['context', 'add', 'a', '--hex'], 1, 'there is a context a already: give --force'],
    [['get', 'k', '--context=nobody'], 1, 'no context is called nobody; there are a, b'],
    [['get', 'k'], 1, 'no context is called gone; there are a, b'],
  ])('%j is refused and changes nothing', async (argv, code, text) => {
    const before = 'current: gone\ncontexts:\n  a: {hex: true}\n  b: {hex: true}\n';
    await write(before);
    const outcome = await ctl(...argv);
    expect([outcome.stdout, outcome.code]).toEqual(['', code]);
    expect(outcome.stderr).toContain(text);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  test.each([
    ['contexts: [', 'Flow sequence'],
    ['just a text\n', 'it must be a map'],
    ['contexts: []\n', 'contexts must be a map'],
    ['current: 5\n', 'current must be the name'],
    ['contexts:\n  a: 5\n', 'context a must be a map'],
    ['contexts:\n  a:\n    endpoint: x\n', 'context a has the setting endpoint, which there is not'],
    ['contexts:\n  a:\n    hex: maybe\n', 'hex of context a must be true or false'],
    ['contexts:\n  a:\n    endpoints: 5\n', 'endpoints of context a must be a list'],
    ['contexts:\n  a: {hex: true}\n  a: {hex: true}\n', 'Map keys must be unique'],
    ['contexts:\n  a: *nowhere\n', 'context a must be a map'],
  ])('a file with %j is refused, and stays as it is', async (text, reason) => {
    await write(text);
    for (const argv of [
      ['get', 'k'],
      ['context', 'list'],
      ['context', 'add', 'n', '--hex'],
    ]) {
      const { stderr, code } = await ctl(...argv);
      expect(code).toBe(1);
      expect(stderr).toContain(`Error: the contexts in ${file}: `);
      expect(stderr).toContain(reason);
    }
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test('a setting that its flag does not take is told with file and context', async () => {
    await write('current: a\ncontexts:\n  a: {dial-timeout: soon}\n');
    expect((await ctl('get', 'k')).stderr).toMatch(
      /contexts\.yaml: context a: invalid argument "soon" for "--dial-timeout"/,
    );
  });

  test('changes keep what somebody wrote into the file, and a link stays a link', async () => {
    await write('# mine\ncurrent: a # the best\ncontexts:\n  a:\n    hex: true # so be it\n');
    const elsewhere = join(folder, 'elsewhere.yaml');
    await ctl('context', 'add', 'b', '--hex');
    const text = readFileSync(file, 'utf8');
    expect(text).toBe(
      '# mine\ncurrent: a # the best\ncontexts:\n  a:\n    hex: true # so be it\n  b:\n    hex: true\n',
    );
    writeFileSync(elsewhere, text);
    await rm(file);
    symlinkSync(elsewhere, file);
    await ctl('context', 'use', '--none');
    expect(readFileSync(elsewhere, 'utf8')).not.toContain('current');
    expect(readFileSync(elsewhere, 'utf8')).toContain('# so be it');
  });

  test('a change made meanwhile by somebody else is not lost', async () => {
    await write('contexts:\n  a: {hex: true}\n');
    let isFirst = true;
    await ContextStore.change(file, (store) => {
      if (isFirst) writeFileSync(file, 'contexts:\n  a: {hex: true}\n  theirs: {hex: true}\n');
      isFirst = false;
      store.add('mine', new Map([['hex', true]]), { replace: false });
    });
    expect(ContextStore.read(file).names).toEqual(['a', 'theirs', 'mine']);
  });
});

describe('what a command takes from a context', () => {
  const contexts = `current: one
contexts:
  one:
    endpoints: [a:1, b:2]
    user: alice
    password: secret
    cert: /c.crt
    key: /c.key
    write-out: table
    command-timeout: 1m
  two:
    discovery-srv: example.com
`;

  test('is what neither flags nor the environment say', async () => {
    await write(contexts);
    const flags = await flagsOf(['--write-out=json']);
    expect(flags.list('endpoints')).toEqual(['a:1', 'b:2']);
    expect(flags.string('write-out')).toBe('json');
    expect([flags.string('user'), flags.string('password')]).toEqual(['alice', 'secret']);
    expect(flags.durationMs('command-timeout')).toBe(60_000);
    const env = { ETCDCTL_WRITE_OUT: 'bogus', XDG_CONFIG_HOME: folder };
    expect((await quoratectl({ argv: ['get', 'k', '--user='], env })).stderr).toBe(
      'Error: unsupported output format\n',
    );
  });

  test('does not mix who we are, where members are, or a certificate and its key', async () => {
    await write(contexts);
    expect((await flagsOf(['--user=bob'])).string('password')).toBe('');
    expect((await flagsOf(['--auth-jwt-token=t'])).string('user')).toBe('');
    const other = await flagsOf(['--password=other']);
    expect([other.string('user'), other.string('password')]).toEqual(['alice', 'other']);
    expect((await flagsOf(['--key=/k'])).string('cert')).toBe('');
    expect((await flagsOf(['--context=two', '--endpoints=c:3'])).string('discovery-srv')).toBe('');
  });

  test('is of the one that the flag, the environment or the file chooses, in this order', async () => {
    await write(contexts);
    const argv = ['context', 'current'];
    const env = { XDG_CONFIG_HOME: folder };
    expect((await quoratectl({ argv, env })).stdout).toBe('one\n');
    expect((await quoratectl({ argv, env: { ...env, QUORATECTL_CONTEXT: 'two' } })).stdout).toBe('two\n');
    expect((await quoratectl({ argv: [...argv, '--context=three'], env })).stdout).toBe('three\n');
    expect((await flagsOf(['--context='])).isSet('endpoints')).toBe(false);
  });

  test('is nothing where there is no file, and no home', async () => {
    expect((await flagsOf([])).isSet('endpoints')).toBe(false);
    expect((await flagsOf([], { XDG_CONFIG_HOME: 'relative', HOME: '' })).isSet('endpoints')).toBe(false);
    await expect(flagsOf(['--context=x'], { XDG_CONFIG_HOME: '' })).rejects.toThrow('no place for contexts');
    await expect(flagsOf(['--context=x'])).rejects.toThrow('no context is called x; there are none yet');
  });
});
