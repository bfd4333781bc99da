import type {
  Compare,
  KvRequest,
  PutRequest,
  RangeRequest,
  Request,
  TxnRequest,
} from '../../history/types.ts';
import type { Chance } from '../chance.ts';
import type { WorkloadPlan } from '../swarm.ts';
import type { SharedKnowledge } from './shared-knowledge.ts';

/** All keys of the workload: `k00`, `k01`, … */
export const allKeys = { key: 'k', rangeEnd: 'l' } as const;

/** The next thing that a client does. `tag` is unique: every value that is written carries it. */
export function drawRequest(
  chance: Chance,
  plan: WorkloadPlan,
  knowledge: SharedKnowledge,
  tag: string,
): Request {
  const dice = chance.below(100 + plan.compactions + plan.leases * 2);
  if (dice < plan.reads) return drawRange(chance, plan, knowledge);
  if (dice < plan.reads + plan.transactions) return drawTxn(chance, plan, knowledge, tag);
  if (dice < 85) return drawPut(chance, plan, knowledge, tag);
  if (dice < 100) return drawDelete(chance, plan);
  if (dice < 100 + plan.compactions) return drawCompaction(chance, knowledge);
  return drawLeaseRequest(chance, knowledge);
}

/** The key with that number. */
export function keyName(number: number): string {
  return `k${String(number).padStart(2, '0')}`;
}

function drawKey(chance: Chance, plan: WorkloadPlan): string {
  return keyName(chance.below(plan.keys));
}

/** A key, some keys, or all of them. */
function drawKeys(chance: Chance, plan: WorkloadPlan): { readonly key: string; readonly rangeEnd?: string } {
  const dice = chance.below(10);
  if (dice < 6) return { key: drawKey(chance, plan) };
  if (dice < 8) return allKeys;
  const [a, b] = [drawKey(chance, plan), drawKey(chance, plan)];
  return a < b ? { key: a, rangeEnd: b } : { key: b, rangeEnd: `${a}\0` };
}

function drawRange(chance: Chance, plan: WorkloadPlan, knowledge: SharedKnowledge): RangeRequest {
  const keys = drawKeys(chance, plan);
  const dice = chance.below(20);
  return {
    kind: 'range',
    ...keys,
    ...(dice < 4 && { serializable: true }),
    ...(dice >= 4 && dice < 7 && { revision: Math.max(1, knowledge.revision - chance.below(30)) }),
    ...(dice === 7 && { revision: knowledge.revision + chance.below(4) }),
    ...(dice === 8 && { limit: chance.count(1, 3) }),
    ...(dice === 9 && { countOnly: true }),
    ...(dice === 10 && { keysOnly: true }),
    ...(dice === 11 && {
      sortTarget: chance.pick(['mod', 'create', 'version', 'value'] as const),
      sortOrder: 'descend',
    }),
  };
}

function drawPut(chance: Chance, plan: WorkloadPlan, knowledge: SharedKnowledge, tag: string): PutRequest {
  const { leases } = knowledge;
  const hasLease = leases.length > 0 && chance.happens(plan.leases / 40);
  return {
    kind: 'put',
    key: drawKey(chance, plan),
    // Sizes differ so that frames of the log and slabs of values do not line up.
    value: `${tag}:${'x'.repeat(chance.happens(0.1) ? chance.below(600) : chance.below(20))}`,
    ...(hasLease && { lease: chance.pick(leases) }),
    ...(chance.happens(0.2) && { prevKv: true }),
  };
}

function drawDelete(chance: Chance, plan: WorkloadPlan): KvRequest {
  const prevKv = chance.happens(0.3);
  return { kind: 'deleteRange', ...drawKeys(chance, plan), ...(prevKv && { prevKv }) };
}

function drawTxn(chance: Chance, plan: WorkloadPlan, knowledge: SharedKnowledge, tag: string): TxnRequest {
  const compare = Array.from({ length: chance.below(3) }, () => drawCompare(chance, plan, knowledge));
  return {
    kind: 'txn',
    compare,
    success: drawOps(chance, plan, knowledge, `${tag}.s`),
    failure: drawOps(chance, plan, knowledge, `${tag}.f`),
  };
}

function drawCompare(chance: Chance, plan: WorkloadPlan, knowledge: SharedKnowledge): Compare {
  const key = drawKey(chance, plan);
  const result = chance.pick(['equal', 'notEqual', 'greater', 'less'] as const);
  const target = chance.pick(['version', 'create', 'mod'] as const);
  const operand = target === 'version' ? chance.below(3) : Math.max(0, knowledge.revision - chance.below(20));
  return { key, result, target, operand: chance.happens(0.3) ? 0 : operand };
}

/** Each key is written at most once in a transaction: the member refuses anything else. */
function drawOps(chance: Chance, plan: WorkloadPlan, knowledge: SharedKnowledge, tag: string): KvRequest[] {
  const written = new Set<string>();
  const ops: KvRequest[] = [];
  const count = chance.count(0, 4);
  for (let i = 0; i < count; i++) {
    const dice = chance.below(10);
    if (dice < 3) {
      ops.push({ kind: 'range', ...drawKeys(chance, plan) });
      continue;
    }
    const put = drawPut(chance, plan, knowledge, `${tag}${i}`);
    if (written.has(put.key)) continue;
    written.add(put.key);
    ops.push(dice < 8 ? put : { kind: 'deleteRange', key: put.key });
  }
  return ops;
}

function drawCompaction(chance: Chance, knowledge: SharedKnowledge): Request {
  return { kind: 'compact', revision: Math.max(1, knowledge.revision - chance.below(10)) };
}

function drawLeaseRequest(chance: Chance, knowledge: SharedKnowledge): Request {
  const { leases } = knowledge;
  const dice = chance.below(10);
  if (leases.length === 0 || dice < 4) {
    const id = knowledge.newLeaseId();
    return { kind: 'leaseGrant', id, ttlSeconds: chance.count(1, 6) };
  }
  const id = chance.pick(leases);
  if (dice < 7) return { kind: 'leaseKeepAlive', id };
  if (dice < 9) return { kind: 'leaseTimeToLive', id, keys: chance.happens(0.5) };
  return { kind: 'leaseRevoke', id };
}
