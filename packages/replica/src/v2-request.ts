import type { MemberAttributes } from '@quorate/membership';
import { invariant } from '@quorate/std';
import { decodeBareRequest } from '@quorate/wire';

/** What a request of the old v2 API in the log means to a member of today. */
export type V2Effect =
  | { readonly kind: 'attributes'; readonly memberId: bigint; readonly attributes: MemberAttributes }
  | { readonly kind: 'clusterVersion'; readonly version: string }
  | { readonly kind: 'nothing' };

const attributesPath = /^\/0\/members\/([0-9a-f]{1,16})\/attributes$/i;

/**
 * Reads a request that etcd up to 3.5 writes into the log for itself: its members publish their attributes and
 * the cluster version so (reference: version differences). Those of clients are of before 3.0.
 *
 * @throws InvariantError when it is of a client: applying on without it would make members differ
 */
export function readV2Request(bytes: Uint8Array): V2Effect {
  const { method, path, value } = decodeBareRequest(bytes);
  if (method === 'SYNC') return { kind: 'nothing' }; // It let keys of the v2 API expire.
  invariant(method === 'PUT', 'the log has a v2 request of a client, which this version cannot apply');
  if (path === '/0/version') return { kind: 'clusterVersion', version: value };
  const id = attributesPath.exec(path)?.[1];
  invariant(id !== undefined, 'the log has a v2 request of a client, which this version cannot apply');
  return { kind: 'attributes', memberId: BigInt(`0x${id}`), attributes: attributesFrom(value) };
}

/** JSON `{"name":…,"clientURLs":[…]?}`. */
function attributesFrom(json: string): MemberAttributes {
  const parsed: unknown = JSON.parse(json);
  invariant(typeof parsed === 'object' && parsed !== null, 'attributes of a member are an object');
  const name = 'name' in parsed && typeof parsed.name === 'string' ? parsed.name : '';
  const urls: unknown[] = 'clientURLs' in parsed && Array.isArray(parsed.clientURLs) ? parsed.clientURLs : [];
  return { name, clientUrls: urls.filter((url) => typeof url === 'string') };
}
