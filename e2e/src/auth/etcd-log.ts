import { AuthError, AuthStore, accessOfLogEntry, isAuthRequest } from '@quorate/auth';
import { leaseKeys } from '@quorate/auth/testing';
import { BoltFile } from '@quorate/bolt';
import { ChangeList, toHex, type Bucket } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { NodeDisk, Wal } from '@quorate/wal';
import { decodeRaftEnvelope } from '@quorate/wire';
import { join } from 'node:path';

/** The rows about users, roles and permissions, as hex of key and value. */
export type AuthRows = Readonly<Record<'auth' | 'authUsers' | 'authRoles', Readonly<Record<string, string>>>>;

const authBuckets = ['auth', 'authUsers', 'authRoles'] as const satisfies readonly Bucket[];

/** What applying the log that a stopped etcd left behind comes to with us. */
export async function replayAuth(dataDir: string): Promise<{ rows: AuthRows; store: AuthStore }> {
  const backend = new MemoryBackend();
  const store = await AuthStore.load(backend);
  const opened = await Wal.open({ disk: new NodeDisk(), dir: join(dataDir, 'member', 'wal') });
  await opened.wal[Symbol.asyncDispose]();
  for (const { type, data } of opened.entries) {
    if (type !== 0 || data.length === 0) continue;
    const { requestField, request, username, authRevision } = decodeRaftEnvelope(data);
    if (!isAuthRequest(requestField)) continue;
    const changes = new ChangeList();
    try {
      const access = accessOfLogEntry(requestField, request);
      store.check({ name: username, revision: authRevision }, access, leaseKeys());
      store.apply(requestField, request, changes);
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
    }
    await backend.write(changes.changes);
    store.checkInvariants();
  }
  return { rows: await rowsOf((bucket) => backend.scan(bucket)), store };
}

/** What the stopped etcd itself has stored. */
export async function storedAuth(dataDir: string): Promise<AuthRows> {
  const file = await new NodeDisk().open(join(dataDir, 'member', 'snap', 'db'), 'read');
  try {
    const bolt = await BoltFile.open(file);
    return await rowsOf((bucket) => bolt.rows(bucket));
  } finally {
    await file.close();
  }
}

type Scan = (bucket: Bucket) => AsyncIterable<readonly (readonly [Uint8Array, Uint8Array])[]>;

async function rowsOf(scan: Scan): Promise<AuthRows> {
  const rows = { auth: {}, authUsers: {}, authRoles: {} } as Record<string, Record<string, string>>;
  for (const bucket of authBuckets) {
    for await (const slice of scan(bucket)) {
      for (const [key, value] of slice) rows[bucket]![toHex(key)] = toHex(value);
    }
  }
  // The buckets are those of the type.
  return rows as AuthRows;
}
