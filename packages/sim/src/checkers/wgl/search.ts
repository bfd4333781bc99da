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
 */
export function searchOrder(operations: readonly Operation[], options: SearchOptions): SearchResult {
  return new Search(operations.filter(takesPart), options).run();
}

/** A call or return in a list by time. The list is linked both ways, so that an operation is taken out and put back in. */
interface Entry {
  readonly operation: number;
  /** Undefined for a return, and for a call that never returned. */
  readonly return: Entry | undefined;
  readonly isCall: boolean;
  previous: Entry | undefined;
  next: Entry | undefined;
}

class Search {
  readonly #operations: readonly Operation[];
  readonly #stepsMax: number;
  readonly #model: UndoModel;
  readonly #head: Entry;
  readonly #set: LinearizedSet;
  readonly #cache = new SearchCache();
  readonly #stack: { readonly entry: Entry; readonly mark: Mark }[] = [];
  #unreturnedCount: number;
  #longestCount = -1;
  #longest: readonly number[] = [];
  #stuck: readonly Operation[] = [];

  constructor(operations: readonly Operation[], { initial = emptyState, stepsMax }: SearchOptions) {
    this.#operations = operations.toSorted((a, b) => a.calledAt - b.calledAt);
    this.#stepsMax = stepsMax;
    this.#model = new UndoModel(initial, keysPut(operations, initial));
    this.#head = listOf(this.#operations);
    this.#set = new LinearizedSet(operations.length);
    this.#unreturnedCount = operations.filter(({ returnedAt }) => returnedAt !== Infinity).length;
  }

  run(): SearchResult {
    let stepCount = 0;
    let entry = this.#head.next;
    while (this.#unreturnedCount > 0) {
      if (stepCount >= this.#stepsMax) return this.#result('exhausted', stepCount);
      // As long as something has to return, its return is in the list, and ends the walk.
      const current = entry!;
      if (current.isCall) {
        stepCount++;
        entry = this.#advance(current) ? this.#head.next : current.next;
        continue;
      }
      this.#noteLongest();
      const last = this.#stack.pop();
      if (last === undefined) return this.#result('none', stepCount);
      this.#takeBack(last.entry, last.mark);
      entry = last.entry.next;
    }
    this.#longest = this.#stack.map((step) => step.entry.operation);
    return this.#result('found', stepCount);
  }

  /** Puts an operation next in the order, unless it cannot be there or has led nowhere from here before. */
  #advance(entry: Entry): boolean {
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
    this.#stack.push({ entry, mark });
    takeOut(entry);
    if (entry.return !== undefined) {
      takeOut(entry.return);
      this.#unreturnedCount--;
    }
    return true;
  }

  #takeBack(entry: Entry, mark: Mark): void {
    if (entry.return !== undefined) {
      putBack(entry.return);
      this.#unreturnedCount++;
    }
    putBack(entry);
    this.#set.delete(entry.operation);
    this.#model.rewind(mark);
  }

  /** Called when the walk has come to a return: everything in the list before it was tried in vain. */
  #noteLongest(): void {
    if (this.#stack.length <= this.#longestCount) return;
    this.#longestCount = this.#stack.length;
    this.#longest = this.#stack.map((step) => step.entry.operation);
    const stuck: Operation[] = [];
    for (let entry = this.#head.next; entry?.isCall === true; entry = entry.next) {
      if (entry.return !== undefined) stuck.push(this.#operations[entry.operation]!);
    }
    this.#stuck = stuck;
  }

  #result(outcome: SearchResult['outcome'], stepCount: number): SearchResult {
    const order = this.#longest.map((operation) => this.#operations[operation]!);
    return { outcome, order, stuck: outcome === 'found' ? [] : this.#stuck, stepCount };
  }
}

/** Calls and returns by time behind a head; of a call and a return at the same time the call is first. */
function listOf(operations: readonly Operation[]): Entry {
  const timed: { readonly at: number; readonly entry: Entry }[] = [];
  for (const [operation, { calledAt, returnedAt }] of operations.entries()) {
    const links = { operation, previous: undefined, next: undefined };
    const end: Entry | undefined =
      returnedAt === Infinity ? undefined : { ...links, return: undefined, isCall: false };
    timed.push({ at: calledAt, entry: { ...links, return: end, isCall: true } });
    if (end !== undefined) timed.push({ at: returnedAt, entry: end });
  }
  timed.sort((a, b) => a.at - b.at || Number(b.entry.isCall) - Number(a.entry.isCall));
  const head: Entry = {
    operation: -1,
    return: undefined,
    isCall: true,
    previous: undefined,
    next: undefined,
  };
  let last = head;
  for (const { entry } of timed) {
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
