import { etcdBinFolder, freePort, startRealEtcd, writeTestCertificates } from '@quorate/client/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { run } from '../src/app.ts';
import { paintOf, paintOfShared } from '../src/colour.ts';
import { hintFor, type Situation } from '../src/hints.ts';
import { LineReader, type Terminal } from '../src/terminal.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

interface Printed {
  out: string;
  err: string;
}

/** Where somebody looks: both stdout and stderr are terminals, or none is. */
function terminalOf(
  argv: readonly string[],
  env: Terminal['env'],
  isTerminal: boolean,
): Terminal & { printed: Printed } {
  const printed: Printed = { out: '', err: '' };
  const nothing = () => Promise.reject(new Error('not here'));
  return {
    ...{ argv, env, printed, askSecret: nothing, exec: nothing },
    stdin: new LineReader((async function* () {})()),
    outputTerminal: isTerminal ? { openScreen: nothing } : undefined,
    errorTerminal: isTerminal ? new PassThrough() : undefined,
    out: (text) => void (printed.out += text),
    err: (text) => void (printed.err += text),
  };
}

/** What a command prints on a terminal, or off it, with its exit code. */
async function typed(argv: readonly string[], options: { isTerminal?: boolean; env?: Terminal['env'] } = {}) {
  const terminal = terminalOf(argv, { NO_COLOR: '1', ...options.env }, options.isTerminal ?? true);
  const code = await run(terminal);
  return { ...terminal.printed, code };
}

describe('colours', () => {
  const cases: readonly (readonly [string, Terminal['env'], boolean, own: boolean, shared: boolean])[] = [
    ['are there on a terminal', {}, true, true, true],
    ['are not there elsewhere', {}, false, false, false],
    ['are never there with NO_COLOR', { NO_COLOR: '1', FORCE_COLOR: '1' }, true, false, false],
    ['do not mind an empty NO_COLOR', { NO_COLOR: '' }, true, true, true],
    ['are not there on a dumb terminal', { TERM: 'dumb' }, true, false, false],
    [
      'are there elsewhere with FORCE_COLOR, but in what etcdctl prints, too',
      { FORCE_COLOR: '1' },
      false,
      true,
      false,
    ],
    ['can be forced on a dumb terminal', { FORCE_COLOR: '1', TERM: 'dumb' }, true, true, true],
    ['can be forced away', { FORCE_COLOR: '0' }, true, false, false],
  ];
  test.each(cases)('%s', (_, env, isTerminal, own, shared) => {
    const terminal = terminalOf([], env, isTerminal);
    const isPainted = (paint: typeof paintOf) => paint(terminal, 'stdout')('red', 'x') !== 'x';
    expect([isPainted(paintOf), isPainted(paintOfShared)]).toEqual([own, shared]);
  });

  test('make the beginning of an error line red, and nothing else', async () => {
    const { err } = await typed(['get'], { env: { NO_COLOR: '' } });
    expect(err).toMatch(/^\x1b\[31mError:\x1b\[39m get command needs one argument/);
    expect(
      (await typed(['get'], { env: { FORCE_COLOR: '1', NO_COLOR: '' }, isTerminal: false })).err,
    ).toMatch(/^Error: /);
  });
});

const situation: Situation = {
  command: 'get',
  endpoints: ['127.0.0.1:2379'],
  endpointsGiven: true,
  user: 'alice',
  hasToken: false,
};

describe('advice', () => {
  const cases: readonly (readonly [string, Partial<Situation>, RegExp])[] = [
    [
      'no connection to h:1: connect ECONNREFUSED 127.0.0.1:1',
      {},
      /nothing listens at h:1.*spelling of --endpoints/,
    ],
    [
      'no connection to h:1: connect ECONNREFUSED',
      { endpointsGiven: false },
      /--endpoints=HOST:PORT.*context add/,
    ],
    ['no connection to h:1: getaddrinfo ENOTFOUND h', {}, /no address is known for h:1/],
    [
      'no connection to https://h:1: write EPROTO wrong version number',
      {},
      /h:1 seems not to speak TLS: write http:\/\/h:1/,
    ],
    ['no connection to https://h:1: unable to verify the first certificate', {}, /not trusted.*--cacert/],
    ["no connection to https://h:1: does not match certificate's altnames", {}, /is for other names/],
    ['no connection to https://h:1: certificate has expired', {}, /must be renewed/],
    ['no connection to https://h:1: tlsv13 alert certificate required', {}, /--cert and --key/],
    ['no connection to h:1: read ECONNRESET', {}, /if it speaks TLS, write https:\/\/h:1/],
    ['no connection to h:1: timeout', {}, /does not answer.*write https:\/\/h:1/],
    [
      'etcdserver: permission denied',
      {},
      /alice may not read these keys.*grant-permission ROLE read KEY.*grant-role alice ROLE/,
    ],
    [
      'etcdserver: permission denied',
      { command: 'put', user: '' },
      /you may not write these keys.*grant-role NAME ROLE/,
    ],
    ['etcdserver: permission denied', { command: 'txn' }, /read or write these keys.*ROLE readwrite KEY/],
    [
      'etcdserver: permission denied',
      { command: 'user add' },
      /only users with the role root.*grant-role alice root/,
    ],
    ['etcdserver: user name is empty', {}, /--user NAME/],
    ['etcdserver: authentication failed, invalid user ID or password', {}, /spelling of alice/],
    ['etcdserver: invalid auth token', { hasToken: true }, /--auth-jwt-token/],
    ['etcdserver: invalid auth token', {}, /try again/],
    ['etcdserver: mvcc: database space exceeded', {}, /compaction REVISION.*defrag --cluster.*alarm disarm/],
    ['Active Alarm(s): NOSPACE ', {}, /alarm disarm/],
    ['etcdserver: mvcc: required revision has been compacted', {}, /take a newer --rev/],
    ['etcdserver: mvcc: required revision is a future revision', {}, /no such revision/],
    ['etcdserver: request is too large', {}, /--max-request-bytes/],
    ['trying to send message larger than max (2097170 vs. 2097152)', {}, /--max-request-bytes/],
    ['etcdserver: too many operations in txn request', {}, /--max-txn-ops/],
    ['etcdserver: rpc not supported for learner', {}, /voting members/],
    ['etcdserver: no leader', {}, /endpoint status --cluster/],
    ['failed to revoke lease (etcdserver: requested lease not found)', {}, /lease list/],
    ['etcdserver: member not found', {}, /member list/],
    ['context deadline exceeded', {}, /--command-timeout/],
  ];
  test.each(cases)('for %j', (reason, other, advice) => {
    expect(hintFor(new Error(reason), { ...situation, ...other })).toMatch(advice);
  });

  test('is by the reason behind an error rather than by its words', () => {
    const cause = new Error('no connection to h:1: connect ECONNREFUSED');
    const error = new Error('context deadline exceeded', { cause });
    expect(hintFor(error, situation)).toMatch(/^nothing listens/);
  });

  test('for a watch of what is compacted says where to begin', () => {
    const cause = Object.assign(new Error('etcdserver: mvcc: required revision has been compacted'), {
      compactRevision: 42n,
    });
    const error = new Error('watch is canceled by the server', { cause });
    expect(hintFor(error, { ...situation, command: 'watch' })).toContain('begin with --rev=42');
  });

  test('is not there for what nothing can be said of', () => {
    expect(hintFor(new Error('odd'), situation)).toBeUndefined();
    expect(hintFor('odd', situation)).toBeUndefined();
  });

  test('for arguments that cannot be is the help of the command', async () => {
    expect((await typed(['lease', 'grant'])).err).toBe(
      'Error: lease grant command needs TTL argument\nHint: see quoratectl lease grant --help\n',
    );
  });

  test('comes on a terminal only, behind an error line that stays what it is', async () => {
    const endpoint = `127.0.0.1:${await freePort()}`;
    const argv = ['get', 'a', `--endpoints=${endpoint}`, '--command-timeout=100ms'];
    const seen = await typed(argv);
    expect(seen).toEqual({
      out: '',
      err: `Error: context deadline exceeded\nHint: nothing listens at ${endpoint}: is a member running there? Check the spelling of --endpoints.\n`,
      code: 1,
    });
    const unseen = await typed(argv, { isTerminal: false });
    expect(unseen).toEqual({ out: '', err: 'Error: context deadline exceeded\n', code: 1 });
    const health = await typed(['endpoint', 'health', ...argv.slice(2)]);
    expect(health.err).toMatch(/Error: unhealthy cluster\nHint: nothing listens at /);
    const status = await typed(['endpoint', 'status', ...argv.slice(2)]);
    expect(status.err).toMatch(/\(context deadline exceeded\)\nHint: nothing listens at /);
  });

  test.skipIf(etcdBinFolder === undefined)(
    'fits what real members answer (set QUORATE_ETCD_BIN to run)',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'quorate-advice-'));
      try {
        const files = await writeTestCertificates(folder);
        await using secure = await startRealEtcd(etcdBinFolder ?? '', { certificates: files });
        await using server = await startRealEtcd(etcdBinFolder ?? '');
        const bare = secure.endpoint.replace('https://', '');
        const hint = async (...argv: string[]) => {
          const { err } = await typed([...argv, '--command-timeout=2s']);
          return /^Hint: (.*)$/m.exec(err)?.[1] ?? '';
        };
        expect(await hint('get', 'a', `--endpoints=https://${bare}`)).toMatch(/not trusted.*--cacert/);
        expect(await hint('get', 'a', `--endpoints=https://${bare}`, `--cacert=${files.ca}`)).toMatch(
          /--cert and --key/,
        );
        expect(await hint('get', 'a', `--endpoints=https://${server.endpoint}`)).toMatch(/write http:\/\//);
        expect(await hint('get', 'a', `--endpoints=${bare}`)).toMatch(/write https:\/\//);
        const at = `--endpoints=${server.endpoint}`;
        for (const value of ['1', '2', '3']) await typed(['put', 'a', value, at]);
        await typed(['compaction', '3', at]);
        expect(await hint('get', 'a', '--rev=2', at)).toMatch(/take a newer --rev/);
        expect(await hint('watch', 'a', '--rev=2', at)).toContain('begin with --rev=3');
        expect(await hint('put', 'a', 'x'.repeat(1_700_000), at)).toMatch(/--max-request-bytes/);
        expect(await hint('lease', 'revoke', '1234', at)).toMatch(/lease list/);
        for (const line of ['user add root:r', 'user add alice:a', 'auth enable'])
          await typed([...line.split(' '), at]);
        expect(await hint('get', 'a', at)).toMatch(/--user NAME/);
        expect(await hint('get', 'a', at, '--user=alice:b')).toMatch(/spelling of alice/);
        expect(await hint('get', 'a', at, '--user=alice:a')).toMatch(/alice may not read/);
        expect(await hint('user', 'list', at, '--user=alice:a')).toMatch(/only users with the role root/);
        expect(await hint('get', 'a', at, '--auth-jwt-token=x')).toMatch(/get a new one/);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});
