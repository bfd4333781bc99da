import type { Caller } from '@quorate/auth';
import {
  decodeLeaseKeepAliveId,
  encodeLeaseKeepAliveResponse,
  rpcpb,
  type LeaseKeepAliveResponseParts,
} from '@quorate/wire';
import { generatedMethod } from './generated-method.ts';
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
      isOpenEnded: true,
      handler: (call, caller) => keepAlive(member, call, caller),
    },
    leaseTimeToLive: generatedMethod(methods.leaseTimeToLive, (request, _call, caller) =>
      leases.timeToLive(request, caller),
    ),
    leaseLeases: generatedMethod(methods.leaseLeases, (_request, _call, caller) => leases.leases(caller)),
  };
}

/** One answer for each request, in order; an unknown lease has a TTL of 0 and the stream goes on. */
function keepAlive(member: Member, call: StreamCall, caller: Caller): Promise<void> {
  const answer = (parts: LeaseKeepAliveResponseParts): void | Promise<void> => {
    if (!call.send(encodeLeaseKeepAliveResponse(parts))) return call.drained();
  };
  return call.receive((bytes) => {
    const id = decodeLeaseKeepAliveId(bytes);
    // The header is of the moment before the renewal (reference: keep-alive).
    const header = member.header();
    const ttlSeconds = member.leases.keepAliveNow(id, caller);
    if (ttlSeconds !== undefined) return answer({ header, id, ttlSeconds });
    return untilAborted(member.leases.keepAlive(id, caller), call.signal).then((ttlSeconds) =>
      answer({ header, id, ttlSeconds }),
    );
  });
}
