import type { Clock, Random } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { EtcdError } from './errors.ts';
import { abortReason } from './grpc-values.ts';
import { encodeMessage, methodPath } from './method.ts';
import { sleep } from './sleep.ts';

/** Who a client says it is. */
export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/**
 * What calls carry. Each login is an object of its own, so that whoever was refused with one can say which, even
 * when the cluster hands out the same token twice.
 */
export interface Login {
  /** Undefined while the cluster has authentication switched off. */
  readonly token: string | undefined;
}

/** How long somebody waits for a login. */
export interface LoginWait {
  /** By the client's clock. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
}

/** One question for a token: a unary call without one, which may be repeated at other members. */
type PlainCall = (path: string, request: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;

/** Told of each question for a token when it has been answered, or not. */
type OnRefreshed = (refresh: { readonly isFirst: boolean; readonly error: Error | undefined }) => void;

/** How many new tokens in a row one call or stream may ask for: rights can change again in between. */
export const renewalsMax = 3;
/** Pause after a login that the cluster was too busy for; each further one doubles it, up to the longest. */
const busyPauseMs = 25;
const busyPauseMaxMs = 1_000;

/** Where the logins of a client come from. */
export interface TokenSource {
  /** The login of now. @throws EtcdError, or the signal's reason */
  get(wait: LoginWait): Promise<Login>;
  /** Whether another login can be had in place of this one, that was refused; the next `get` asks for it. */
  drop(login: Login): boolean;
  /** Ends a question under way. */
  close(): void;
}

/** A token made elsewhere: there is no other. */
export class FixedToken implements TokenSource {
  readonly #login: Login;

  /** @throws RangeError for what no header can carry; the text does not tell it */
  constructor(token: string) {
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw new RangeError('authToken must be printable ASCII without spaces, and not empty');
    }
    this.#login = { token };
  }

  async get(): Promise<Login> {
    return this.#login;
  }

  drop(): boolean {
    return false;
  }

  close(): void {}
}

/**
 * The token of a client with a name and a password: asked for when first needed, and again after a member has
 * refused it. Those that need it at the same time share one question, and each waits no longer than it may.
 */
export class PasswordTokens implements TokenSource {
  readonly #credentials: Credentials;
  readonly #call: PlainCall;
  readonly #onRefreshed: OnRefreshed;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #closing = new AbortController();
  /** The login of now, or the question for it. */
  #current: { readonly promise: Promise<Login>; login?: Login } | undefined;
  #hasAsked = false;

  constructor(
    credentials: Credentials,
    {
      call,
      onRefreshed,
      clock,
      random,
    }: {
      readonly call: PlainCall;
      readonly onRefreshed: OnRefreshed;
      readonly clock: Clock;
      readonly random: Random;
    },
  ) {
    this.#credentials = credentials;
    this.#call = call;
    this.#onRefreshed = onRefreshed;
    this.#clock = clock;
    this.#random = random;
  }

  async get(wait: LoginWait): Promise<Login> {
    if (this.#current?.login !== undefined) return this.#current.login;
    for (let failures = 0; ; failures++) {
      wait.signal?.throwIfAborted();
      try {
        return await within(this.#ask(), this.#clock, wait);
      } catch (error) {
        if (!(error instanceof EtcdError) || !isBusy(error)) throw error;
        await this.#pause(failures, error, wait);
      }
    }
  }

  drop(login: Login): boolean {
    // Somebody else may have been refused with it, too, and have asked for the next one by now.
    if (this.#current?.login === login) this.#current = undefined;
    return true;
  }

  close(): void {
    this.#closing.abort(new EtcdError('CANCELLED', 'the client is closed', { unsent: true }));
  }

  /** The question under way, or the answer of the last one. One that failed is asked again by whoever comes next. */
  #ask(): Promise<Login> {
    if (this.#current !== undefined) return this.#current.promise;
    const current: { readonly promise: Promise<Login>; login?: Login } = { promise: this.#authenticate() };
    this.#current = current;
    const isFirst = !this.#hasAsked;
    this.#hasAsked = true;
    current.promise.then(
      (login) => {
        current.login = login;
        this.#onRefreshed({ isFirst, error: undefined });
      },
      (error: Error) => {
        this.#onRefreshed({ isFirst, error });
        if (this.#current === current) this.#current = undefined;
      },
    );
    return current.promise;
  }

  async #pause(failures: number, error: EtcdError, { deadline, signal }: LoginWait): Promise<void> {
    const meanMs = Math.min(busyPauseMaxMs, busyPauseMs * 2 ** Math.min(failures, 10));
    const pauseMs = meanMs * (0.9 + this.#random.below(1000) / 5000);
    const leftMs = deadline - this.#clock.now();
    if (leftMs <= pauseMs) throw deadlineExceeded(error);
    const closing = this.#closing.signal;
    await sleep(this.#clock, pauseMs, signal === undefined ? closing : AbortSignal.any([signal, closing]));
  }

  async #authenticate(): Promise<Login> {
    const { methods } = rpcpb.AuthDefinition;
    const request = encodeMessage(rpcpb.AuthenticateRequest, this.#credentials);
    const path = methodPath(rpcpb.AuthDefinition, methods.authenticate);
    try {
      const response = await this.#call(path, request, this.#closing.signal);
      return { token: rpcpb.AuthenticateResponse.decode(response).token };
    } catch (error) {
      if (error instanceof EtcdError && error.message === 'etcdserver: authentication is not enabled') {
        return { token: undefined };
      }
      throw error;
    }
  }
}

/**
 * Whether an error says that a new token would help: the old one is unknown, or older than a change of rights, or
 * there was none. Members look at tokens before they do anything, so the request was not done.
 */
export function isStaleToken(error: unknown): error is EtcdError {
  return error instanceof EtcdError && staleTexts.has(error.message);
}

/** The second three are what etcd's Maintenance calls say, snapshots among them: texts from inside of it. */
const staleTexts: ReadonlySet<string> = new Set([
  'etcdserver: invalid auth token',
  'etcdserver: revision of auth store is old',
  'etcdserver: user name is empty',
  'auth: invalid auth token',
  'auth: revision in header is old',
  'auth: user name is empty',
]);

/** Whether a login may succeed a little later. By the text, since etcd sends this one with the code UNKNOWN. */
function isBusy(error: EtcdError): boolean {
  return (
    error.code === 'UNAVAILABLE' ||
    error.code === 'DEADLINE_EXCEEDED' ||
    error.message === 'etcdserver: too many requests'
  );
}

/** The promise, unless the deadline or an abort comes first; what is promised goes on for others. */
function within<T>(promise: Promise<T>, clock: Clock, { deadline, signal }: LoginWait): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      if (signal !== undefined) reject(abortReason(signal));
    };
    const delayMs = Math.max(0, deadline - clock.now());
    const timer = deadline === Infinity ? undefined : clock.after(delayMs, () => reject(deadlineExceeded()));
    signal?.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
    });
  });
}

/** What a call that waited too long for a login throws: it was not sent. */
function deadlineExceeded(cause?: EtcdError): EtcdError {
  return new EtcdError('DEADLINE_EXCEEDED', 'context deadline exceeded', { cause, unsent: true });
}
