import type { Issued } from '@quorate/tls/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../src/cluster/until.ts';
import { etcdctl, type CtlOutcome } from '../src/etcdctl.ts';
import { etcdBin } from '../src/member-process.ts';
import { TlsCluster, type MemberFiles, type TlsMember } from '../src/tls/tls-cluster.ts';

const timeout = 120_000;

/** Certificates of one authority at every door. */
const mutual = ({ ca, cert, key }: MemberFiles): string[] =>
  ['', 'peer-'].flatMap((side) => [
    `--${side}cert-file=${cert}`,
    `--${side}key-file=${key}`,
    `--${side}trusted-ca-file=${ca}`,
    `--${side}client-cert-auth`,
  ]);

// etcd's own walk-through of authentication, where operators would do it: three members, TLS and client certificates.
describe.skipIf(etcdBin === undefined)(
  'users and roles on three members with TLS and client certificates, by the real etcdctl (set QUORATE_ETCD_BIN to run)',
  () => {
    let cluster: TlsCluster;
    /** Certificates by whom they name; the one without a name lets in whoever logs in otherwise. */
    const shown = new Map<string, readonly string[]>();

    beforeAll(async () => {
      cluster = await TlsCluster.start({ kinds: ['quorate', 'quorate', 'quorate'], flags: mutual });
      const { ca } = cluster.members[0]!.files;
      for (const commonName of ['', 'ann', 'stranger']) {
        const issued: Issued = await cluster.ca.issue(commonName === '' ? {} : { commonName });
        const { cert, key } = cluster.folder.writePair(`client-${commonName}`, issued);
        shown.set(commonName, [`--cacert=${ca}`, `--cert=${cert.path}`, `--key=${key.path}`]);
      }
    }, timeout);
    afterAll(() => cluster[Symbol.asyncDispose]());

    const endpointOf = ({ clientPort }: TlsMember): string => `https://127.0.0.1:${clientPort}`;

    /** Runs a command line whose arguments have no blanks, with somebody's certificate, at a member. */
    function run(text: string, { cert = '', at = 0, stdin = '' } = {}): Promise<CtlOutcome> {
      const args = [...shown.get(cert)!, ...text.split(' ')];
      return etcdctl(endpointOf(cluster.members[at]!), { args, stdin });
    }

    /** At every member alike. */
    async function everywhere(
      text: string,
      expected: Partial<CtlOutcome> | ((outcome: CtlOutcome) => void),
      options: { readonly cert?: string } = {},
    ): Promise<void> {
      for (const at of cluster.members.keys()) {
        const outcome = await run(text, { ...options, at });
        if (typeof expected === 'function') expected(outcome);
        else expect(outcome).toMatchObject(expected);
      }
    }

    const denied = { code: 1, error: 'Error: etcdserver: permission denied' };
    const root = '--user=root:r00t';

    test('root, roles and users are made while nobody needs to be one', { timeout }, async () => {
      expect(await run('auth enable')).toMatchObject({ code: 1 });
      const steps: readonly [string, string, string?][] = [
        ['user add root --interactive=false', 'User root created', 'r00t\n'],
        ['role add root', 'Role root created'],
        ['user grant-role root root', 'Role root is granted to user root'],
        ['role add fruit', 'Role fruit created'],
        ['role grant-permission fruit readwrite fruit/ --prefix=true', 'Role fruit updated'],
        ['user add ann --no-password', 'User ann created'],
        ['user grant-role ann fruit', 'Role fruit is granted to user ann'],
        ['user add bob:b0b', 'User bob created'],
        ['put fruit/apple red', 'OK'],
        ['put secret of-nobody', 'OK'],
        ['auth enable', 'Authentication Enabled'],
      ];
      for (const [at, [text, said, stdin]] of steps.entries()) {
        const outcome = await run(text, { at: at % 3, ...(stdin !== undefined && { stdin }) });
        expect(outcome).toMatchObject({ code: 0 });
        expect(outcome.stdout).toContain(said);
      }
    });

    test('whoever has not logged in is refused, with a good certificate too', { timeout }, async () => {
      const refused = { code: 1, error: 'Error: etcdserver: user name is empty' };
      await everywhere('get fruit/apple', refused);
      await everywhere('put fruit/apple green', refused);
      await everywhere('get fruit/apple', denied, { cert: 'stranger' });
    });

    test(
      'a certificate names its user, who may do what its role says, at every member',
      { timeout },
      async () => {
        await everywhere('put fruit/pear yellow', { stdout: 'OK\n', code: 0 }, { cert: 'ann' });
        await everywhere(
          'get fruit/ --prefix --print-value-only',
          { stdout: 'red\nyellow\n' },
          { cert: 'ann' },
        );
        await everywhere('get secret', denied, { cert: 'ann' });
        await everywhere('put fruit0 x', denied, { cert: 'ann' });
        await everywhere('del secret', denied, { cert: 'ann' });
        await everywhere('user list', denied, { cert: 'ann' });
        await everywhere('user get ann', { code: 0 }, { cert: 'ann' });
      },
    );

    test('a name and a password count before the certificate', { timeout }, async () => {
      await everywhere(`${root} get secret --print-value-only`, { stdout: 'of-nobody\n' }, { cert: 'ann' });
      await everywhere('--user=bob:b0b get fruit/apple', denied, { cert: 'ann' });
      await everywhere(
        '--user=bob:wrong get fruit/apple',
        { error: 'Error: etcdserver: authentication failed, invalid user ID or password' },
        { cert: 'ann' },
      );
    });

    test(
      'what is granted holds at once at every member, and what is revoked does not',
      { timeout },
      async () => {
        expect(await run(`${root} user grant-role bob fruit`, { at: 1 })).toMatchObject({ code: 0 });
        await everywhere('--user=bob:b0b get fruit/apple --print-value-only', { stdout: 'red\n' });
        expect(await run(`${root} user revoke-role bob fruit`, { at: 2 })).toMatchObject({ code: 0 });
        await everywhere('--user=bob:b0b get fruit/apple', denied);
        await everywhere('--user=bob:b0b put fruit/apple mine', denied);
      },
    );

    test('a watch ends when its user may not read any more, within a second', { timeout }, async () => {
      const ann = await cluster.ca.issue({ commonName: 'ann' });
      await using client = cluster.client(ann, [cluster.members[1]!]);
      let seen = 0;
      const ended = (async () => {
        for await (const _ of client.watch({ prefix: 'fruit/', startRevision: 1n })) seen++;
      })().then(
        () => 'without a reason',
        (error: unknown) => String(error),
      );
      await until('the watch to begin', async () => (seen > 0 ? seen : undefined));
      await run(`${root} role revoke-permission fruit fruit/ --prefix=true`);
      const revokedAtMs = performance.now();
      expect(await ended).toContain('permission denied');
      // Generous beside what was promised, since etcdctl's end is in it.
      expect(performance.now() - revokedAtMs).toBeLessThan(1_000);
      await run(`${root} role grant-permission fruit readwrite fruit/ --prefix=true`);
    });

    test(
      'users and roles are there after every member was stopped and started again',
      { timeout },
      async () => {
        await cluster.restart();
        await until('the members to serve', async () => {
          await everywhere('put fruit/fig purple', { error: '', code: 0 }, { cert: 'ann' });
          return true;
        });
        await everywhere('get fruit/fig', { code: 1, error: 'Error: etcdserver: user name is empty' });
        await everywhere(`${root} auth status`, ({ stdout }) =>
          expect(stdout).toContain('Authentication Status: true'),
        );
      },
    );

    test('with authentication off again, a certificate is enough', { timeout }, async () => {
      expect(await run(`${root} auth disable`, { at: 2 })).toMatchObject({
        stdout: 'Authentication Disabled\n',
      });
      await everywhere('get secret --print-value-only', { stdout: 'of-nobody\n' }, { cert: 'stranger' });
    });
  },
);
