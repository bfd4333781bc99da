import { getPriority } from 'node:os';
import { readdirSync, readFileSync } from 'node:fs';
import { compareSync, hashSync } from 'bcryptjs';
import { afterEach, describe, expect, test } from 'vitest';
import { BcryptPasswords, type BcryptPasswordsOptions, type PasswordDone } from '../src/index.ts';

const opened: BcryptPasswords[] = [];
afterEach(async () => {
  for (const passwords of opened.splice(0)) await passwords[Symbol.asyncDispose]();
});

/** The lowest cost: what is shown here does not depend on it. */
function open(options: BcryptPasswordsOptions = {}): BcryptPasswords {
  const passwords = new BcryptPasswords({ cost: 4, ...options });
  opened.push(passwords);
  return passwords;
}

describe('hashes', () => {
  test('are those of bcrypt, with the prefix that Go writes, and a salt each', async () => {
    const passwords = open();
    const [one, two] = await Promise.all([passwords.hash('pässword'), passwords.hash('pässword')]);
    expect(one).toMatch(/^\$2a\$04\$[./A-Za-z0-9]{53}$/);
    expect(one).not.toBe(two);
    expect(compareSync('pässword', one)).toBe(true);
  });

  test('have the cost that was asked for, and 10 when bcrypt has no such cost', () => {
    const costs = [undefined, 4, 12, 31, 3, 32, 0, -1, 10.5, NaN, Infinity];
    expect(costs.map((cost) => open(cost === undefined ? {} : { cost }).cost)).toEqual([
      4, 4, 12, 31, 10, 10, 10, 10, 10, 10, 10,
    ]);
    expect(new BcryptPasswords().cost).toBe(10);
  });

  test('are not made of more than 72 bytes, whose end bcrypt would overlook', async () => {
    const passwords = open();
    const longest = 'é'.repeat(36);
    expect(await passwords.matches(longest, await passwords.hash(longest))).toBe(true);
    for (const tooLong of [`${longest}x`, 'x'.repeat(73), 'x'.repeat(1 << 20)]) {
      await expect(passwords.hash(tooLong)).rejects.toMatchObject({ code: 'AUTH_PASSWORD_TOO_LONG' });
    }
  });
});

describe('a comparison', () => {
  test('is true for the password alone', async () => {
    const passwords = open();
    const hash = await passwords.hash('right');
    expect(await passwords.matches('right', hash)).toBe(true);
    for (const wrong of ['', 'wrong', 'Right', 'right ', 'righ']) {
      expect(await passwords.matches(wrong, hash)).toBe(false);
    }
  });

  test('reads $2a$, $2b$ and $2y$ of any cost', async () => {
    const passwords = open();
    const digest = hashSync('secret', 5).slice(4);
    for (const prefix of ['$2a$', '$2b$', '$2y$']) {
      expect(await passwords.matches('secret', prefix + digest)).toBe(true);
      expect(await passwords.matches('other', prefix + digest)).toBe(false);
    }
  });

  test('is true for published bcrypt vectors', async () => {
    const passwords = open();
    // From the test vectors of the original C implementation.
    expect(
      await passwords.matches('U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'),
    ).toBe(true);
    expect(await passwords.matches('', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy')).toBe(
      true,
    );
  });

  test('without a hash is made all the same, at the same cost, and is false', async () => {
    const done: PasswordDone[] = [];
    const passwords = open({ observe: (one) => done.push(one) });
    expect(await passwords.matches('', undefined)).toBe(false);
    expect(await passwords.matches('anything', undefined)).toBe(false);
    expect(done.map(({ kind }) => kind)).toEqual(['match', 'match']);
    expect(passwords.counts.done).toBe(2);
  });

  test('with what is no bcrypt hash is false, and made all the same', async () => {
    const passwords = open();
    const hash = await passwords.hash('x');
    const damaged = [
      '',
      'x',
      hash.slice(0, -1),
      `${hash}x`,
      hash.replace('$04', '$03'),
      hash.replace('$04', '$32'),
    ];
    for (const one of [...damaged, hash.replace('$2a', '$2x'), hash.replace('$2a', '$3a'), `${hash}\n`]) {
      expect(await passwords.matches('x', one)).toBe(false);
    }
    expect(passwords.counts.done).toBe(10);
  });

  test('takes a password of any length, of which bcrypt looks at 72 bytes', async () => {
    const passwords = open();
    for (const unit of ['x', 'é', '€', '😀', 'a😀']) {
      const long = unit.repeat(1000);
      const hash = hashSync(long, 4);
      expect(await passwords.matches(long, hash)).toBe(true);
      expect(await passwords.matches(`${long}more`, hash)).toBe(true);
      expect(await passwords.matches(`y${long}`, hash)).toBe(false);
    }
    expect(await passwords.matches('x'.repeat(1 << 20), hashSync('x'.repeat(72), 4))).toBe(true);
  });
});

describe('the queue', () => {
  test('is bounded: what does not fit is refused at once, and the rest is answered', async () => {
    const passwords = open({ queueMax: 2 });
    const asked = Array.from({ length: 5 }, () => passwords.matches('x', undefined));
    expect(passwords.counts).toEqual({ waiting: 2, running: 1, done: 0, refused: 2 });
    const answers = await Promise.allSettled(asked);
    expect(answers.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect(answers[4]).toMatchObject({ reason: { code: 'AUTH_TOO_MANY_PASSWORDS' } });
    expect(passwords.counts).toEqual({ waiting: 0, running: 0, done: 3, refused: 2 });
  });

  test('is worked on by as many threads as were asked for, and no more', async () => {
    const passwords = open({ threadsMax: 2 });
    const asked = Array.from({ length: 4 }, () => passwords.hash('x'));
    expect(passwords.counts).toMatchObject({ running: 2, waiting: 2 });
    await Promise.all(asked);
    expect(passwords.counts).toMatchObject({ running: 0, waiting: 0, done: 4 });
  });

  test('is answered in order', async () => {
    const passwords = open();
    const order: number[] = [];
    await Promise.all([1, 2, 3].map((n) => passwords.hash('x').then(() => order.push(n))));
    expect(order).toEqual([1, 2, 3]);
  });
});

describe('threads', { timeout: 60_000 }, () => {
  test('start with the first password and end with dispose', async () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Worker').length;
    const passwords = open();
    const workers = (): number =>
      process.getActiveResourcesInfo().filter((kind) => kind === 'Worker').length - before;
    expect(workers()).toBe(0);
    await passwords.hash('x');
    await passwords[Symbol.asyncDispose]();
    await passwords[Symbol.asyncDispose]();
    expect(workers()).toBe(0);
  });

  test('end at once in the middle of work, and whoever waits hears of it', async () => {
    const passwords = open({ cost: 20 });
    const asked = [passwords.hash('runs'), passwords.hash('waits')];
    const answers = Promise.allSettled(asked);
    await passwords[Symbol.asyncDispose]();
    for (const answer of await answers) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'CREDENTIALS_CLOSED' } });
    }
    await expect(passwords.hash('late')).rejects.toMatchObject({ code: 'CREDENTIALS_CLOSED' });
  });

  // A process that yields to all others already has no thread that yields more.
  test.skipIf(process.platform !== 'linux' || getPriority() >= 10)('yield to all others', async () => {
    const passwords = open();
    await passwords.hash('x');
    const niceness = readdirSync('/proc/self/task').map((thread) => {
      const fields = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1')
        .replace(/^.*\) /, '')
        .split(' ');
      return Number(fields[16]);
    });
    expect(niceness).toContain(10);
    expect(niceness).toContain(getPriority());
  });
});
