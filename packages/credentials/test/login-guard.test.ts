import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LoginGuard, type Admission, type Login, type LoginOutcome } from '../src/index.ts';
import { Storm } from './storm.ts';

const alice: Login = { user: 'alice', source: '10.0.0.1' };

/** One login whose check ends at once. */
function login(guard: LoginGuard, who: Login, outcome: LoginOutcome, nowMs = 0): Admission['kind'] {
  const admission = guard.begin(who, nowMs);
  if (admission.kind === 'admitted') admission.end(outcome, nowMs);
  return admission.kind;
}

/** As many failures as it takes; how many there were. */
function failUntilRefused(guard: LoginGuard, who: Login, nowMs = 0): number {
  for (let count = 0; count < 1000; count++) {
    if (login(guard, who, 'failed', nowMs) === 'refused') return count;
  }
  throw new Error('never refused');
}

describe('a source that fails', () => {
  test('with one user has ten guesses, and then one every six seconds', () => {
    const guard = new LoginGuard();
    expect(failUntilRefused(guard, alice)).toBe(10);
    expect(guard.begin(alice, 0)).toEqual({ kind: 'refused', retryAfterMs: 6_000 });
    expect(login(guard, alice, 'failed', 5_999)).toBe('refused');
    expect(login(guard, alice, 'failed', 6_000)).toBe('admitted');
    expect(login(guard, alice, 'failed', 6_000)).toBe('refused');
    expect(failUntilRefused(guard, alice, 66_001)).toBe(10);
  });

  test('with many users has thirty guesses', () => {
    const guard = new LoginGuard();
    let admitted = 0;
    for (let n = 0; n < 100; n++) {
      if (login(guard, { user: `u${n}`, source: 'a' }, 'failed') === 'admitted') admitted++;
    }
    expect(admitted).toBe(30);
  });

  test('costs nobody else anything', () => {
    const guard = new LoginGuard();
    failUntilRefused(guard, alice);
    expect(login(guard, { user: 'alice', source: '10.0.0.2' }, 'succeeded')).toBe('admitted');
    expect(login(guard, { user: 'bob', source: '10.0.0.1' }, 'succeeded')).toBe('admitted');
  });
});

describe('an attack from many sources', () => {
  /** Thirty failures with alice, from ten sources. */
  function attacked(): LoginGuard {
    const guard = new LoginGuard();
    for (let n = 0; n < 30; n++) login(guard, { user: 'alice', source: `bot${n % 10}` }, 'failed');
    return guard;
  }

  test('on a user leaves each of them one guess in a window', () => {
    const guard = attacked();
    expect(login(guard, { user: 'alice', source: 'bot1' }, 'failed', 1_000)).toBe('refused');
    const late = { user: 'alice', source: 'bot11' };
    expect(login(guard, late, 'failed', 1_000)).toBe('admitted');
    expect(login(guard, late, 'failed', 1_001)).toBe('refused');
  });

  test('on a user is no matter for other users', () => {
    expect(login(attacked(), { user: 'bob', source: 'bot1' }, 'succeeded')).toBe('admitted');
  });

  test('on a user lets in who has failed nowhere, or logged in before', () => {
    const guard = attacked();
    expect(login(guard, { user: 'alice', source: 'new' }, 'succeeded', 1_000)).toBe('admitted');
    for (let n = 0; n < 9; n++)
      expect(login(guard, { user: 'alice', source: 'new' }, 'failed', 2_000)).toBe('admitted');
  });

  test('on many users is an attack on the member', () => {
    const guard = new LoginGuard();
    for (let n = 0; n < 120; n++) login(guard, { user: `u${n}`, source: `bot${n % 60}` }, 'failed');
    expect(login(guard, { user: 'carol', source: 'bot1' }, 'failed')).toBe('refused');
    expect(login(guard, { user: 'carol', source: 'new' }, 'succeeded')).toBe('admitted');
  });

  test('occupies no more than its share of the threads, and who logged in before need not wait for it', () => {
    const guard = new LoginGuard({ strangersMax: 4 });
    login(guard, alice, 'succeeded');
    const begin = (user: string, source: string): string => guard.begin({ user, source }, 0).kind;
    expect([begin('alice', 'bot1'), begin('alice', 'bot2')]).toEqual(['admitted', 'admitted']);
    // One user has half of the share, so that others are not kept out by an attack on this one.
    expect(begin('alice', 'bot3')).toBe('busy');
    expect([begin('bob', 'bot3'), begin('carol', 'bot4')]).toEqual(['admitted', 'admitted']);
    expect(begin('dave', 'bot5')).toBe('busy');
    expect(begin('alice', '10.0.0.1')).toBe('admitted');
  });
});

describe('guesses that run at the same time', () => {
  test('are no more than may fail', () => {
    const guard = new LoginGuard();
    const all = Array.from({ length: 50 }, () => guard.begin(alice, 0));
    expect(all.filter(({ kind }) => kind === 'admitted')).toHaveLength(10);
    for (const one of all) if (one.kind === 'admitted') one.end('failed', 0);
    expect(guard.begin(alice, 0).kind).toBe('refused');
  });

  test('from a source that logged in as the user are not limited before one fails', () => {
    const guard = new LoginGuard();
    login(guard, alice, 'succeeded');
    const all = Array.from({ length: 50 }, () => guard.begin(alice, 0));
    expect(all.every(({ kind }) => kind === 'admitted')).toBe(true);
    for (const one of all) if (one.kind === 'admitted') one.end('failed', 0);
    expect(guard.begin(alice, 0)).toEqual({ kind: 'refused', retryAfterMs: 6_000 });
  });

  test('from a source that logged in as the user are limited once one has failed', () => {
    const guard = new LoginGuard();
    login(guard, alice, 'succeeded');
    login(guard, alice, 'failed');
    const kinds = Array.from({ length: 50 }, () => guard.begin(alice, 0).kind);
    expect(kinds.filter((kind) => kind === 'admitted')).toHaveLength(9);
    expect(kinds.at(-1)).toBe('busy');
  });

  test('count as failures of the user: who has failed waits for them', () => {
    const guard = new LoginGuard({ userFailuresMax: 3 });
    const bot = { user: 'alice', source: 'bot' };
    login(guard, bot, 'failed');
    login(guard, bot, 'failed');
    const other = guard.begin(alice, 0);
    expect(other.kind).toBe('admitted');
    expect(guard.begin(bot, 0).kind).toBe('busy');
    if (other.kind === 'admitted') other.end('succeeded', 0);
    expect(guard.begin(bot, 0).kind).toBe('admitted');
  });
});

describe('what is kept', () => {
  test('has a bound, whatever names and sources come, and long names cost no more', () => {
    const guard = new LoginGuard({ trackedMax: 10, strangersMax: 1000 });
    for (let n = 0; n < 1000; n++) login(guard, { user: 'x'.repeat(n), source: String(n) }, 'failed');
    // Long names share one count, so that they are soon an attack on one user.
    expect(login(guard, { user: 'y'.repeat(1000), source: '999' }, 'failed')).toBe('refused');
  });

  test('of an abandoned check is nothing', () => {
    const guard = new LoginGuard();
    for (let n = 0; n < 1000; n++) expect(login(guard, alice, 'abandoned')).toBe('admitted');
    expect(failUntilRefused(guard, alice)).toBe(10);
  });

  test('does not change when a check ends twice', () => {
    const guard = new LoginGuard({ strangersMax: 2 });
    const one = guard.begin(alice, 0);
    const end = one.kind === 'admitted' ? one.end : expect.unreachable();
    end('failed', 0);
    end('failed', 0);
    const more = ['bob', 'carol', 'dave'].map((user) => guard.begin({ user, source: 'b' }, 0).kind);
    expect(more).toEqual(['admitted', 'admitted', 'busy']);
  });

  test('falls again: whoever waits as long as told may try, whatever happened before', () => {
    const names = fc.constantFrom('a', 'b', 'c');
    const step = fc.record({
      user: names,
      source: names,
      outcome: fc.constantFrom<LoginOutcome>('failed', 'failed', 'succeeded', 'abandoned'),
      afterMs: fc.nat(3_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const guard = new LoginGuard({ userFailuresMax: 5, overallFailuresMax: 8, pairFailuresMax: 3 });
        let nowMs = 0;
        for (const { user, source, outcome, afterMs } of steps) {
          nowMs += afterMs;
          login(guard, { user, source }, outcome, nowMs);
        }
        for (const user of ['a', 'b', 'c']) {
          const admission = guard.begin({ user, source: 'a' }, nowMs);
          // Nothing runs, so that there is nothing to wait for.
          expect(admission.kind).not.toBe('busy');
          if (admission.kind === 'admitted') admission.end('abandoned', nowMs);
          if (admission.kind !== 'refused') continue;
          expect(admission.retryAfterMs).toBeLessThanOrEqual(60_000);
          // Rounded up, since sums of fractions differ in the last digit.
          const laterMs = nowMs + Math.ceil(admission.retryAfterMs);
          expect(login(guard, { user, source: 'a' }, 'abandoned', laterMs)).toBe('admitted');
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe(
  'while a thousand guesses a second come in, the right password gets through within seconds',
  { timeout: 60_000 },
  () => {
    const victim: Login = { user: 'alice', source: 'honest' };

    test('when they come from one source', async () => {
      const storm = new Storm();
      const attack = (): void => void storm.login({ user: 'alice', source: 'bot' }, false);
      await storm.pass(3_000, attack);
      expect(await storm.timeToLogin(victim, { limitMs: 60_000, attack })).toBeLessThan(1_000);
      await storm.pass(30_000, attack);
      expect(storm.guesses).toBeLessThan(20);
    });

    test('when they come from two hundred sources', async () => {
      const storm = new Storm();
      const attack = (nowMs: number): void =>
        void storm.login({ user: 'alice', source: `bot${nowMs % 200}` }, false);
      await storm.pass(15_000, attack);
      expect(await storm.timeToLogin(victim, { limitMs: 60_000, attack })).toBeLessThan(1_000);
      await storm.pass(40_000, attack);
      expect(storm.guesses).toBeLessThan(300);
    });

    test('when they go through all users from one source', async () => {
      const storm = new Storm();
      const attack = (nowMs: number): void =>
        void storm.login({ user: `user${nowMs}`, source: 'bot' }, false);
      await storm.pass(3_000, attack);
      expect(await storm.timeToLogin(victim, { limitMs: 60_000, attack })).toBeLessThan(1_000);
      await storm.pass(30_000, attack);
      expect(storm.guesses).toBeLessThan(60);
    });

    test('when each comes from a source of its own, for who has logged in from there before', async () => {
      const storm = new Storm();
      expect(await storm.timeToLogin(victim, { limitMs: 1_000, attack: () => {} })).toBeLessThan(100);
      const attack = (nowMs: number): void =>
        void storm.login({ user: 'alice', source: `bot${nowMs}` }, false);
      await storm.pass(10_000, attack);
      expect(storm.queued).toBeLessThanOrEqual(16);
      expect(await storm.timeToLogin(victim, { limitMs: 60_000, attack })).toBeLessThan(2_000);
      const other = { user: 'bob', source: 'elsewhere' };
      expect(await storm.timeToLogin(other, { limitMs: 60_000, attack })).toBeLessThan(2_000);
    });
  },
);

describe('a herd of honest clients', () => {
  test('of one host gets in without a refusal when the first one has', async () => {
    const storm = new Storm({ checkMs: 10 });
    const logins = Array.from({ length: 70 }, () => storm.login(alice, true));
    await storm.pass(2_000);
    expect((await Promise.all(logins)).every((inside) => inside === true)).toBe(true);
  });

  test('may go away while it waits, and then is not checked', async () => {
    const storm = new Storm({ pairFailuresMax: 1 });
    const first = storm.login(alice, true);
    const controller = new AbortController();
    const { signal } = controller;
    const unreachable = (): Promise<boolean> => Promise.reject(new Error('it was checked'));
    const waiting = storm.gate.check(alice, unreachable, { signal });
    await storm.pass(1);
    expect(storm.gate.waiting).toBe(1);
    controller.abort(new Error('the client is gone'));
    await expect(waiting).rejects.toThrow('the client is gone');
    expect(storm.gate.waiting).toBe(0);
    await expect(storm.gate.check(alice, unreachable, { signal })).rejects.toThrow('the client is gone');
    await storm.pass(100);
    expect(await first).toBe(true);
    // Nobody was admitted in its name: another may try.
    expect(storm.guard.begin({ ...alice, source: 'b' }, storm.clock.now()).kind).toBe('admitted');
  });

  test('is not called in after it has gone, even in the same turn', async () => {
    const storm = new Storm({ pairFailuresMax: 1 });
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const first = storm.gate.check(alice, () => promise);
    const controller = new AbortController();
    const waiting = storm.gate.check(alice, () => Promise.resolve(true), controller);
    const told = expect(waiting).rejects.toThrow('gone');
    await Promise.resolve();
    resolve(false);
    controller.abort(new Error('gone'));
    await Promise.all([first, told]);
    storm.clock.advance(60_000);
    expect(storm.guard.begin(alice, storm.clock.now()).kind).toBe('admitted');
  });

  test('waits no longer than its patience, and in a room with a bound', async () => {
    const storm = new Storm({ checkMs: 10_000 });
    const logins = Array.from({ length: 200 }, () => storm.login(alice, true));
    await storm.pass(1);
    expect(storm.gate.waiting).toBe(64);
    expect(storm.refused).toBe(200 - 10 - 64);
    await storm.pass(5_000);
    expect(storm.gate.waiting).toBe(0);
    expect(storm.refused).toBe(200 - 10);
    await storm.pass(100_000);
    expect((await Promise.all(logins)).filter((inside) => inside === true)).toHaveLength(10);
  });
});
