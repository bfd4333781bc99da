import type { rpcpb } from '@quorate/wire';
import { authOp } from '../differential/auth-operations.ts';
import { AuthRequests } from '../differential/auth-requests.ts';
import { Dice } from '../differential/dice.ts';
import { KvRequests } from '../differential/kv-requests.ts';
import { op, type Operation } from '../differential/operation.ts';
import type { ClusterMember } from './cluster-member.ts';
import { password, type ClusterUsers } from './cluster-users.ts';

export interface AuthLoadOptions {
  readonly members: readonly ClusterMember[];
  readonly users: ClusterUsers;
  readonly seed: number;
  readonly operations: number;
}

/** Calls that are under way at a time: so many race for the auth revision. */
const callsAtOnce = 6;
const writers = ['writer 1', 'writer 2', 'writer 3'];
const roles = ['reader', 'writer', 'ops', '__proto__'];
const leaseIds = [1n, 2n, 3n];

/** What the calls of a load came to. */
export interface AuthLoadResult {
  /** How often each answer came, by code and text; done is `0 `. */
  readonly answers: ReadonlyMap<string, number>;
}

/**
 * Root changes users, roles and permissions at any member, while users write, by their tokens, at any other: what the
 * log comes to is decided by each member for itself.
 */
export async function runAuthLoad(options: AuthLoadOptions): Promise<AuthLoadResult> {
  const { members, users, seed, operations } = options;
  const dice = new Dice(seed);
  const kv = new KvRequests(dice, { revision: 1n, compacted: -1n });
  const requests = new AuthRequests(dice, kv);
  const tokens: string[] = [];
  for (const name of writers) {
    const member = dice.pick(members);
    await users.must(member, authOp.userAdd({ name, password }));
    tokens.push(await users.logIn(dice.pick(members), name));
  }
  const answers = new Map<string, number>();
  const draw = (): { readonly operation: Operation; readonly token: string } => {
    switch (dice.weighted({ change: 8, grant: 4, put: 6, deleteRange: 3, txn: 8, lease: 3 })) {
      case 'change':
        return { operation: changeOf(requests), token: users.root };
      case 'grant':
        return { operation: authOp.userGrantRole(dice.pick(writers), dice.pick(roles)), token: users.root };
      case 'put':
        return { operation: op.put(kv.put()), token: dice.pick(tokens) };
      case 'deleteRange':
        return { operation: op.deleteRange(kv.deleteRange()), token: dice.pick(tokens) };
      case 'txn':
        return { operation: op.txn(withoutRanges(kv.txn())), token: dice.pick(tokens) };
      case 'lease': {
        const ID = dice.pick(leaseIds);
        const operation = dice.perMille(600) ? op.leaseGrant({ ID, TTL: 3600n }) : op.leaseRevoke({ ID });
        return { operation, token: dice.pick(tokens) };
      }
    }
  };
  for (let done = 0; done < operations; done += callsAtOnce) {
    await Promise.all(
      dice.list(callsAtOnce, draw).map(async ({ operation, token }) => {
        const { code, message } = await users.call(dice.pick(members), operation, token);
        const text = `${code} ${message}`;
        answers.set(text, (answers.get(text) ?? 0) + 1);
      }),
    );
  }
  return { answers };
}

/**
 * Members of etcd that did not propose a transaction take its ranges out before they apply it, and do what its proposer
 * refuses for a range, be it for a permission or for a revision: etcd's members come apart by that, whoever else is there.
 */
function withoutRanges(txn: rpcpb.TxnRequest): rpcpb.TxnRequest {
  const kept = (ops: readonly rpcpb.RequestOp[]): rpcpb.RequestOp[] =>
    ops.flatMap(({ request }): rpcpb.RequestOp[] => {
      if (request?.$case === 'requestRange') return [];
      if (request?.$case !== 'requestTxn') return [{ request }];
      return [{ request: { $case: 'requestTxn', value: withoutRanges(request.value) } }];
    });
  return { ...txn, success: kept(txn.success), failure: kept(txn.failure) };
}

/** Whatever there is to change, but for the password of root, who is needed. */
function changeOf(requests: AuthRequests): Operation {
  for (;;) {
    const operation = requests.change();
    if (!isPasswordOfRoot(operation)) return operation;
  }
}

function isPasswordOfRoot({ method, request }: Operation): boolean {
  if (method !== 'Auth/UserChangePassword') return false;
  // The method says the type of the request.
  return (request as { readonly name: string }).name === 'root';
}
