import { equalBytes } from '@quorate/std';
import type { rpcpb } from '@quorate/wire';
import type { Reply } from './grpc-caller.ts';
import { normalised } from './known-differences.ts';
import { show, type Operation } from './operation.ts';

/** The two answers to one request. */
export interface Replies {
  readonly quorate: Reply;
  readonly etcd: Reply;
}

/** In what way the answers differ, for people; undefined when they do not. */
export function differenceOf(operation: Operation, replies: Replies): string | undefined {
  if (isSame(replies.quorate, replies.etcd)) return undefined;
  const [quorate, etcd] = [normalised(replies.quorate, operation), normalised(replies.etcd, operation)];
  if (isSame(quorate, etcd)) return undefined;
  if (operation.method === 'Lease/LeaseTimeToLive' && isSameButFewSeconds(operation, { quorate, etcd })) {
    return undefined;
  }
  const shown = (reply: Reply): string =>
    reply.code === 0
      ? show(operation.responseType.decode(reply.bytes))
      : `status ${reply.code}, "${reply.message}"`;
  const [ours, theirs] = [shown(replies.quorate), shown(replies.etcd)];
  const sameText = ours === theirs ? '\n(decoded they are the same: the bytes differ)' : '';
  return `${operation.method} ${show(operation.request)}\nquorate: ${ours}\netcd:    ${theirs}${sameText}`;
}

function isSame(a: Reply, b: Reply): boolean {
  return a.code === b.code && a.message === b.message && equalBytes(a.bytes, b.bytes);
}

/** What is left of a lease is asked of two servers, each of which may be late by a moment, and rounded to seconds. */
const ttlDifferenceMax = 2n;

function isSameButFewSeconds(operation: Operation, { quorate, etcd }: Replies): boolean {
  if (quorate.code !== 0 || etcd.code !== 0) return false;
  // The method says the type.
  const ours = operation.responseType.decode(quorate.bytes) as rpcpb.LeaseTimeToLiveResponse;
  const theirs = operation.responseType.decode(etcd.bytes) as rpcpb.LeaseTimeToLiveResponse;
  const difference = ours.TTL - theirs.TTL;
  if (difference < -ttlDifferenceMax || difference > ttlDifferenceMax || ours.TTL < 0n) return false;
  return show({ ...ours, TTL: 0n }) === show({ ...theirs, TTL: 0n });
}
