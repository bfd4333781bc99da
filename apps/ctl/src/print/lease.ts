import { toLatin1 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { leaseHex } from '../commands/ids.ts';
import { goQuote } from '../go/quote.ts';
import { headerFields, headerJson } from './kv.ts';
import type { Printout } from './printout.ts';

/** etcdctl's lease results have the header's fields among their own. */
function flatHeader(header: rpcpb.ResponseHeader | undefined) {
  const json = headerJson(header);
  // headerJson makes an object of a header, and undefined of none.
  return (json ?? {}) as Record<string, bigint>;
}

/** etcdctl's protobuf output of most lease results is their header, and nothing else. */
function headerBytes(header: rpcpb.ResponseHeader | undefined): Uint8Array {
  return rpcpb.ResponseHeader.encode(header ?? rpcpb.ResponseHeader.create()).finish();
}

/** The result of `lease grant`. */
export function grantPrintout(response: rpcpb.LeaseGrantResponse): Printout {
  const { header, ID, TTL, error } = response;
  return {
    simple: () => `lease ${leaseHex(ID)} granted with TTL(${TTL}s)\n`,
    fields: () => `${headerFields(header)}"ID" : ${ID}\n"TTL" : ${TTL}\n`,
    json: () => ({ ...flatHeader(header), ID, TTL, Error: error }),
    protobuf: () => headerBytes(header),
  };
}

/** The result of `lease revoke`. */
export function revokePrintout(id: bigint, response: rpcpb.LeaseRevokeResponse): Printout {
  return {
    simple: () => `lease ${leaseHex(id)} revoked\n`,
    fields: () => headerFields(response.header),
    json: () => ({ header: headerJson(response.header) }),
    // etcdctl 3.5 fails here, with the lease revoked.
    protobuf: () => rpcpb.LeaseRevokeResponse.encode(response).finish(),
  };
}

/** The result of `lease timetolive`. */
export function timeToLivePrintout(
  response: rpcpb.LeaseTimeToLiveResponse,
  { withKeys }: { readonly withKeys: boolean },
): Printout {
  const { header, ID, TTL, grantedTTL, keys } = response;
  const simple = () => {
    if (grantedTTL === 0n && TTL === -1n) return `lease ${leaseHex(ID)} already expired\n`;
    const attached = withKeys ? `, attached keys([${keys.map((key) => toLatin1(key)).join(' ')}])` : '';
    return `lease ${leaseHex(ID)} granted with TTL(${grantedTTL}s), remaining(${TTL}s)${attached}\n`;
  };
  return {
    simple,
    fields: () => {
      const keyLines = keys.map((key) => `"Key" : ${goQuote(toLatin1(key))}\n`).join('');
      return `${headerFields(header)}"ID" : ${ID}\n"TTL" : ${TTL}\n"GrantedTTL" : ${grantedTTL}\n${keyLines}`;
    },
    json: () => ({
      ...flatHeader(header),
      id: ID,
      ttl: TTL,
      'granted-ttl': grantedTTL,
      keys: keys.length === 0 ? null : keys,
    }),
    protobuf: () => headerBytes(header),
  };
}

/** The result of `lease list`. */
export function leasesPrintout({ header, leases }: rpcpb.LeaseLeasesResponse): Printout {
  return {
    simple: () => {
      const lines = leases.map((lease) => `${leaseHex(lease.ID)}\n`).join('');
      return `found ${leases.length} leases\n${lines}`;
    },
    fields: () => headerFields(header) + leases.map((lease) => `"ID" : ${lease.ID}\n`).join(''),
    json: () => ({ ...flatHeader(header), leases: leases.map((lease) => ({ id: lease.ID })) }),
    protobuf: () => headerBytes(header),
  };
}

/** A renewal of `lease keep-alive`. */
export function keepAlivePrintout({ header, ID, TTL }: rpcpb.LeaseKeepAliveResponse): Printout {
  return {
    simple: () => `lease ${leaseHex(ID)} keepalived with TTL(${TTL})\n`,
    fields: () => `${headerFields(header)}"ID" : ${ID}\n"TTL" : ${TTL}\n`,
    json: () => ({ ...flatHeader(header), ID, TTL }),
    protobuf: () => headerBytes(header),
  };
}
