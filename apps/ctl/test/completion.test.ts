import { etcdBinFolder, startRealEtcd, type StartedServer } from '@quorate/client/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findCommand, type Command } from '../src/cli/command.ts';
import { rootCommand } from '../src/commands.ts';
import { completionsOf, type LookUp } from '../src/completion/completions.ts';
import { argumentSources, runsProgram } from '../src/completion/rules.ts';
import { quoratectl } from './differential/tools.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** What is asked of the cluster, and not answered. */
async function asked(...words: string[]): Promise<LookUp | undefined> {
  let question: LookUp | undefined;
  await completionsOf(rootCommand, words, (lookUp) => {
    question = lookUp;
    return Promise.resolve([]);
  });
  return question;
}

async function values(...words: string[]): Promise<string[]> {
  const { candidates } = await completionsOf(rootCommand, words, () => Promise.resolve([]));
  return candidates.map(({ value }) => value);
}

describe('a command line is completed', () => {
  test.each([
    [['lea'], ['lease']],
    [['lease', 'g'], ['grant']],
    [['lea', 'k'], ['keep-alive']],
    [
      ['-w', 'json', 'comp'],
      ['compaction', 'completion'],
    ],
    [['help', 'lease', 'r'], ['revoke']],
    [['lease', 'grant', 'x'], []],
    [['nonsense', ''], []],
    [['lease', 'nonsense', ''], []],
    [
      ['completion', ''],
      ['bash', 'fish', 'powershell', 'zsh'],
    ],
    [['get', '--pre'], ['--prefix']],
    [['get', '--prefix', '--pre'], []],
    [['get', '-'], []],
    [['get', '--', '--pre'], []],
    [['get', '--no-such', '--pre'], ['--prefix']],
    [
      ['get', '-w', ''],
      ['fields', 'json', 'protobuf', 'simple', 'table'],
    ],
    [['get', '--write-out', 't'], ['table']],
    [['get', '--write-out=t'], ['--write-out=table']],
    [['get', '--hex=t'], ['--hex=true']],
    [['get', '--no-such=t'], []],
    [['get', '--order', 'a'], []],
    [['get', '--order', 'A'], ['ASCEND']],
    [
      ['get', '--consistency='],
      ['--consistency=l', '--consistency=s'],
    ],
    [['role', 'grant-permission', 'r', 'w'], ['write']],
    [
      ['role', 'grant-permission', 'r', ''],
      ['read', 'write', 'readwrite'],
    ],
  ])('%j', async (words, expected) => {
    expect(await values(...words)).toEqual(expected);
  });

  test.each([
    [['get', 'fru'], 'keys', 'fru'],
    [['get', 'a', 'b'], 'keys', 'b'],
    [['get', '--prefix', ''], 'keys', ''],
    [['put', '--lease', '12'], 'leases', '12'],
    [['put', '--lease=12'], 'leases', '12'],
    [['lease', 'revoke', ''], 'leases', ''],
    [['member', 'remove', 'f'], 'members', 'f'],
    [['user', 'grant-role', 'alice', 'r'], 'roles', 'r'],
    [['role', 'revoke-permission', 'r', 'k'], 'keys', 'k'],
    [['get', '--endpoints=a:1,b'], 'endpoints', 'b'],
    [['--context', 'p'], 'contexts', 'p'],
  ])('%j asks the cluster', async (words, source, typed) => {
    expect(await asked(...words)).toMatchObject({ source, typed });
  });

  test.each([
    [['get', 'a', 'b', '']],
    [['put', 'a', '']],
    [['watch', 'a', '--', '']],
    [['lease', 'grant', '']],
  ])('%j asks nobody', async (words) => {
    expect(await asked(...words)).toBeUndefined();
  });

  test('the question goes with the flags of the line, as far as they can be read', async () => {
    const question = await asked('get', '--endpoints=a:1,b:2', '--dial-timeout=soon', '--user', 'alice', 'k');
    expect(question?.flags.list('endpoints')).toEqual(['a:1', 'b:2']);
    expect(question?.flags.string('user')).toBe('alice');
  });

  test('files and folders are left to the shell', async () => {
    const fallback = async (...words: string[]) =>
      (await completionsOf(rootCommand, words, () => Promise.resolve([]))).fallback;
    expect(await fallback('get', '--cacert', '')).toBe('files');
    expect(await fallback('snapshot', 'save', '')).toBe('files');
    expect(await fallback('watch', 'a', '--', 'ec')).toBe('files');
    expect(await fallback('get', '')).toBe('nothing');
  });

  test('every command of the rules is there', () => {
    for (const name of [...Object.keys(argumentSources), ...runsProgram]) {
      const { path, argv } = findCommand(rootCommand, name.split(' '));
      expect([name, argv, path.at(-1)?.load === undefined]).toEqual([name, [], false]);
    }
  });

  test('every command can be completed', async () => {
    const walk = async (command: Command, words: readonly string[]): Promise<void> => {
      const names = await values(...words, '');
      for (const child of command.children ?? []) {
        expect(names).toContain(child.name);
        await walk(child, [...words, child.name]);
      }
    };
    await walk(rootCommand, []);
  });
});

describe('what the shell is told', () => {
  const complete = async (...argv: string[]) => {
    const outcome = await quoratectl({ argv: ['__complete', ...argv, '--dial-timeout=9s'].slice(0, -1) });
    expect([outcome.stderr, outcome.code]).toEqual(['', 0]);
    return outcome.stdout;
  };

  test('is a candidate a line, its description behind a tab, and what else to do', async () => {
    expect(await complete('lease', 'gr')).toBe('grant\tCreates leases\n:4\n');
    expect(await complete('get', '--cert', '')).toBe(':0\n');
    expect((await quoratectl({ argv: ['__completeNoDesc', 'lease', 'gr'] })).stdout).toBe('grant\n:4\n');
    expect((await quoratectl({ argv: ['__complete'] })).stdout).toContain(
      'get\tGets the key or a range of keys\n',
    );
  });

  test('is nothing when nobody answers, the line makes no sense, or a password would be asked for', async () => {
    expect(await complete('get', '--endpoints=127.0.0.1:1', 'a')).toBe(':4\n');
    expect(await complete('get', '--endpoints=:::', 'a')).toBe(':4\n');
    expect(await complete('get', '--user=alice', 'a')).toBe(':4\n');
    expect(await complete('get', '--cacert=/nonexistent', 'a')).toBe(':4\n');
  });

  test('is the script of each shell', async () => {
    for (const shell of ['bash', 'fish', 'powershell', 'zsh']) {
      const { stdout, code } = await quoratectl({ argv: ['completion', shell] });
      expect(code).toBe(0);
      expect(stdout).toContain('__complete');
    }
  });
});

describe.skipIf(etcdBinFolder === undefined)('in a cluster (set QUORATE_ETCD_BIN to run)', () => {
  let server: StartedServer;
  const env = () => ({ ETCDCTL_ENDPOINTS: server.endpoint, ETCDCTL_DIAL_TIMEOUT: '5s' });
  const run = async (...argv: string[]) => (await quoratectl({ argv, env: env() })).stdout;
  const complete = async (...argv: string[]) => (await run('__complete', ...argv)).split('\n').slice(0, -1);

  beforeAll(async () => {
    server = await startRealEtcd(etcdBinFolder ?? '');
    const keys = [
      'fruit/apple',
      'fruit/deep/a',
      'fruit/deep/b',
      'fruit/pear',
      'gr\xc3\xbcn',
      'with space',
      '-dash',
    ];
    for (const key of [...keys, '/abs/olute', 'bad\xff', 'new\nline']) await run('put', '--', key, 'v');
    for (let i = 0; i < 120; i++) await run('put', `many/${i}`, 'v');
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  test('keys are completed like paths', async () => {
    expect(await complete('get', '')).toEqual(['/', 'fruit/', 'gr\xc3\xbcn', 'many/', 'with space', ':6']);
    expect(await complete('get', 'fr')).toEqual(['fruit/', ':6']);
    expect(await complete('get', 'fruit/')).toEqual(['fruit/apple', 'fruit/deep/', 'fruit/pear', ':6']);
    expect(await complete('get', 'fruit/apple', 'fruit/p')).toEqual(['fruit/pear', ':4']);
    expect(await complete('del', '--', '-')).toEqual(['-dash', ':4']);
    expect(await complete('get', 'many/')).toHaveLength(121);
    expect(await complete('get', 'nothing')).toEqual([':4']);
  });

  test('leases, members, endpoints, users and roles are those there are', async () => {
    const [, lease = ''] = /^lease (\w+) /.exec(await run('lease', 'grant', '600')) ?? [];
    expect(await complete('lease', 'revoke', '')).toEqual([lease, ':4']);
    expect(await complete('put', '--lease', lease.slice(0, 3))).toEqual([lease, ':4']);
    const [id = ''] = (await run('member', 'list')).split(',');
    expect(await complete('move-leader', id.slice(0, 2))).toEqual([`${id}\tn1`, ':4']);
    expect(await complete('get', '--endpoints=')).toEqual([
      `--endpoints=http://${server.endpoint}\tn1`,
      ':4',
    ]);
    await run('user', 'add', 'alice', '--no-password');
    await run('role', 'add', 'reader');
    expect(await complete('user', 'grant-role', 'al')).toEqual(['alice', ':4']);
    expect(await complete('user', 'grant-role', 'alice', '')).toEqual(['reader', ':4']);
  });
});
