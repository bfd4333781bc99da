import { expect, test } from 'vitest';
import { syncLogs, type SyncFiles } from '../src/sync-logs.ts';

/** A directory of these files that writes down what is synced; `fail` decides about each file. */
function files(names: readonly string[], fail: (path: string) => Error | undefined = () => undefined) {
  const synced: string[] = [];
  const sync = async (path: string): Promise<void> => {
    const error = fail(path);
    if (error !== undefined) throw error;
    synced.push(path);
  };
  const made: SyncFiles = { list: async () => names, syncData: sync, syncDirectory: sync };
  return { files: made, synced };
}

const missing = (): Error => Object.assign(new Error('gone'), { code: 'ENOENT' });

test('every log is synced, then the directory, and nothing else', async () => {
  const disk = files(['000004.log', 'CURRENT', '000007.sst', '000008.log', 'LOCK']);
  await syncLogs('/db', disk.files);
  expect(disk.synced).toEqual(['/db/000004.log', '/db/000008.log', '/db']);
});

test('a log that vanishes is no error, since its rows are in a table', async () => {
  const disk = files(['000004.log', '000008.log'], (path) => (path.includes('4') ? missing() : undefined));
  await syncLogs('/db', disk.files);
  expect(disk.synced).toEqual(['/db/000008.log', '/db']);
});

test('any other failure is passed on', async () => {
  const eio = Object.assign(new Error('disk is broken'), { code: 'EIO' });
  const disk = files(['000004.log'], (path) => (path.endsWith('.log') ? eio : undefined));
  await expect(syncLogs('/db', disk.files)).rejects.toBe(eio);
  const directoryGone = files([], missing);
  await expect(syncLogs('/db', directoryGone.files)).rejects.toThrow('gone');
});
