import { DiskError } from '@quorate/wal';
import type { MemoryDisk } from '@quorate/wal/testing';
import { SafetyViolation } from '../checks/safety-violation.ts';
import type { Machine } from '../machine.ts';
import { canary } from './password-book.ts';

/** Looks for passwords in clear on all disks and in all stores. @throws SafetyViolation */
export async function findCanary(machines: readonly Machine[]): Promise<void> {
  for (const { name, files, stored } of machines) {
    for await (const path of pathsBelow(files, '/data')) {
      if (hasCanary(files.bytesOf(path)))
        throw new SafetyViolation('no password in clear', `${name} has one in ${path}`);
    }
    for (const { bucket, key, value } of stored.live.all()) {
      if (hasCanary(value))
        throw new SafetyViolation('no password in clear', `${name} has one in ${bucket} at ${key}`);
    }
  }
}

async function* pathsBelow(files: MemoryDisk, path: string): AsyncGenerator<string, void> {
  let names: readonly string[];
  try {
    names = await files.list(path);
  } catch (error) {
    if (!(error instanceof DiskError && error.code === 'ENOTDIR')) throw error;
    yield path;
    return;
  }
  for (const name of names) yield* pathsBelow(files, `${path}/${name}`);
}

function hasCanary({ buffer, byteOffset, byteLength }: Uint8Array): boolean {
  return Buffer.from(buffer, byteOffset, byteLength).includes(canary);
}
