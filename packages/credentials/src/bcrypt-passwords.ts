import { extname } from 'node:path';
import { AuthError, type Passwords } from '@quorate/auth';
import { systemClock, ThreadCrew, type Clock } from '@quorate/std';
import { bcryptCost, hashOfNobody, isBcryptHash, isTooLong, significantPart } from './bcrypt-form.ts';
import type { BcryptAnswer, BcryptOrder } from './bcrypt-order.ts';
import { CredentialsError } from './errors.ts';

/** Beside this file, and like it a source (`.ts`) in the checkout and JavaScript in what is published. */
const threadModule = new URL(`./bcrypt-thread${extname(import.meta.url)}`, import.meta.url);

const threadsMaxDefault = 1;
const queueMaxDefault = 128;

/** How passwords are worked on. */
export interface BcryptPasswordsOptions {
  /** Of new hashes: the work doubles with each. 4 to 31, anything else is 10, as `--bcrypt-cost`; 10 by default. */
  readonly cost?: number;
  /** Threads that hash and compare; 1 by default, so that on a small machine a core is left for consensus. */
  readonly threadsMax?: number;
  /** How many passwords may wait; the next is refused with AUTH_TOO_MANY_PASSWORDS. 128 by default. */
  readonly queueMax?: number;
  /** Called after each password. */
  readonly observe?: (done: PasswordDone) => void;
  /** What durations are measured with. */
  readonly clock?: Clock;
}

/** A password that was worked on, for a histogram of durations. */
export interface PasswordDone {
  readonly kind: 'hash' | 'match';
  /** From the call to the answer, waiting included. */
  readonly durationMs: number;
}

/** Counts for metrics. */
export interface PasswordCounts {
  /** Passwords that no thread has begun. */
  readonly waiting: number;
  /** Passwords that threads are at work on. */
  readonly running: number;
  /** Hashed or compared since the start. */
  readonly done: number;
  /** Refused since the start because too many waited. */
  readonly refused: number;
}

/**
 * bcrypt in threads of low priority behind a bounded queue: a storm of logins costs those who log in, and nobody
 * else. Threads start with the first password and end on dispose; whoever still waits then gets a CredentialsError
 * CREDENTIALS_CLOSED. No password is kept after its answer, nor ever part of an error.
 */
export class BcryptPasswords implements Passwords, AsyncDisposable {
  readonly #crew: ThreadCrew<BcryptOrder, BcryptAnswer>;
  readonly #cost: number;
  readonly #queueMax: number;
  readonly #observe: (done: PasswordDone) => void;
  readonly #clock: Clock;
  #done = 0;
  #refused = 0;

  constructor(options: BcryptPasswordsOptions = {}) {
    this.#cost = bcryptCost(options.cost);
    this.#queueMax = options.queueMax ?? queueMaxDefault;
    this.#observe = options.observe ?? (() => {});
    this.#clock = options.clock ?? systemClock;
    const threadsMax = options.threadsMax ?? threadsMaxDefault;
    this.#crew = new ThreadCrew({
      ...{ module: threadModule, threadsMax, name: 'passwords' },
      closedError: () =>
        new CredentialsError('CREDENTIALS_CLOSED', 'passwords are not worked on any more: the member stops'),
      failedError,
    });
  }

  /** The cost of new hashes. */
  get cost(): number {
    return this.#cost;
  }

  /** Counts for metrics, as of now. */
  get counts(): PasswordCounts {
    const { waiting, running } = this.#crew;
    return { waiting, running, done: this.#done, refused: this.#refused };
  }

  /** A `$2a$` hash, as etcd makes it. @throws AuthError AUTH_TOO_MANY_PASSWORDS, AUTH_PASSWORD_TOO_LONG */
  async hash(password: string): Promise<string> {
    // bcrypt would overlook the end, so that a wrong password could log in.
    if (isTooLong(password)) throw new AuthError('AUTH_PASSWORD_TOO_LONG');
    return String(await this.#run({ kind: 'hash', password, cost: this.#cost }));
  }

  /**
   * Whether the password has this hash, which may be of any cost and `$2a$`, `$2b$` or `$2y$`. Without a hash, or
   * with one that is none, it is compared with nobody's of the cost of new hashes, and is false. Of a long password
   * 72 bytes count, as in etcd, whose older versions made such hashes. @throws AuthError AUTH_TOO_MANY_PASSWORDS
   */
  async matches(password: string, hash: string | undefined): Promise<boolean> {
    const known = hash !== undefined && isBcryptHash(hash);
    const compared = known ? hash : hashOfNobody(this.#cost);
    const same = await this.#run({ kind: 'match', password: significantPart(password), hash: compared });
    return known && same === true;
  }

  /** Ends the threads at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#crew[Symbol.asyncDispose]();
  }

  async #run(order: BcryptOrder): Promise<BcryptAnswer> {
    if (this.#crew.waiting >= this.#queueMax) {
      this.#refused++;
      throw new AuthError('AUTH_TOO_MANY_PASSWORDS');
    }
    const startMs = this.#clock.now();
    const answer = await this.#crew.run(order);
    this.#done++;
    this.#observe({ kind: order.kind, durationMs: this.#clock.now() - startMs });
    return answer;
  }
}

/** Says nothing of what the thread worked on. */
function failedError(cause: unknown): CredentialsError {
  const text = 'the thread that worked on a password has ended';
  return new CredentialsError('CREDENTIALS_THREAD_FAILED', text, { cause });
}
