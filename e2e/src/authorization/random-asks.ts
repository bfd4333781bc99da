import { Dice } from '../differential/dice.ts';
import type { Ask, DeleteAsk, OpAsk, PutAsk, RangeAsk, TxnAsk } from './ask.ts';
import { ends, select, shortKeys, type Span } from './keys.ts';

const leases = [0n, 0n, 0n, 11n, 12n, 13n, 14n, 10n] as const;

/** Requests about keys by chance, most of them transactions. The same seed draws the same. */
export function randomAsks(seed: number, count: number): Ask[] {
  const dice = new Dice(seed);
  return dice.list(count, () => drawAsk(dice));
}

function drawAsk(dice: Dice): Ask {
  switch (dice.weighted({ range: 2, watch: 2, put: 3, deleteRange: 2, txn: 20, lease: 3 })) {
    case 'range':
      return drawRange(dice);
    case 'watch':
      return { kind: 'watch', ...drawSpan(dice), options: { prevKv: dice.perMille(300) } };
    case 'put':
      return drawPut(dice);
    case 'deleteRange':
      return drawDelete(dice);
    case 'txn':
      return drawTxnWithoutConflict(dice);
    case 'lease':
      return drawLease(dice);
  }
}

/** Keys that are written twice in one transaction are refused to everybody: that is another matter. */
function drawTxnWithoutConflict(dice: Dice): TxnAsk {
  for (;;) {
    const txn = drawTxn(dice, 3);
    if (!hasConflict(txn)) return txn;
  }
}

function hasConflict(txn: TxnAsk): boolean {
  const puts = partsOf(txn).filter((op) => op.kind === 'put');
  const keys = new Set(puts.map(({ key }) => key));
  if (keys.size < puts.length) return true;
  const deletes = partsOf(txn).filter((op) => op.kind === 'deleteRange');
  return deletes.some((span) => puts.some(({ key }) => select(span).has(key)));
}

function partsOf(op: OpAsk): OpAsk[] {
  return op.kind === 'txn' ? [...op.success, ...op.failure].flatMap(partsOf) : [op];
}

function drawTxn(dice: Dice, depth: number): TxnAsk {
  const ops = (): OpAsk[] => dice.list(dice.below(3), () => drawOp(dice, depth));
  const compare = dice.list(dice.pick([0, 0, 1, 2]), () => drawSpan(dice));
  return { kind: 'txn', compare, success: ops(), failure: ops() };
}

function drawOp(dice: Dice, depth: number): OpAsk {
  switch (dice.weighted({ range: 4, put: 4, deleteRange: 3, txn: depth > 0 ? 5 : 0 })) {
    case 'range':
      return drawRange(dice);
    case 'put':
      return drawPut(dice);
    case 'deleteRange':
      return drawDelete(dice);
    case 'txn':
      return drawTxn(dice, depth - 1);
  }
}

function drawRange(dice: Dice): RangeAsk {
  const options = { serializable: dice.perMille(300), countOnly: dice.perMille(200) };
  return { kind: 'range', ...drawSpan(dice), options };
}

function drawPut(dice: Dice): PutAsk {
  const key = dice.pick(shortKeys);
  return { kind: 'put', key, lease: dice.pick(leases), prevKv: dice.perMille(300) };
}

function drawDelete(dice: Dice): DeleteAsk {
  return { kind: 'deleteRange', ...drawSpan(dice), prevKv: dice.perMille(300) };
}

function drawLease(dice: Dice): Ask {
  const id = dice.pick(leases.filter((lease) => lease !== 0n));
  const keys = dice.perMille(500);
  return dice.pick<Ask>([
    { kind: 'leaseRevoke', id },
    { kind: 'leaseKeepAlive', id },
    { kind: 'leaseTimeToLive', id, keys },
    { kind: 'leases' },
  ]);
}

/** Often one key: else hardly anybody may do a transaction as a whole. */
function drawSpan(dice: Dice): Span {
  const key = dice.pick(shortKeys);
  if (dice.perMille(600)) return { key, end: '' };
  for (;;) {
    const end = dice.pick(ends);
    if (end === '' || end === '\0' || key < end || dice.perMille(100)) return { key, end };
  }
}
