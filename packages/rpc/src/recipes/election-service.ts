import { equalBytes } from '@quorate/std';
import { electionpb, type KeyValue, type ResponseHeader } from '@quorate/wire';
import { RpcError, status } from '../errors.ts';
import { decodeRequest, generatedMethod } from '../generated-method.ts';
import { generatedHeader } from '../header.ts';
import type { Member } from '../member.ts';
import type { ServiceMethod } from '../service-method.ts';
import type { StreamCall } from '../transport.ts';
import {
  AsCaller,
  CompactedAwayError,
  firstCreated,
  getKey,
  isCreatedAt,
  prefixRange,
  putOp,
  rangeOp,
} from './as-caller.ts';
import { awaitTurn, giveUp, keyInQueue, ownLeaseTtlSeconds, queuePrefix, type Place } from './turn-taking.ts';

const { methods } = electionpb.ElectionDefinition;

/**
 * `v3electionpb.Election`: candidates queue up by their keys below the election's name, as with etcd (reference:
 * election service). The first is the leader, as long as its key exists; its value is what it says.
 */
export function electionService(member: Member): Record<keyof typeof methods, ServiceMethod> {
  return {
    campaign: generatedMethod(methods.campaign, (request, { signal }, caller) =>
      campaign(new AsCaller(member, caller), request, signal),
    ),
    proclaim: generatedMethod(methods.proclaim, async ({ leader, value }, _call, caller) => {
      const { key, rev, lease } = given(leader);
      const asCaller = new AsCaller(member, caller);
      const held = {
        key,
        createRevision: Number(rev),
        lease: await asCaller.openLease(lease, ownLeaseTtlSeconds),
      };
      return { header: generatedHeader(await proclaim(asCaller, held, value)) };
    }),
    leader: generatedMethod(methods.leader, async ({ name }, _call, caller) => {
      const { header, kvs } = await new AsCaller(member, caller).range(firstCreated(queuePrefix(name)));
      if (kvs[0] === undefined) throw new RpcError(status.UNKNOWN, 'election: no leader');
      return leaderResponse(kvs[0], header);
    }),
    observe: {
      kind: 'stream',
      clientStreams: false,
      serverStreams: true,
      isOpenEnded: true,
      handler: async (call, caller) => {
        for await (const bytes of call.requests) {
          const { name } = decodeRequest(electionpb.LeaderRequest, bytes);
          await observe(new AsCaller(member, caller), queuePrefix(name), call);
        }
      },
    },
    resign: generatedMethod(methods.resign, async ({ leader }, _call, caller) => {
      const { key, rev } = given(leader);
      const asCaller = new AsCaller(member, caller);
      return { header: generatedHeader(await giveUp(asCaller, { key, createRevision: Number(rev) })) };
    }),
  };
}

/** A candidate's place, and the lease that holds it. */
interface Candidacy extends Place {
  readonly lease: bigint;
}

async function campaign(
  member: AsCaller,
  { name, lease: givenLease, value }: electionpb.CampaignRequest,
  signal: AbortSignal,
): Promise<electionpb.CampaignResponse> {
  const lease = await member.openLease(givenLease, ownLeaseTtlSeconds);
  const key = keyInQueue(name, lease);
  const queued = await member.txn({
    compare: [isCreatedAt(key, 0)],
    success: [putOp({ key, value, lease })],
    failure: [rangeOp(getKey(key))],
  });
  const header = queued.header ?? member.header();
  // Whoever stands again with the same lease has the old place, and may say something else.
  const old = queued.succeeded ? undefined : member.foundBy(queued, 0).kvs[0];
  const place: Candidacy = { key, lease, createRevision: old?.createRevision ?? header.revision };
  if (old !== undefined && !equalBytes(old.value, value)) {
    try {
      await proclaim(member, place, value);
    } catch (error) {
      await giveUp(member, place).catch(() => {}); // The lease takes the key away later.
      throw error;
    }
  }
  if ((await awaitTurn(member, queuePrefix(name), place, signal)) === undefined) throw notLeader();
  return {
    header: generatedHeader(header),
    leader: { name, key, rev: BigInt(place.createRevision), lease },
  };
}

async function proclaim(
  member: AsCaller,
  { key, createRevision, lease }: Candidacy,
  value: Uint8Array,
): Promise<ResponseHeader> {
  const { succeeded, header } = await member.txn({
    compare: [isCreatedAt(key, createRevision)],
    success: [putOp({ key, value, lease })],
    failure: [],
  });
  if (!succeeded) throw notLeader();
  return header ?? member.header();
}

/** Sends the leader of now, all that it says, and then the next one, until the client has heard enough. */
async function observe(member: AsCaller, prefix: Uint8Array, call: StreamCall): Promise<void> {
  while (!call.signal.aborted) {
    try {
      const { header, kvs } = await member.range(firstCreated(prefix));
      if (kvs[0] !== undefined) await observeLeader(member, kvs[0], header, call);
      else await observeNext(member, prefix, header.revision + 1, call);
    } catch (error) {
      if (!(error instanceof CompactedAwayError)) throw error;
    }
  }
}

/** While there is no leader: the first key of all leads, with all that it says from then on. */
async function observeNext(
  member: AsCaller,
  prefix: Uint8Array,
  fromRevision: number,
  call: StreamCall,
): Promise<void> {
  const kv = await firstPut(member, prefix, fromRevision, call.signal);
  if (kv !== undefined)
    await observeLeader(member, kv, { ...member.header(), revision: kv.modRevision }, call);
}

async function firstPut(
  member: AsCaller,
  prefix: Uint8Array,
  fromRevision: number,
  signal: AbortSignal,
): Promise<KeyValue | undefined> {
  for await (const { kind, kv } of member.changes(prefixRange(prefix), fromRevision, signal)) {
    if (kind === 'put') return kv;
  }
  return undefined;
}

/** Until its key is deleted. */
async function observeLeader(
  member: AsCaller,
  leader: KeyValue,
  header: ResponseHeader,
  call: StreamCall,
): Promise<void> {
  await send(call, leaderResponse(leader, header));
  const range = { key: leader.key, rangeEnd: new Uint8Array(0) };
  for await (const { kind, kv, header: at } of member.changes(range, header.revision + 1, call.signal)) {
    if (kind === 'delete') return;
    await send(call, { ...leaderResponse(kv, header), header: at });
  }
}

async function send(call: StreamCall, response: electionpb.LeaderResponse): Promise<void> {
  if (!call.send(electionpb.LeaderResponse.encode(response).finish())) await call.drained();
}

function leaderResponse(kv: KeyValue, header: ResponseHeader): electionpb.LeaderResponse {
  const { createRevision, modRevision, version, ...rest } = kv;
  return {
    header: generatedHeader(header),
    kv: {
      ...rest,
      createRevision: BigInt(createRevision),
      modRevision: BigInt(modRevision),
      version: BigInt(version),
    },
  };
}

function given(leader: electionpb.LeaderKey | undefined): electionpb.LeaderKey {
  if (leader === undefined) throw new RpcError(status.UNKNOWN, '"leader" field must be provided');
  return leader;
}

function notLeader(): RpcError {
  return new RpcError(status.UNKNOWN, 'election: not leader');
}
