import type { InitialState, Operation } from '../../history/types.ts';
import { emptyState } from '../model/store-model.ts';
import { keysPut, takesPart, tryNow } from './legality.ts';
import { LinearizedSet } from './linearized-set.ts';
import { SearchCache } from './search-cache.ts';
import { UndoModel, type Mark } from './undo-model.ts';

/** How a search ended. */
export interface SearchResult {
  readonly outcome: 'found' | 'none' | 'exhausted';
  /** The order found; otherwise the longest beginning of one. */
  readonly order: readonly Operation[];
  /** When there is none: what had to come next after that beginning, and could not. */
  readonly stuck: readonly Operation[];
  readonly stepCount: number;
}

/** Bounds of a search. */
export interface SearchOptions {
  readonly initial?: InitialState;
  /** Tries before it gives up. */
  readonly stepsMax: number;
}

/**
 * Looks for an order of the operations in which each is between its call and its return and has its outcome: the
 * algorithm of Wing and Gong (1993) with Lowe's cache of places visited (2017), as Porcupine has it. Takes exponential
 * time at worst; where revisions are known, hardly any try fails.
 *
 * Two things keep it from going astray. What fits now and changes nothing is put next without an alternative: any order
 * that has it later stays one when it is moved here. And what is unknown is tried last, since it fits nearly everywhere.
 */
export function searchOrder(operations: readonly Operation[], options: SearchOptions): SearchResult {
  return new Search(operations.filter(takesPart), options).run();
}

/** A call or return in a list by time. The list is linked both ways, so that an operation is taken out and put back in. */
interface Entry {
  readonly operation: number;
  readonly at: number;
  /** Undefined for a return, and for a call that never returned. */
  readonly return: Entry | undefined;
  readonly isCall: boolean;
  previous: Entry | undefined;
  next: Entry | undefined;
}

/** An operation that was put next in the order. */
interface Step {
  readonly entry: Entry;
  readonly mark: Mark;
  /** Whether it changed nothing, and so has no alternative. */
  readonly isForced: boolean;
}

class Search {
  readonly #operations: readonly Operation[];
  readonly #stepsMax: number;
  readonly #model: UndoModel;
  /** Calls and returns of what returned. */
  readonly #returning: Entry;
  /** Calls of what never did. */
  readonly #open: Entry;
  readonly #set: LinearizedSet;
  readonly #cache = new SearchCache();
  readonly #steps: Step[] = [];
  #unreturnedCount: number;
  #stepCount = 0;
  #longestCount = -1;
  #longest: readonly number[] = [];
  #stuck: readonly Operation[] = [];

  constructor(operations: readonly Operation[], { initial = emptyState, stepsMax }: SearchOptions) {
    this.#operations = operations.toSorted((a, b) => a.calledAt - b.calledAt);
    this.#stepsMax = stepsMax;
    this.#model = new UndoModel(initial, keysPut(operations, initial));
    this.#returning = listOf(this.#operations, ({ returnedAt }) => returnedAt !== Infinity);
    this.#open = listOf(this.#operations, ({ returnedAt }) => returnedAt === Infinity);
    this.#set = new LinearizedSet(operations.length);
    this.#unreturnedCount = operations.filter(({ returnedAt }) => returnedAt !== Infinity).length;
  }

  run(): SearchResult {
    let candidate = this.#firstCandidate();
    while (this.#unreturnedCount > 0) {
      if (this.#stepCount >= this.#stepsMax) return this.#result('exhausted');
      if (candidate !== undefined) {
        candidate = this.#advance(candidate) ? this.#firstCandidate() : this.#candidateAfter(candidate);
        continue;
      }
      this.#noteLongest();
      const last = this.#takeBack();
      if (last === undefined) return this.#result('none');
      candidate = this.#candidateAfter(last);
    }
    this.#longest = this.#steps.map(({ entry }) => entry.operation);
    return this.#result('found');
  }

  #firstCandidate(): Entry | undefined {
    const first = this.#returning.next;
    return first?.isCall === true ? first : this.#open.next;
  }

  /** What else can be next: everything that was called before the first return. */
  #candidateAfter(entry: Entry): Entry | undefined {
    const isOpen = entry.return === undefined;
    const { next } = entry;
    if (!isOpen && next?.isCall === true) return next;
    const open = isOpen ? next : this.#open.next;
    return open !== undefined && open.at <= this.#firstReturn() ? open : undefined;
  }

  #firstReturn(): number {
    let entry = this.#returning.next;
    while (entry?.isCall === true) entry = entry.next;
    return entry?.at ?? Infinity;
  }

  /** Puts an operation next in the order, unless it cannot be there or has led nowhere from here before. */
  #advance(entry: Entry): boolean {
    this.#stepCount++;
    const mark = this.#model.mark();
    if (!tryNow(this.#model, this.#operations[entry.operation]!)) {
      this.#model.rewind(mark);
      return false;
    }
    this.#set.add(entry.operation);
    if (!this.#cache.add(this.#set, this.#model)) {
      this.#set.delete(entry.operation);
      this.#model.rewind(mark);
      return false;
    }
    const isForced = this.#model.history === mark.history && this.#model.meta === mark.meta;
    this.#steps.push({ entry, mark, isForced });
    takeOut(entry);
    if (entry.return !== undefined) {
      takeOut(entry.return);
      this.#unreturnedCount--;
    }
    return true;
  }

  /** Takes back the last operation that has alternatives, and all after it; undefined when there is none. */
  #takeBack(): Entry | undefined {
    for (;;) {
      const step = this.#steps.pop();
      if (step === undefined) return undefined;
      const { entry, mark, isForced } = step;
      if (entry.return !== undefined) {
        putBack(entry.return);
        this.#unreturnedCount++;
      }
      putBack(entry);
      this.#set.delete(entry.operation);
      this.#model.rewind(mark);
      if (!isForced) return entry;
    }
  }

  /** Called when everything that could have been next was tried in vain. */
  #noteLongest(): void {
    if (this.#steps.length <= this.#longestCount) return;
    this.#longestCount = this.#steps.length;
    this.#longest = this.#steps.map(({ entry }) => entry.operation);
    const stuck: Operation[] = [];
    for (let entry = this.#returning.next; entry?.isCall === true; entry = entry.next) {
      stuck.push(this.#operations[entry.operation]!);
    }
    this.#stuck = stuck;
  }

  #result(outcome: SearchResult['outcome']): SearchResult {
    const order = this.#longest.map((operation) => this.#operations[operation]!);
    const stuck = outcome === 'found' ? [] : this.#stuck;
    return { outcome, order, stuck, stepCount: this.#stepCount };
  }
}

/** Calls and returns by time behind a head; of a call and a return at the same time the call is first. */
function listOf(operations: readonly Operation[], test: (operation: Operation) => boolean): Entry {
  const entries: Entry[] = [];
  for (const [index, operation] of operations.entries()) {
    if (!test(operation)) continue;
    const { calledAt, returnedAt } = operation;
    const links = { operation: index, previous: undefined, next: undefined };
    const end: Entry | undefined =
      returnedAt === Infinity ? undefined : { ...links, at: returnedAt, return: undefined, isCall: false };
    entries.push({ ...links, at: calledAt, return: end, isCall: true });
    if (end !== undefined) entries.push(end);
  }
  entries.sort((a, b) => a.at - b.at || Number(b.isCall) - Number(a.isCall));
  const head: Entry = {
    ...{ operation: -1, at: -Infinity, return: undefined, isCall: true },
    ...{ previous: undefined, next: undefined },
  };
  let last = head;
  for (const entry of entries) {
    last.next = entry;
    entry.previous = last;
    last = entry;
  }
  return head;
}

function takeOut(entry: Entry): void {
  entry.previous!.next = entry.next;
  if (entry.next !== undefined) entry.next.previous = entry.previous;
}

/** Undoes a `takeOut`; what was taken out after it must be back already. */
function putBack(entry: Entry): void {
  entry.previous!.next = entry;
  if (entry.next !== undefined) entry.next.previous = entry;
}
