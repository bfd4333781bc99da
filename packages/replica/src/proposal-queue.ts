import { noNode, type RaftNode } from '@quorate/raft';

/** What the queue needs of raft and of those who wait. */
export interface ProposalQueueOptions {
  readonly node: Pick<RaftNode, 'leader' | 'term' | 'isLeader' | 'proposeMany'>;
  /** Whether somebody still waits for what a proposal comes to. */
  readonly isAwaited: (suffix: number) => boolean;
}

interface TermBound {
  readonly data: Uint8Array;
  readonly term: number;
}

/**
 * Proposals on their way into raft: those of one turn go in as one batch. While there is no leader, or the
 * leader hands over, they wait: nothing has left yet, so nothing can happen twice. Those that nobody waits for
 * any more are dropped. The bound is that of the waiters: nobody proposes without being one.
 */
export class ProposalQueue {
  readonly #options: ProposalQueueOptions;
  #datas: Uint8Array[] = [];
  #suffixes: number[] = [];
  #termBound: TermBound[] = [];
  /** What is here was refused before; somebody may have stopped waiting since. */
  #isHeld = false;

  constructor(options: ProposalQueueOptions) {
    this.#options = options;
  }

  /** One with `onlyInTerm` is for the leader of that term to propose, and nobody else. */
  add(data: Uint8Array, suffix: number, onlyInTerm?: number): void {
    if (onlyInTerm !== undefined) {
      this.#termBound.push({ data, term: onlyInTerm });
      return;
    }
    this.#datas.push(data);
    this.#suffixes.push(suffix);
  }

  /** Hands all to raft if it takes them. */
  flush(): void {
    if (this.#termBound.length > 0) this.#flushTermBound();
    if (this.#isHeld) this.#dropForgotten();
    if (this.#datas.length === 0) return;
    const { node } = this.#options;
    this.#isHeld = node.leader === noNode || !node.proposeMany(this.#datas);
    if (this.#isHeld) return;
    this.#datas = [];
    this.#suffixes = [];
  }

  #flushTermBound(): void {
    const { node } = this.#options;
    const proposals = this.#termBound;
    this.#termBound = [];
    if (!node.isLeader) return;
    const datas = proposals.filter(({ term }) => term === node.term).map(({ data }) => data);
    if (datas.length > 0) node.proposeMany(datas);
  }

  #dropForgotten(): void {
    const { isAwaited } = this.#options;
    const suffixes = this.#suffixes;
    if (suffixes.every(isAwaited)) return;
    this.#datas = this.#datas.filter((_, at) => isAwaited(suffixes[at]!));
    this.#suffixes = suffixes.filter(isAwaited);
  }
}
