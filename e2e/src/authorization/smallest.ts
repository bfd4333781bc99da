import type { Ask, OpAsk, TxnAsk } from './ask.ts';

/**
 * The smallest transaction within one of which a claim holds, as far as leaving out one part after the other leads. Any
 * other request is returned as it is.
 */
export async function smallestOf(ask: Ask, holds: (ask: Ask) => Promise<boolean>): Promise<Ask> {
  let smallest = ask;
  for (;;) {
    const next = await firstOf(smallerThan(smallest), holds);
    if (next === undefined) return smallest;
    smallest = next;
  }
}

async function firstOf(
  asks: readonly Ask[],
  holds: (ask: Ask) => Promise<boolean>,
): Promise<Ask | undefined> {
  for (const ask of asks) if (await holds(ask)) return ask;
  return undefined;
}

/** With one part less, or the one part by itself. */
function smallerThan(ask: Ask): Ask[] {
  if (ask.kind !== 'txn') return [];
  const parts = [...ask.success, ...ask.failure].filter((op) => op.kind !== 'empty');
  return [...parts, ...smallerTxns(ask)];
}

function smallerTxns(txn: TxnAsk): TxnAsk[] {
  const { compare, success, failure } = txn;
  return [
    ...withoutOne(compare).map((fewer) => ({ ...txn, compare: fewer })),
    ...smallerLists(success).map((fewer) => ({ ...txn, success: fewer })),
    ...smallerLists(failure).map((fewer) => ({ ...txn, failure: fewer })),
  ];
}

function smallerLists(ops: readonly OpAsk[]): OpAsk[][] {
  const replaced = ops.flatMap((op, at) =>
    op.kind === 'txn' ? smallerTxns(op).map((smaller) => ops.with(at, smaller)) : [],
  );
  return [...withoutOne(ops), ...replaced];
}

function withoutOne<T>(list: readonly T[]): T[][] {
  return list.map((_, at) => list.toSpliced(at, 1));
}
