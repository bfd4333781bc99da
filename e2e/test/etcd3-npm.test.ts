import { testCertificates, writeTestCertificates } from '@quorate/client/testing';
import { startServer } from '@quorate/server';
import {
  Etcd3,
  EtcdAuthenticationFailedError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  EtcdRoleExistsError,
  EtcdRoleNotFoundError,
  EtcdRoleNotGrantedError,
  EtcdUserExistsError,
  EtcdUserNotFoundError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCOutOfRangeError,
  GRPCUnavailableError,
  Range,
  type IOptions,
} from 'etcd3';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { describeOnEachServer } from '../src/etcd3/each-server.ts';

describeOnEachServer('the calls of the npm package etcd3', (server, kind) => {
  const clients: Etcd3[] = [];
  const connect = (options: Partial<IOptions> = {}): Etcd3 => {
    const client = new Etcd3({ hosts: server.endpoint, ...options });
    clients.push(client);
    return client;
  };
  let client: Etcd3;
  beforeEach(async () => {
    client ??= connect();
    await client.delete().all();
  });
  afterAll(() => clients.forEach((each) => each.close()));

  describe('reading', () => {
    test('one key as text, number, JSON, bytes, or whether it is there', async () => {
      await client.put('text').value('héllo');
      await client.put('number').value(42.5);
      await client.put('json').value(JSON.stringify({ a: [1, null] }));
      await client.put('bytes').value(Buffer.from([0, 255, 128]));
      await client.put('empty').value('');

      expect(await client.get('text')).toBe('héllo');
      expect(await client.get('text').string('base64')).toBe(Buffer.from('héllo').toString('base64'));
      expect(await client.get('number').number()).toBe(42.5);
      expect(await client.get('text').number()).toBeNaN();
      expect(await client.get('json').json()).toEqual({ a: [1, null] });
      expect(await client.get('bytes').buffer()).toEqual(Buffer.from([0, 255, 128]));
      expect([await client.get('text').exists(), await client.get('none').exists()]).toEqual([true, false]);
      const ofNone = client.get('none');
      expect([
        await ofNone.string(),
        await ofNone.number(),
        await ofNone.json(),
        await ofNone.buffer(),
      ]).toEqual([null, null, null, null]);
      expect(await client.get('empty').string()).toBe('');
    });

    test('a key that is bytes and no text', async () => {
      const key = Buffer.from([0xff, 0x00, 0xfe]);
      await client.put(key).value('v');
      expect(await client.getAll().keyBuffers()).toEqual([key]);
      expect(await client.get(key).string()).toBe('v');
    });

    test('many keys as texts, numbers, JSON, bytes, keys, or how many', async () => {
      for (const [key, value] of Object.entries({ 'n/1': 3, 'n/2': 1, 'n/3': 2, other: 9 }))
        await client.put(key).value(value);
      const numbers = client.getAll().prefix('n/');
      expect(await numbers.numbers()).toEqual({ 'n/1': 3, 'n/2': 1, 'n/3': 2 });
      expect(await numbers.strings()).toEqual({ 'n/1': '3', 'n/2': '1', 'n/3': '2' });
      expect(await numbers.json()).toEqual({ 'n/1': 3, 'n/2': 1, 'n/3': 2 });
      expect(Object.keys(await numbers.buffers())).toEqual(['n/1', 'n/2', 'n/3']);
      expect(await numbers.keys()).toEqual(['n/1', 'n/2', 'n/3']);
      expect(await client.getAll().prefix('n/').count()).toBe(3);
      expect(await client.getAll().count()).toBe(4);
      expect(await client.getAll().inRange({ start: 'n/2', end: 'n/3' }).keys()).toEqual(['n/2']);
    });

    test('an end that is there and empty is none, as the API says', async () => {
      for (const key of ['a', 'b', 'c']) await client.put(key).value(key);
      const { kvs } = await client.getAll().inRange(Range.from('b')).exec();
      // etcd reads on to the last key, where a permission for the one key is enough: we do not.
      expect(kvs.map(({ key }) => key.toString())).toEqual(kind === 'quorate' ? ['b'] : ['b', 'c']);
    });

    test('sorted by any target in any order, limited', async () => {
      for (const [key, value] of [
        ['a', '3'],
        ['b', '1'],
        ['c', '2'],
        ['b', '4'],
      ] as const)
        await client.put(key).value(value);
      const sorted = (...sort: Parameters<ReturnType<Etcd3['getAll']>['sort']>) =>
        client
          .getAll()
          .sort(...sort)
          .keys();
      expect(await sorted('Key', 'Descend')).toEqual(['c', 'b', 'a']);
      expect(await sorted('Value', 'Ascend')).toEqual(['c', 'a', 'b']);
      expect(await sorted('Mod', 'Ascend')).toEqual(['a', 'c', 'b']);
      expect(await sorted('Create', 'Descend')).toEqual(['c', 'b', 'a']);
      expect(await sorted('Version', 'Descend')).toEqual(['b', 'a', 'c']);
      const first = await client.getAll().sort('Mod', 'Descend').limit(1).exec();
      expect([first.kvs.length, first.more, first.count]).toEqual([1, true, '3']);
    });

    test('as it was at a revision, within bounds of revisions, from this member alone', async () => {
      const { header } = await client.put('a').value('old');
      await client.put('a').value('new');
      await client.put('b').value('later');
      expect(await client.get('a').revision(header.revision)).toBe('old');
      expect(await client.get('a').serializable(true)).toBe('new');
      const born = Number(header.revision);
      expect(
        await client
          .getAll()
          .minCreateRevision(born + 1)
          .keys(),
      ).toEqual(['b']);
      expect(await client.getAll().maxCreateRevision(born).keys()).toEqual(['a']);
      expect(
        await client
          .getAll()
          .minModRevision(born + 2)
          .keys(),
      ).toEqual(['b']);
      expect(
        await client
          .getAll()
          .maxModRevision(born + 1)
          .keys(),
      ).toEqual(['a']);
    });
  });

  describe('writing', () => {
    test('with what was there before, touched without a value, deleted one by one and by range', async () => {
      await client.put('a').value('1');
      const before = await client.put('a').value('2').getPrevious();
      expect([before.value.toString(), before.version, before.lease]).toEqual(['1', '1', '0']);
      await client.put('a').touch();
      const { kvs } = await client.get('a').exec();
      expect([kvs[0]?.value.toString(), kvs[0]?.version]).toEqual(['2', '3']);

      for (const key of ['a/1', 'a/2', 'a/3', 'b']) await client.put(key).value(key);
      expect((await client.delete().key('a').exec()).deleted).toBe('1');
      expect((await client.delete().key('a').exec()).deleted).toBe('0');
      const gone = await client.delete().inRange({ start: 'a/2', end: 'a/3' }).getPrevious();
      expect(gone.map(({ key }) => key.toString())).toEqual(['a/2']);
      expect((await client.delete().prefix('a/').exec()).deleted).toBe('2');
      expect(await client.getAll().keys()).toEqual(['b']);
    });

    test('a key stays on its lease when it is told to', async () => {
      const lease = client.lease(60);
      await lease.put('a').value('1');
      await client.put('a').value('2').ignoreLease();
      const { kvs } = await client.get('a').exec();
      expect([kvs[0]?.value.toString(), kvs[0]?.lease]).toEqual(['2', await lease.grant()]);
      await lease.revoke();
      expect(await client.get('a')).toBeNull();
    });
  });

  describe('transactions', () => {
    test('take the one branch or the other, with all comparisons', async () => {
      const { header } = await client.put('a').value('5');
      const outcomes: boolean[] = [];
      for (const [column, comparison, value] of [
        ['Value', '==', '5'],
        ['Value', '<', '6'],
        ['Value', '!=', '5'],
        ['Version', '>', 0],
        ['Version', '===', 2],
        ['Create', '==', header.revision],
        ['Mod', '<', header.revision],
        ['Lease', '==', 0],
      ] as const) {
        const { succeeded } = await client.if('a', column, comparison, value).commit();
        outcomes.push(succeeded);
      }
      expect(outcomes).toEqual([true, true, false, true, false, true, false, true]);
    });

    test('answer what each operation came to, of the branch that was taken', async () => {
      const taken = await client
        .if('a', 'Create', '==', 0)
        .and('b', 'Version', '==', 0)
        .then(client.put('a').value('1'), client.get('a'), client.put('b').value('2'))
        .else(client.get('a'))
        .commit();
      expect([taken.succeeded, taken.responses.length]).toEqual([true, 3]);
      expect(taken.responses[1]?.response_range.kvs[0]?.value.toString()).toBe('1');
      const other = await client
        .if('a', 'Create', '==', 0)
        .then(client.delete().all())
        .else(client.getAll().prefix(''), client.delete().key('b'))
        .commit();
      expect(other.succeeded).toBe(false);
      expect(other.responses[0]?.response_range.count).toBe('2');
      expect(other.responses[1]?.response_delete_range.deleted).toBe('1');
    });
  });

  describe('namespaces', () => {
    test('see their own keys by their short names, nested too', async () => {
      const outer = client.namespace('outer/');
      const inner = outer.namespace('inner/');
      await outer.put('a').value('1');
      await inner.put('a').value('2');
      await client.put('outside').value('3');
      expect(await outer.getAll().strings()).toEqual({ a: '1', 'inner/a': '2' });
      expect(await inner.getAll().strings()).toEqual({ a: '2' });
      expect(await client.getAll().keys()).toEqual(['outer/a', 'outer/inner/a', 'outside']);
      const { succeeded } = await inner.if('a', 'Value', '==', '2').then(inner.put('b').value('4')).commit();
      expect([succeeded, await client.get('outer/inner/b')]).toEqual([true, '4']);
      await outer.delete().all();
      expect(await client.getAll().keys()).toEqual(['outside']);
    });
  });

  describe('the cluster and its maintenance', () => {
    test('members, status, hashes, alarms, compaction, defragmentation', async () => {
      const { members } = await client.cluster.memberList({});
      expect(members.map(({ name, clientURLs }) => [name, clientURLs])).toEqual([
        ['default', [`http://${server.endpoint}`]],
      ]);
      const { header } = await client.put('a').value('1');
      await client.put('a').value('2');
      const status = await client.maintenance.status();
      expect(status.version).toMatch(/^3\.\d+\.\d+$/);
      expect([status.leader, Number(status.dbSize) > 0]).toEqual([members[0]?.ID, true]);
      expect((await client.maintenance.hash()).hash).toBeGreaterThan(0);
      expect((await client.maintenance.alarm({ action: 'GET' as never })).alarms).toEqual([]);
      await client.kv.compact({ revision: Number(header.revision) + 1, physical: true });
      await expect(client.get('a').revision(header.revision)).rejects.toBeInstanceOf(GRPCOutOfRangeError);
      expect(await client.get('a')).toBe('2');
      await client.maintenance.defragment();
    });

    test('a snapshot arrives whole, with its checksum', async () => {
      await client.put('in the snapshot').value('x'.repeat(10_000));
      const stream = await client.maintenance.snapshot();
      const chunks: { readonly blob: Buffer; readonly remaining_bytes: string }[] = [];
      await new Promise<void>((resolve, reject) => {
        stream.on('data', (chunk) => chunks.push(chunk));
        stream.on('error', reject);
        stream.on('end', resolve);
      });
      const bytes = Buffer.concat(chunks.map(({ blob }) => blob));
      // Pages of bbolt, and a SHA-256 behind them.
      expect([bytes.length % 512, chunks.at(-1)?.remaining_bytes]).toEqual([32, '0']);
      expect(bytes.includes('in the snapshot')).toBe(true);
    });
  });

  describe('users and roles', () => {
    test('come and go, and errors have the classes of their texts', async () => {
      const role = await client.role('reader').create();
      await expect(client.role('reader').create()).rejects.toBeInstanceOf(EtcdRoleExistsError);
      await role.grant([
        { permission: 'Read', range: Range.prefix('r/') },
        { permission: 'Readwrite', key: 'one' },
      ]);
      expect(
        (await role.permissions()).map(({ permission, range }) => [permission, `${range.start.toString()}`]),
      ).toEqual([
        ['Readwrite', 'one'],
        ['Read', 'r/'],
      ]);
      await role.revoke({ permission: 'Readwrite', key: 'one' });
      expect((await role.permissions()).length).toBe(1);

      const user = await client.user('ann').create('first');
      await expect(client.user('ann').create('x')).rejects.toBeInstanceOf(EtcdUserExistsError);
      await user.addRole(role);
      expect((await user.roles()).map(({ name }) => name)).toEqual(['reader']);
      await user.removeRole('reader');
      await expect(user.removeRole('reader')).rejects.toBeInstanceOf(EtcdRoleNotGrantedError);
      await expect(user.addRole('none')).rejects.toBeInstanceOf(EtcdRoleNotFoundError);
      await expect(client.user('nobody').roles()).rejects.toBeInstanceOf(EtcdUserNotFoundError);
      expect((await client.getUsers()).map(({ name }) => name)).toEqual(['ann']);
      expect((await client.getRoles()).map(({ name }) => name)).toEqual(['reader']);
      await user.delete();
      await role.delete();
      await expect(role.delete()).rejects.toBeInstanceOf(EtcdRoleNotFoundError);
      expect([(await client.getUsers()).length, (await client.getRoles()).length]).toEqual([0, 0]);
    });

    test('with authentication on, everybody may do what his roles say, and tokens are renewed', async () => {
      const auth = { username: 'root', password: 'of root' };
      await client.role('root').create();
      const root = await client.user('root').create(auth.password);
      await root.addRole('root');
      const role = await client.role('reader').create();
      await role.grant({ permission: 'Read', range: Range.prefix('r/') });
      await role.grant({ permission: 'Read', key: 'k' });
      const ann = await client.user('ann').create('first');
      await ann.addRole(role);
      for (const key of ['r/a', 'k', 'l', 'm']) await client.put(key).value('readable');
      await client.auth.authEnable();
      const asRoot = connect({ auth });
      try {
        const asAnn = connect({ auth: { username: 'ann', password: 'first' } });
        expect(await asAnn.get('r/a')).toBe('readable');
        // In etcd this shows the keys behind it, too.
        const readable = await asAnn.getAll().inRange(Range.from('k')).strings();
        if (kind === 'quorate') expect(readable).toEqual({ k: 'readable' });
        await expect(asAnn.put('r/a').value('x').exec()).rejects.toBeInstanceOf(EtcdPermissionDeniedError);
        await expect(asAnn.get('elsewhere').exec()).rejects.toBeInstanceOf(EtcdPermissionDeniedError);
        await expect(asAnn.getUsers()).rejects.toBeInstanceOf(EtcdPermissionDeniedError);
        await expect(client.get('r/a').exec()).rejects.toThrow(/user name is empty/);
        const stranger = connect({ auth: { username: 'ann', password: 'wrong' } });
        await expect(stranger.get('r/a').exec()).rejects.toBeInstanceOf(EtcdAuthenticationFailedError);

        // Simple tokens do not survive a restart: the client asks for new ones.
        await server.restart();
        await eventually(async () => expect(await asAnn.get('r/a')).toBe('readable'));
        await asRoot.user('ann').setPassword('second');
        const again = connect({ auth: { username: 'ann', password: 'second' } });
        expect(await again.get('r/a')).toBe('readable');
      } finally {
        await eventually(() => asRoot.auth.authDisable());
      }
      await Promise.all([client.user('ann').delete(), client.role('reader').delete()]);
      await Promise.all([client.user('root').delete(), client.role('root').delete()]);
      expect(await client.get('r/a')).toBe('readable');
    });
  });

  const refusals: readonly (readonly [
    string,
    () => Promise<unknown>,
    new (...args: never[]) => Error,
    RegExp,
  ])[] = [
    [
      'a lease that is none',
      () => client.put('a').value('x').lease('7').exec(),
      EtcdLeaseInvalidError,
      /requested lease not found/,
    ],
    ['no key', () => client.put('').value('x').exec(), GRPCInvalidArgumentError, /key is not provided/],
    [
      'a revision to come',
      () => client.get('a').revision(1_000_000).exec(),
      GRPCOutOfRangeError,
      /required revision is a future revision/,
    ],
    [
      'authentication without a root',
      () => client.auth.authEnable(),
      GRPCFailedPreconditionError,
      /root user does not exist/,
    ],
  ];
  test.each(refusals)(
    '%s is refused with the class of its text, or of its code',
    async (_, call, kind, text) => {
      const refusal = call();
      await expect(refusal).rejects.toBeInstanceOf(kind);
      await expect(refusal).rejects.toThrow(text);
    },
  );
});

test('etcd3 speaks TLS, shows a certificate of its own, and is refused without one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-etcd3-tls-'));
  try {
    const files = await writeTestCertificates(folder);
    await using server = await startServer({
      listenClientUrls: ['https://127.0.0.1:0'],
      certFile: files.server.cert,
      keyFile: files.server.key,
      trustedCaFile: files.ca,
      clientCertAuth: true,
    });
    const rootCertificate = Buffer.from(testCertificates.ca);
    const privateKey = Buffer.from(testCertificates.alice.key);
    const certChain = Buffer.from(testCertificates.alice.cert);
    const alice = new Etcd3({
      hosts: server.endpoint,
      credentials: { rootCertificate, privateKey, certChain },
    });
    await alice.put('a').value('secret');
    expect(await alice.get('a')).toBe('secret');
    alice.close();
    const nobody = new Etcd3({ hosts: server.endpoint, credentials: { rootCertificate } });
    await expect(nobody.get('a').exec()).rejects.toBeInstanceOf(GRPCUnavailableError);
    nobody.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** Tries until it works: a client that has met a stopped server goes on only after a while of its own. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof EtcdAuthenticationFailedError) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
