/** Told once of how something came out. */
export interface Outcome<T> {
  onValue(value: T): void;
  onError(error: unknown): void;
}

type State = 'open' | 'value' | 'error';

/**
 * A result that comes later, for one who asks. Unlike a promise it tells him in the very call that settles it, without a
 * microtask and without a closure for each step: a request that is answered by the hundred thousand in a second passes
 * through some of these. For whoever awaits it, it is a promise.
 *
 * Whoever settles one must be ready for what its listener does at once; `SettleQueue` is there for those who are not. A
 * failure that nobody asks for is lost.
 *
 * Invariants: it is settled once; there is one listener, who is told once.
 */
export class Later<T> implements Promise<T> {
  #state: State = 'open';
  #result: unknown = undefined;
  #listener: Outcome<T> | undefined = undefined;
  #promise: Promise<T> | undefined = undefined;

  /** One that is there already. */
  static of<T>(value: T): Later<T> {
    const later = new Later<T>();
    later.resolve(value);
    return later;
  }

  /** One that has failed already. */
  static failed<T>(error: unknown): Later<T> {
    const later = new Later<T>();
    later.reject(error);
    return later;
  }

  /** What a promise comes to. */
  static from<T>(promise: PromiseLike<T>): Later<T> {
    const later = new Later<T>();
    promise.then(
      (value) => later.resolve(value),
      (error: unknown) => later.reject(error),
    );
    return later;
  }

  /** Settles it, unless it is settled. */
  resolve(value: T): void {
    if (this.#state !== 'open') return;
    this.#state = 'value';
    this.#result = value;
    this.#listener?.onValue(value);
  }

  /** Settles it with a failure, unless it is settled. */
  reject(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'error';
    this.#result = error;
    this.#listener?.onError(error);
  }

  /** Tells `listener` when it is settled, at once if it is. @throws Error when somebody listens already */
  tell(listener: Outcome<T>): void {
    if (this.#listener !== undefined) throw new Error('a result is told to one listener only');
    this.#listener = listener;
    // The state says what the result is.
    if (this.#state === 'value') listener.onValue(this.#result as T);
    else if (this.#state === 'error') listener.onError(this.#result);
  }

  /** What `step` makes of the value, now or later, or, if it throws, the failure that it throws. */
  map<R>(step: (value: T) => R | Later<R>): Later<R> {
    const next = new Step<T, R>(step);
    this.tell(next);
    return next;
  }

  /** The same, but for a failure: then it is what `step` makes of that. */
  orElse(step: (error: unknown) => T | Later<T>): Later<T> {
    const next = new Rescue<T>(step);
    this.tell(next);
    return next;
  }

  // -- As a promise

  then<V = T, E = never>(
    onValue?: ((value: T) => V | PromiseLike<V>) | null,
    onError?: ((error: unknown) => E | PromiseLike<E>) | null,
  ): Promise<V | E> {
    return this.#asPromise().then(onValue, onError);
  }

  catch<E = never>(onError?: ((error: unknown) => E | PromiseLike<E>) | null): Promise<T | E> {
    return this.#asPromise().catch(onError);
  }

  finally(onSettled?: (() => void) | null): Promise<T> {
    return this.#asPromise().finally(onSettled);
  }

  get [Symbol.toStringTag](): string {
    return 'Later';
  }

  #asPromise(): Promise<T> {
    // A promise rejects with whatever it was told.
    this.#promise ??= new Promise((resolve, reject) => this.tell({ onValue: resolve, onError: reject }));
    return this.#promise;
  }
}

class Step<T, R> extends Later<R> implements Outcome<T> {
  readonly #step: (value: T) => R | Later<R>;

  constructor(step: (value: T) => R | Later<R>) {
    super();
    this.#step = step;
  }

  onValue(value: T): void {
    follow(this, this.#step, value);
  }

  onError(error: unknown): void {
    this.reject(error);
  }
}

class Rescue<T> extends Later<T> implements Outcome<T> {
  readonly #step: (error: unknown) => T | Later<T>;

  constructor(step: (error: unknown) => T | Later<T>) {
    super();
    this.#step = step;
  }

  onValue(value: T): void {
    this.resolve(value);
  }

  onError(error: unknown): void {
    follow(this, this.#step, error);
  }
}

/** Settles one with what a step comes to. */
function follow<T, R>(later: Later<R>, step: (from: T) => R | Later<R>, from: T): void {
  let result: R | Later<R>;
  try {
    result = step(from);
  } catch (error) {
    return later.reject(error);
  }
  if (!(result instanceof Later)) return later.resolve(result);
  result.tell({ onValue: (value) => later.resolve(value), onError: (error) => later.reject(error) });
}

/**
 * Settles results behind the work of this turn, all of them in one microtask, in their order: for those who find results
 * in the middle of what they do.
 */
export class SettleQueue {
  #waiting: Settlement[] = [];

  resolve<T>(later: Later<T>, value: T): void {
    this.#add({ later, result: value, isError: false });
  }

  reject(later: Later<unknown>, error: unknown): void {
    this.#add({ later, result: error, isError: true });
  }

  #add(settlement: Settlement): void {
    this.#waiting.push(settlement);
    if (this.#waiting.length === 1) queueMicrotask(() => this.#settle());
  }

  #settle(): void {
    const settlements = this.#waiting;
    this.#waiting = [];
    let at = 0;
    try {
      while (at < settlements.length) settle(settlements[at++]);
    } finally {
      // A listener that throws is a bug, and not at the cost of those behind it.
      for (; at < settlements.length; at++) {
        const settlement = settlements[at];
        if (settlement !== undefined) this.#add(settlement);
      }
    }
  }
}

interface Settlement {
  readonly later: Later<unknown>;
  readonly result: unknown;
  readonly isError: boolean;
}

function settle(settlement: Settlement | undefined): void {
  if (settlement === undefined) return;
  if (settlement.isError) settlement.later.reject(settlement.result);
  else settlement.later.resolve(settlement.result);
}
