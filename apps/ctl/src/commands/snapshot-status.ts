import { BoltError, BoltFile } from '@quorate/bolt';
import { compareBytes, crc32c, fromUtf8 } from '@quorate/std';
import { createHash } from 'node:crypto';
import type { ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { SourceFile, systemText } from '../file.ts';
import { snapshotStatusPrintout, type SnapshotStatus } from '../print/snapshot.ts';

/** Bytes of the SHA-256 behind the database, in a file that came from `snapshot save`. */
const checksumBytes = 32;
/** The size of a database is a multiple of this, so that a checksum behind it shows in the size of the file. */
const sectorBytes = 512;
const readBytes = 1024 * 1024;

/** Reads a snapshot, or the database of a member that does not run, and says what is in it. */
export async function snapshotStatus(context: Context): Promise<void> {
  const [file] = context.args;
  if (file === undefined || context.args.length !== 1) {
    throw new ExitError('badArguments', 'snapshot status requires exactly one argument');
  }
  context.prepareOffline();
  await using source = await SourceFile.open(file).catch((error: unknown) => {
    throw new ExitError('error', `stat ${file}: ${systemText(error)}`, { cause: error });
  });
  try {
    await checkChecksum(source);
    context.print(snapshotStatusPrintout(await statusOf(source)));
  } catch (error) {
    throw error instanceof ExitError ? error : new ExitError('error', damageText(error), { cause: error });
  }
}

async function statusOf(source: SourceFile): Promise<SnapshotStatus> {
  const file = await BoltFile.open(source);
  await file.check();
  let [hash, revision, keyCount] = [0, 0n, 0];
  for (const bucket of await file.bucketNames()) {
    hash = crc32c(fromUtf8(bucket), hash);
    for await (const rows of file.rows(bucket)) {
      for (const [key, value] of rows) hash = crc32c(value, crc32c(key, hash));
      keyCount += rows.length;
      const last = rows.at(-1)?.[0];
      if (bucket === 'key' && last !== undefined) revision = mainRevision(last);
    }
  }
  return { hash, revision, keyCount, sizeBytes: file.sizeBytes };
}

/** The revision at the front of a key of the bucket `key`; a key too short for one, which etcd never writes, has 0. */
function mainRevision(key: Uint8Array): bigint {
  if (key.length < 8) return 0n;
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getBigInt64(0);
}

/** etcd's tools look at the checksum only when they restore; a copy that is bad is better found before. */
async function checkChecksum(source: SourceFile): Promise<void> {
  const databaseBytes = (await source.size()) - checksumBytes;
  if (databaseBytes < 0 || databaseBytes % sectorBytes !== 0) return;
  const hash = createHash('sha256');
  for (let offset = 0; offset < databaseBytes;) {
    const bytes = await source.read(offset, Math.min(readBytes, databaseBytes - offset));
    if (bytes.length === 0) break;
    hash.update(bytes);
    offset += bytes.length;
  }
  const expected = await source.read(databaseBytes, checksumBytes);
  const actual = hash.digest();
  if (compareBytes(expected, actual) === 0) return;
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  throw new ExitError('error', `expected sha256 ${hex(expected)}, got ${hex(actual)}`);
}

function damageText(error: unknown): ByteString {
  if (!(error instanceof BoltError)) return systemText(error);
  if (error.code === 'BOLT_NOT_A_DATABASE') return 'invalid database';
  return `snapshot file integrity check failed. ${errorText(error)}`;
}
