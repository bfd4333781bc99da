import { fromUtf8, toUtf8 } from '@quorate/std';
import { electionpb, lockpb, rpcpb } from '@quorate/wire';
import type { Reply } from '../differential/grpc-caller.ts';

/** How one call ends early: the client leaves. */
export interface AskOptions {
  readonly signal?: AbortSignal;
  readonly token?: string;
  readonly deadlineMs?: number;
}

/** Any way to a server: its bytes in, its reply out. */
export type Ask = (path: string, request: Uint8Array, options: AskOptions) => Promise<Reply>;

/** What became of a call: a status other than OK and its text, or what was answered. */
export type Outcome<T> =
  { readonly code: 0; readonly answer: T } | { readonly code: number; readonly message: string };

/** A candidate's hold on its place, as `Campaign` hands it out. */
export type LeaderKey = electionpb.LeaderKey;

/** The calls of etcd's Lock and Election services, and the few others that tests of them need. */
export class RecipeCalls {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  lock(name: string, lease: bigint, options: AskOptions = {}): Promise<Outcome<lockpb.LockResponse>> {
    const request = lockpb.LockRequest.encode({ name: fromUtf8(name), lease }).finish();
    return this.#call('/v3lockpb.Lock/Lock', request, lockpb.LockResponse, options);
  }

  unlock(key: string, options: AskOptions = {}): Promise<Outcome<lockpb.UnlockResponse>> {
    const request = lockpb.UnlockRequest.encode({ key: fromUtf8(key) }).finish();
    return this.#call('/v3lockpb.Lock/Unlock', request, lockpb.UnlockResponse, options);
  }

  campaign(
    { name, lease, value }: { readonly name: string; readonly lease: bigint; readonly value: string },
    options: AskOptions = {},
  ): Promise<Outcome<electionpb.CampaignResponse>> {
    const message = { name: fromUtf8(name), lease, value: fromUtf8(value) };
    const request = electionpb.CampaignRequest.encode(message).finish();
    return this.#call('/v3electionpb.Election/Campaign', request, electionpb.CampaignResponse, options);
  }

  proclaim(
    leader: LeaderKey | undefined,
    value: string,
    options: AskOptions = {},
  ): Promise<Outcome<electionpb.ProclaimResponse>> {
    const request = electionpb.ProclaimRequest.encode({ leader, value: fromUtf8(value) }).finish();
    return this.#call('/v3electionpb.Election/Proclaim', request, electionpb.ProclaimResponse, options);
  }

  leader(name: string, options: AskOptions = {}): Promise<Outcome<electionpb.LeaderResponse>> {
    const request = observeRequest(name);
    return this.#call('/v3electionpb.Election/Leader', request, electionpb.LeaderResponse, options);
  }

  resign(
    leader: LeaderKey | undefined,
    options: AskOptions = {},
  ): Promise<Outcome<electionpb.ResignResponse>> {
    const request = electionpb.ResignRequest.encode({ leader }).finish();
    return this.#call('/v3electionpb.Election/Resign', request, electionpb.ResignResponse, options);
  }

  grant(ID: bigint, TTL: bigint, options: AskOptions = {}): Promise<Outcome<rpcpb.LeaseGrantResponse>> {
    const request = rpcpb.LeaseGrantRequest.encode({ ID, TTL }).finish();
    return this.#call('/etcdserverpb.Lease/LeaseGrant', request, rpcpb.LeaseGrantResponse, options);
  }

  revoke(ID: bigint, options: AskOptions = {}): Promise<Outcome<rpcpb.LeaseRevokeResponse>> {
    const request = rpcpb.LeaseRevokeRequest.encode({ ID }).finish();
    return this.#call('/etcdserverpb.Lease/LeaseRevoke', request, rpcpb.LeaseRevokeResponse, options);
  }

  put(key: string, value: string, options: AskOptions = {}): Promise<Outcome<rpcpb.PutResponse>> {
    const message = rpcpb.PutRequest.fromPartial({ key: fromUtf8(key), value: fromUtf8(value) });
    const request = rpcpb.PutRequest.encode(message).finish();
    return this.#call('/etcdserverpb.KV/Put', request, rpcpb.PutResponse, options);
  }

  compact(revision: bigint, options: AskOptions = {}): Promise<Outcome<rpcpb.CompactionResponse>> {
    const request = rpcpb.CompactionRequest.encode({ revision, physical: true }).finish();
    return this.#call('/etcdserverpb.KV/Compact', request, rpcpb.CompactionResponse, options);
  }

  raiseNoSpace(options: AskOptions = {}): Promise<Outcome<rpcpb.AlarmResponse>> {
    const alarm = { action: rpcpb.AlarmRequest_AlarmAction.ACTIVATE, alarm: rpcpb.AlarmType.NOSPACE };
    const request = rpcpb.AlarmRequest.encode({ ...alarm, memberID: 0n }).finish();
    return this.#call('/etcdserverpb.Maintenance/Alarm', request, rpcpb.AlarmResponse, options);
  }

  /** All keys with their values, in order, that begin so. */
  async keys(prefix: string, options: AskOptions = {}): Promise<rpcpb.RangeResponse> {
    const rangeEnd = fromUtf8(
      prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1),
    );
    const message = rpcpb.RangeRequest.fromPartial({ key: fromUtf8(prefix), rangeEnd });
    const request = rpcpb.RangeRequest.encode(message).finish();
    return answered(await this.#call('/etcdserverpb.KV/Range', request, rpcpb.RangeResponse, options));
  }

  async #call<T>(
    path: string,
    request: Uint8Array,
    codec: { decode(bytes: Uint8Array): T },
    options: AskOptions,
  ): Promise<Outcome<T>> {
    const { code, message, bytes } = await this.#ask(path, request, options);
    return code === 0 ? { code: 0, answer: codec.decode(bytes) } : { code, message };
  }
}

/** The path of the one call that is a stream. */
export const observePath = '/v3electionpb.Election/Observe';

/** What it takes to observe an election, or to ask for its leader. */
export function observeRequest(name: string): Uint8Array {
  return electionpb.LeaderRequest.encode({ name: fromUtf8(name) }).finish();
}

/** The answer. @throws Error with the status when there is none */
export function answered<T>(outcome: Outcome<T>): T {
  if ('answer' in outcome) return outcome.answer;
  throw new Error(`status ${outcome.code}: ${outcome.message}`);
}

/** The status as `code text`; `0` for OK. */
export function statusOf(outcome: Outcome<unknown>): string {
  return 'message' in outcome ? `${outcome.code} ${outcome.message}` : '0';
}

/** The hold that a campaign has won. */
export function leaderOf(outcome: Outcome<electionpb.CampaignResponse>): LeaderKey {
  const { leader } = answered(outcome);
  if (leader === undefined) throw new Error('a won campaign has a leader key');
  return leader;
}

/** A message as text with its bytes as UTF-8: what two servers answer can be held side by side. */
export function textOf(message: unknown): string {
  return JSON.stringify(message, (_, value: unknown) => {
    if (typeof value === 'bigint') return value.toString();
    // What `toJSON` of a Buffer makes is harder to read.
    if (typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer') {
      return toUtf8(Buffer.from((value as unknown as { data: number[] }).data)); // The form that toJSON gives it.
    }
    return value instanceof Uint8Array ? toUtf8(value) : value;
  });
}
