import { fromUtf8, toHex } from '@quorate/std';
import type { ConfState, Entry, HardState } from '@quorate/wire';
import { Wal, type Disk, type LogRecord } from '../src/index.ts';

export const dir = '/data/member/wal';
export const metadata = fromUtf8('member 1 of cluster 2');
export const firstSegment = `${dir}/0000000000000000-0000000000000000.wal`;

export const confState: ConfState = {
  voters: [1n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export function entry(index: number, term = 1, text = `entry ${index} of term ${term}`): Entry {
  return { type: 0, term, index, data: fromUtf8(text) };
}

export function entries(first: number, count: number, term = 1): Entry[] {
  return Array.from({ length: count }, (_, i) => entry(first + i, term));
}

/** What was read, in a form that compares and prints well. */
export function describe(items: readonly Entry[]): string[] {
  return items.map(({ index, term, type, data }) => `${index}/${term} ${type} ${toHex(data)}`);
}

export async function recordsOf(disk: Disk, from?: { index: number; term: number }): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of Wal.read({ disk, dir, ...(from && { from }) })) records.push(record);
  return records;
}

export const noState: HardState = { term: 0, vote: 0n, commit: 0 };

/** Code of the error that a promise ends in; fails the test when it ends well. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
  throw new Error('expected an error');
}
