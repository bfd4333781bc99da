import { AuthStore } from '@quorate/auth';
import { Lessor } from '@quorate/lease';
import { Membership } from '@quorate/membership';
import type { BackendReader } from '@quorate/std';
import { DataDirError, reasonOf } from './errors.ts';

/**
 * Reads what a member reads at its start beside keys (whose rows were read when they were taken over): a row that is
 * none would keep it from starting, and is better found now. Returns the membership.
 *
 * @throws DataDirError SNAPSHOT_DAMAGED, BackendError
 */
export async function checkState(backend: BackendReader): Promise<Membership> {
  const lessor = new Lessor({ minTtlSeconds: 1, electionTimeoutMs: 1_000 });
  await readable('lease', async () => {
    for await (const rows of backend.scan('lease')) for (const row of rows) lessor.restore(row);
  });
  await readable('auth', () => AuthStore.load(backend));
  return readable('cluster', () => Membership.load(backend));
}

async function readable<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const text = `snapshot file integrity check failed. rows of bucket ${what} are damaged: ${reasonOf(error)}`;
    throw new DataDirError('SNAPSHOT_DAMAGED', text, { cause: error });
  }
}
