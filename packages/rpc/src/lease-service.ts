import type { Caller } from '@quorate/auth';
import { rpcpb } from '@quorate/wire';
import { decodeRequest, generatedMethod } from './generated-method.ts';
import { generatedHeader } from './header.ts';
import type { Member } from './member.ts';
import type { ServiceMethod } from './service-method.ts';
import type { StreamCall } from './transport.ts';
import { untilAborted } from './until-aborted.ts';

const { methods } = rpcpb.LeaseDefinition;

/** `etcdserverpb.Lease`. */
export function leaseService(member: Member): Record<keyof typeof methods, ServiceMethod> {
  const { leases } = member;
  return {
    leaseGrant: generatedMethod(methods.leaseGrant, (request, _call, caller) =>
      leases.grant(request, caller),
    ),
    leaseRevoke: generatedMethod(methods.leaseRevoke, (request, _call, caller) =>
      leases.revoke(request, caller),
    ),
    leaseKeepAlive: {
      kind: 'stream',
      clientStreams: true,
      serverStreams: true,
      handler: (call, caller) => keepAlive(member, call, caller),
    },
    leaseTimeToLive: generatedMethod(methods.leaseTimeToLive, (request, _call, caller) =>
      leases.timeToLive(request, caller),
    ),
    leaseLeases: generatedMethod(methods.leaseLeases, (_request, _call, caller) => leases.leases(caller)),
  };
}

/** One answer for each request, in order; an unknown lease has a TTL of 0 and the stream goes on. */
async function keepAlive(member: Member, call: StreamCall, caller: Caller): Promise<void> {
  for await (const bytes of call.requests) {
    const { ID } = decodeRequest(rpcpb.LeaseKeepAliveRequest, bytes);
    // The header is of the moment before the renewal (reference: keep-alive).
    const header = generatedHeader(member.header());
    const ttlSeconds = await untilAborted(member.leases.keepAlive(ID, caller), call.signal);
    const response = rpcpb.LeaseKeepAliveResponse.encode({ header, ID, TTL: BigInt(ttlSeconds) }).finish();
    if (!call.send(response)) await call.drained();
  }
}
