import { Worker } from 'node:worker_threads';
import { invariant } from './invariant.ts';

interface Job<Order, Answer> {
  readonly order: Order;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (reason: Error) => void;
}

/** What waits for the answer to a job; the order itself, which may hold a secret, is not kept once it is sent. */
type Waiter<Order, Answer> = Omit<Job<Order, Answer>, 'order'>;

/** Which threads there are. */
export interface ThreadCrewOptions {
  /** The module that each thread runs; it answers each message with one message, in order. */
  readonly module: URL;
  /** How many at most. */
  readonly threadsMax: number;
  /** How debuggers and `top` call a thread. */
  readonly name: string;
  /** What orders are refused with once the crew is closed. */
  readonly closedError: () => Error;
  /** What an order fails with whose thread has ended; the cause may be nothing. */
  readonly failedError: (cause: unknown) => Error;
}

/**
 * A few threads that work on orders in the order of their coming, one order a thread. A thread is started when there
 * is something to do and nobody idle, and kept; while idle, it does not keep the process alive. A thread that dies
 * fails the order it had, and the next order gets a new one.
 *
 * The queue has no bound here: who fills it looks at `waiting` first.
 */
export class ThreadCrew<Order, Answer> implements AsyncDisposable {
  readonly #options: ThreadCrewOptions;
  readonly #idle = new Set<Worker>();
  readonly #busy = new Map<Worker, Waiter<Order, Answer>>();
  readonly #waiting: Job<Order, Answer>[] = [];
  #closed = false;

  constructor(options: ThreadCrewOptions) {
    invariant(options.threadsMax >= 1, 'somebody has to do the work');
    this.#options = options;
  }

  /** How many orders no thread has begun. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** How many orders threads are at work on. */
  get running(): number {
    return this.#busy.size;
  }

  /** How many threads there are. */
  get threads(): number {
    return this.#idle.size + this.#busy.size;
  }

  /** Has an order done, of which the thread gets a copy. @throws what `failedError` and `closedError` make */
  run(order: Order): Promise<Answer> {
    if (this.#closed) return Promise.reject(this.#options.closedError());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ order, resolve, reject });
      this.#handOut();
    });
  }

  /** Ends all threads, also in the middle of an order. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) job.reject(this.#options.closedError());
    const threads = [...this.#idle, ...this.#busy.keys()];
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  #handOut(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#takeThread();
      if (thread === undefined) return;
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#busy.set(thread, { resolve: job.resolve, reject: job.reject });
      thread.ref();
      thread.postMessage(job.order);
    }
  }

  #takeThread(): Worker | undefined {
    for (const thread of this.#idle) {
      this.#idle.delete(thread);
      return thread;
    }
    return this.#busy.size < this.#options.threadsMax ? this.#startThread() : undefined;
  }

  #startThread(): Worker {
    // Without the flags and the environment of the process: a thread needs neither, and they may hold secrets.
    const thread = new Worker(this.#options.module, { name: this.#options.name, execArgv: [], env: {} });
    let failure: unknown;
    thread.on('message', (answer: Answer) => this.#answered(thread, answer));
    thread.on('error', (error: unknown) => {
      failure = error;
    });
    thread.on('exit', () => this.#ended(thread, failure));
    return thread;
  }

  #answered(thread: Worker, answer: Answer): void {
    const waiter = this.#busy.get(thread);
    if (waiter === undefined) return;
    this.#busy.delete(thread);
    this.#idle.add(thread);
    thread.unref();
    waiter.resolve(answer);
    this.#handOut();
  }

  #ended(thread: Worker, failure: unknown): void {
    const waiter = this.#busy.get(thread);
    this.#idle.delete(thread);
    this.#busy.delete(thread);
    const { closedError, failedError } = this.#options;
    waiter?.reject(this.#closed ? closedError() : failedError(failure));
    if (!this.#closed) this.#handOut();
  }
}
