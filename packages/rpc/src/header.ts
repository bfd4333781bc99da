import type { ResponseHeader, rpcpb } from '@quorate/wire';

/** A header for the generated encoders of cold responses. */
export function generatedHeader(header: ResponseHeader): rpcpb.ResponseHeader {
  return {
    clusterId: header.clusterId,
    memberId: header.memberId,
    revision: BigInt(header.revision),
    raftTerm: BigInt(header.raftTerm),
  };
}
