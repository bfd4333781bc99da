import { rpcpb } from '@quorate/wire';
import { decodeRequest, generatedMethod } from './generated-method.ts';
import { generatedHeader } from './header.ts';
import type { Member } from './member.ts';
import type { Method, StreamCall } from './transport.ts';
import { untilAborted } from './until-aborted.ts';

const { methods } = rpcpb.LeaseDefinition;

/** `etcdserverpb.Lease`. */
export function leaseService(member: Member): Record<keyof typeof methods, Method> {
  const { leases } = member;
  return {
    leaseGrant: generatedMethod(methods.leaseGrant, (request) => leases.grant(request)),
    leaseRevoke: generatedMethod(methods.leaseRevoke, (request) => leases.revoke(request)),
    leaseKeepAlive: {
      kind: 'stream',
      clientStreams: true,
      serverStreams: true,
      handler: (call) => keepAlive(member, call),
    },
    leaseTimeToLive: generatedMethod(methods.leaseTimeToLive, (request) => leases.timeToLive(request)),
    leaseLeases: generatedMethod(methods.leaseLeases, () => leases.leases()),
  };
}

/** One answer for each request, in order; an unknown lease has a TTL of 0 and the stream goes on. */
async function keepAlive(member: Member, call: StreamCall): Promise<void> {
  for await (const bytes of call.requests) {
    const { ID } = decodeRequest(rpcpb.LeaseKeepAliveRequest, bytes);
    // The header is of the moment before the renewal (reference: keep-alive).
    const header = generatedHeader(member.header());
    const ttlSeconds = await untilAborted(member.leases.keepAlive(ID), call.signal);
    const response = rpcpb.LeaseKeepAliveResponse.encode({ header, ID, TTL: BigInt(ttlSeconds) }).finish();
    if (!call.send(response)) await call.drained();
  }
}
