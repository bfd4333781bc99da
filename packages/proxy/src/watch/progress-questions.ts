import type { rpcpb } from '@quorate/wire';
import type { Subscription } from './source.ts';

/** A stream of a client that has asked how far it is. */
export interface Asker {
  readonly subscriptions: Iterable<Subscription>;
  /** All of its watchers have what there is up to the header's revision. */
  progress(header: rpcpb.ResponseHeader | undefined): void;
}

/** A member answers at once or never, so a question without an answer is asked again after this. */
const repeatMs = 500;

/**
 * Questions of progress, on one stream to a member. A member does not answer while one of the watchers on the stream is
 * behind, and an answer does not tell which question it is for. So answers are counted: the n-th answer is one to the
 * n-th question or to a later one. Those who ask share questions; each of them waits at most once.
 */
export class ProgressQuestions {
  readonly #now: () => number;
  readonly #ask: () => void;
  /** Who waits, and how many answers there must have been before it waits no more. */
  readonly #waiting = new Map<Asker, number>();
  #asked = 0;
  #answers = 0;
  #askedAt = 0;

  constructor({ now, ask }: { readonly now: () => number; readonly ask: () => void }) {
    this.#now = now;
    this.#ask = ask;
  }

  /** On the stream as it is now. */
  get asked(): number {
    return this.#asked;
  }

  add(asker: Asker, { isConnected }: { readonly isConnected: boolean }): void {
    const isAnswerDue = this.#asked > this.#answers;
    const isOverdue = isAnswerDue && this.#now() - this.#askedAt >= repeatMs;
    if (isConnected && (!isAnswerDue || isOverdue)) this.#send();
    this.#waiting.set(asker, isConnected && isAnswerDue && !isOverdue ? this.#asked + 1 : this.#asked);
  }

  forget(asker: Asker): void {
    this.#waiting.delete(asker);
  }

  /** A new stream knows of no question; those that were left open are asked on it. */
  connected(): void {
    this.#asked = 0;
    this.#answers = 0;
    if (this.#waiting.size > 0) this.#send();
    for (const asker of this.#waiting.keys()) this.#waiting.set(asker, 1);
  }

  /** Counts an answer: how many there have been on this stream. */
  answered(): number {
    this.#answers++;
    return this.#answers;
  }

  /** Tells those all of whose watchers the answer is about, and asks again for those who came after the question. */
  tell(header: rpcpb.ResponseHeader | undefined, isCovered: (subscription: Subscription) => boolean): void {
    for (const [asker, answersNeeded] of [...this.#waiting]) {
      const subscriptions = [...asker.subscriptions];
      const isAnswered = subscriptions.length > 0 && subscriptions.every(isCovered);
      if (isAnswered || this.#answers >= answersNeeded) this.#waiting.delete(asker);
      if (isAnswered) asker.progress(header);
    }
    if (this.#waiting.size > 0 && this.#asked <= this.#answers) this.#send();
  }

  #send(): void {
    this.#asked++;
    this.#askedAt = this.#now();
    this.#ask();
  }
}
