import { WireReader } from './reader.ts';

/**
 * What etcd up to 3.5 writes of itself into its log outside of any InternalRaftRequest: an etcdserverpb.Request
 * of the old v2 API. A member publishes its attributes by one (`PUT` of `/0/members/<id>/attributes`, whose
 * value is JSON), and the leader the cluster version (`PUT` of `/0/version`). Later versions have no such type.
 */
export interface BareRequest {
  idHigh: number;
  idLow: number;
  method: string;
  path: string;
  value: string;
}

const idTag = 0x08;
const methodTag = 0x12;
const pathTag = 0x1a;
const valueTag = 0x22;
const lastReadField = 4;

/** Opens a bare request, passing over the fields that no such entry uses. @throws WireError */
export function decodeBareRequest(bytes: Uint8Array, start?: number, endExclusive?: number): BareRequest {
  const reader = new WireReader(bytes, start, endExclusive);
  const request: BareRequest = { idHigh: 0, idLow: 0, method: '', path: '', value: '' };
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case idTag:
        reader.idHalves();
        request.idHigh = reader.lastHigh;
        request.idLow = reader.lastLow;
        break;
      case methodTag:
        request.method = reader.text();
        break;
      case pathTag:
        request.path = reader.text();
        break;
      case valueTag:
        request.value = reader.text();
        break;
      default:
        reader.skip(tag, lastReadField);
    }
  }
  return request;
}
