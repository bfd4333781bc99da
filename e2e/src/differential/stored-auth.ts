import { BoltFile } from '@quorate/bolt';
import { rpcpb } from '@quorate/wire';
import type { Credentials, GrpcCaller } from './grpc-caller.ts';

/** Rows of the buckets about users and roles: bucket, key and value; bytes are latin1. */
export type StoredAuth = readonly (readonly [bucket: string, key: string, value: string])[];

const buckets = ['auth', 'authRoles', 'authUsers'] as const;
/** After the file comes its SHA-256. */
const digestBytes = 32;
/** `$2a$`, the cost, salt and hash; the latter two are never the same. */
const bcryptHash = /(\$2a\$\d\d\$)[./A-Za-z0-9]{53}/g;

/** The same without salts and hashes of passwords, which two clusters never have in common. */
export function withoutSalts(stored: StoredAuth): StoredAuth {
  return stored.map(([bucket, key, value]) => [
    bucket,
    key,
    value.replace(bcryptHash, (_, cost: string) => `${cost}<salt and hash>`),
  ]);
}

/** What a member has stored about users and roles, as a snapshot of it shows. @throws Error when it gives none */
export async function storedAuth(caller: GrpcCaller, credentials: Credentials): Promise<StoredAuth> {
  const bytes = await snapshotOf(caller, credentials);
  const file = bytes.subarray(0, bytes.length - digestBytes);
  const bolt = await BoltFile.open({
    read: (offset, size) => Promise.resolve(file.subarray(offset, offset + size)),
    size: () => Promise.resolve(file.length),
  });
  const stored: [string, string, string][] = [];
  for (const bucket of buckets) {
    for await (const slice of bolt.rows(bucket)) {
      for (const [key, value] of slice) stored.push([bucket, latin1(key), latin1(value)]);
    }
  }
  return stored;
}

async function snapshotOf(caller: GrpcCaller, credentials: Credentials): Promise<Uint8Array> {
  const { reply, messages } = await caller.serverStream(
    '/etcdserverpb.Maintenance/Snapshot',
    new Uint8Array(),
    credentials,
  );
  if (reply.code !== 0) throw new Error(`no snapshot: ${reply.code} ${reply.message}`);
  return Buffer.concat(messages.map((message) => rpcpb.SnapshotResponse.decode(message).blob));
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
