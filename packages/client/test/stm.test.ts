import { fromUtf8, toUtf8 } from '@quorate/std';
import { beforeAll, expect, test } from 'vitest';
import type { Client, StmIsolation, StmTransaction } from '../src/index.ts';
import { describeOnBoth } from './both-servers.ts';

const isolations: StmIsolation[] = [
  'serializable-snapshot',
  'serializable',
  'repeatable-reads',
  'read-committed',
];

describeOnBoth('software transactional memory', (fixture) => {
  let client: Client;
  beforeAll(() => {
    ({ client } = fixture());
  });

  async function textOf(tx: StmTransaction, key: string): Promise<string | undefined> {
    const value = await tx.get(key);
    return value === undefined ? undefined : toUtf8(value);
  }

  async function valueOf(key: string): Promise<string | undefined> {
    const kv = await client.get(key);
    return kv === undefined ? undefined : toUtf8(kv.value);
  }

  test('money that many move at the same time neither comes nor goes', async () => {
    const accounts = ['a', 'b', 'c'].map((name) => `money/${name}`);
    for (const account of accounts) await client.put(account, '100');
    const move = (i: number) =>
      client.stm(
        async (tx) => {
          const [from = '', to = ''] = [accounts[i % 3], accounts[(i + 1) % 3]];
          const [a, b] = [Number(await textOf(tx, from)), Number(await textOf(tx, to))];
          tx.put(from, `${a - 1}`);
          tx.put(to, `${b + 1}`);
        },
        i % 2 === 0 ? {} : { prefetch: accounts },
      );
    await Promise.all(Array.from({ length: 12 }, (_, i) => move(i)));
    const amounts = (await client.getAll({ prefix: 'money/' })).map(({ value }) => Number(toUtf8(value)));
    expect(amounts.reduce((a, b) => a + b)).toBe(300);
  });

  test.each(isolations)(
    '%s: a transaction sees what it has written, and its result is returned',
    async (isolation) => {
      await client.put('own/a', 'old');
      const result = await client.stm(
        async (tx) => {
          tx.put('own/a', 'new');
          tx.delete('own/b');
          tx.put('own/c', 'c');
          return [
            await textOf(tx, 'own/a'),
            await textOf(tx, 'own/b'),
            (await tx.getKeyValue('own/a'))?.value,
          ];
        },
        { isolation },
      );
      expect(result).toEqual(['new', undefined, fromUtf8('old')]);
      expect([await valueOf('own/a'), await valueOf('own/c')]).toEqual(['new', 'c']);
    },
  );

  test('what throws writes nothing', async () => {
    const failing = client.stm(async (tx) => {
      tx.put('thrown', 'x');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await client.get('thrown')).toBeUndefined();
  });

  /** Runs a transaction in whose first attempt others write `keys` after its reads, and tells how often it ran. */
  async function attemptsWith(
    isolation: StmIsolation,
    { reads, writes, others }: Record<'reads' | 'writes' | 'others', readonly string[]>,
  ): Promise<number> {
    let attempts = 0;
    await client.stm(
      async (tx) => {
        attempts++;
        for (const key of reads) await tx.get(key);
        if (attempts === 1) for (const key of others) await client.put(key, 'other');
        for (const key of writes) tx.put(key, 'mine');
      },
      { isolation },
    );
    return attempts;
  }

  test('a key that was read must not have changed, but where only what was committed counts', async () => {
    const conflict = { reads: ['level/r'], writes: ['level/w'], others: ['level/r'] };
    const attempts: number[] = [];
    for (const isolation of isolations) attempts.push(await attemptsWith(isolation, conflict));
    expect(attempts).toEqual([2, 2, 2, 1]);
  });

  test('a key that is only written must not have changed for a serializable snapshot', async () => {
    const conflict = { reads: ['level/r'], writes: ['level/w'], others: ['level/w'] };
    const attempts: number[] = [];
    for (const isolation of isolations) attempts.push(await attemptsWith(isolation, conflict));
    expect(attempts).toEqual([2, 1, 1, 1]);
  });

  test.each(['serializable-snapshot', 'serializable'] as const)(
    '%s: all reads are as of one revision',
    async (isolation) => {
      await client.put('snap/a', '1');
      await client.put('snap/b', '1');
      const pairs: (string | undefined)[][] = [];
      await client.stm(
        async (tx) => {
          const a = await textOf(tx, 'snap/a');
          if (pairs.length === 0) {
            await client.put('snap/a', '2');
            await client.put('snap/b', '2');
          }
          pairs.push([a, await textOf(tx, 'snap/b')]);
          tx.put('snap/c', 'x');
        },
        { isolation },
      );
      expect(pairs).toEqual([
        ['1', '1'],
        ['2', '2'],
      ]);
    },
  );

  test('a snapshot that was compacted away is taken anew', async () => {
    await client.put('gone/a', '1');
    let attempts = 0;
    const b = await client.stm(async (tx) => {
      await tx.get('gone/a');
      if (++attempts === 1) {
        const { header } = await client.put('gone/b', '2');
        await client.kv.compact({ revision: header.revision });
      }
      return textOf(tx, 'gone/b');
    });
    expect([attempts, b]).toEqual([2, '2']);
  });

  test('keys fetched in advance are of one revision, and are checked at the end', async () => {
    await client.put('pre/a', '1');
    let attempts = 0;
    await client.stm(
      async (tx) => {
        if (++attempts === 1) await client.put('pre/a', '2');
        tx.put('pre/b', `${await textOf(tx, 'pre/a')} seen`);
      },
      { prefetch: ['pre/a', 'pre/none'] },
    );
    expect(attempts).toBe(2);
    expect(await valueOf('pre/b')).toBe('2 seen');
  });

  test('too many conflicts end it', async () => {
    const hopeless = client.stm(
      async (tx) => {
        await tx.get('hopeless');
        await client.put('hopeless', 'x');
        tx.put('hopeless', 'y');
      },
      { attemptsMax: 3 },
    );
    await expect(hopeless).rejects.toMatchObject({
      code: 'ABORTED',
      message: 'the transaction met conflicts 3 times',
    });
  });
});
