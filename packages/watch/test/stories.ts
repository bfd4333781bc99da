import type { TestOp } from '../src/testing/index.ts';
import type { CreateOptions } from './harness.ts';

/**
 * Stories of a client with one stream against an empty store at revision 1. Ours and a real etcd are both told
 * them, and must answer the same (lines as `lineOf` makes them; order counts within a watch ID only).
 */
export interface Teller {
  txn(...ops: TestOp[]): Promise<void>;
  compact(revision: number): Promise<void>;
  create(options: CreateOptions): void;
  cancel(watchId: bigint): void;
  progress(): void;
  /** What has come since the last time. */
  expect(...lines: string[]): Promise<void>;
}

/** Fragments are cut at this size plus etcd's 512 KiB. */
export const maxRequestBytes = 65_536;

export const stories: Record<string, (teller: Teller) => Promise<void>> = {
  'a watcher without a start revision gets what happens from now on': async (s) => {
    await s.txn(put('k'));
    s.create({ key: 'k' });
    await s.expect('#0 @2 created');
    await s.txn(put('k'));
    await s.txn(put('other'));
    await s.txn(del('k'));
    await s.txn(put('k'));
    await s.expect('#0 @3 +k@3', '#0 @5 -k@5', '#0 @6 +k@6');
  },

  'IDs are given in order, or taken as the client chooses them, once each': async (s) => {
    s.create({});
    s.create({ id: 7n });
    s.create({ id: 1n });
    s.create({});
    await s.expect('#0 @1 created', '#1 @1 created', '#2 @1 created', '#7 @1 created');
    s.create({ id: 7n });
    await s.expect('#-1 @1 created canceled "mvcc: duplicate watch ID provided on the WatchStream"');
    s.create({ id: -1n });
    s.create({ id: -5n });
    s.create({ id: 2n ** 63n - 1n });
    await s.expect('#-5 @1 created', '#-1 @1 created', '#9223372036854775807 @1 created');
    s.cancel(0n);
    s.cancel(0n);
    s.cancel(999n);
    s.cancel(-1n);
    await s.expect('#-1 @1 canceled', '#0 @1 canceled');
    for (let i = 0; i < 5; i++) s.create({});
    await s.expect('#3 @1 created', '#4 @1 created', '#5 @1 created', '#6 @1 created', '#8 @1 created');
    s.cancel(7n);
    s.create({ key: 'other', id: 7n });
    await s.expect('#7 @1 canceled', '#7 @1 created');
    await s.txn(put('other'));
    await s.expect('#7 @2 +other@2');
  },

  'ranges that are empty and revisions below zero are refused': async (s) => {
    s.create({ key: 'b', end: 'a' });
    s.create({ key: 'b', end: 'b' });
    await s.expect(...twice('#-1 @1 created canceled "mvcc: watcher range is empty"'));
    s.create({ start: -1 });
    s.create({ start: -(2n ** 63n) });
    const negative = 'etcdserver: mvcc: required revision has been compacted';
    await s.expect(...twice(`#-1 @1 created canceled "${negative}"`));
    s.create({ key: 'b', end: 'a', start: -1 });
    await s.expect(`#-1 @1 created canceled "${negative}"`);
    s.create({ id: 4n });
    s.create({ key: 'b', end: 'b', id: 4n });
    await s.expect('#-1 @1 created canceled "mvcc: watcher range is empty"', '#4 @1 created');
  },

  'no key is the lowest key, and the byte 0 as range end no end': async (s) => {
    s.create({ key: 'm', end: '\0' });
    s.create({ key: '', end: '' });
    s.create({ key: '', end: '\0' });
    s.create({ key: 'a', end: 'b' });
    await s.expect('#0 @1 created', '#1 @1 created', '#2 @1 created', '#3 @1 created');
    await s.txn(put('\0'), put('a\xff'), put('b'), put('m'), put('\xff\xff'));
    await s.expect(
      '#0 @2 +m@2 +\xff\xff@2',
      '#1 @2 +\0@2',
      '#2 @2 +\0@2 +a\xff@2 +b@2 +m@2 +\xff\xff@2',
      '#3 @2 +a\xff@2',
    );
  },

  'history comes after the created response, many revisions in one response': async (s) => {
    for (let i = 0; i < 3; i++) await s.txn(put('h'));
    await s.txn(del('h'));
    await s.txn(put('h'), put('h1'), put('z'));
    s.create({ key: 'h', end: 'i', start: 2, prevKv: true });
    await s.expect('#0 @6 created', '#0 @6 +h@2 +h@3(2) +h@4(3) -h@5(4) +h@6 +h1@6');
    s.create({ key: 'h', start: 4, filters: [1] });
    await s.expect('#1 @6 created', '#1 @6 +h@4 +h@6');
    s.create({ key: 'h', start: 4, filters: [0] });
    await s.expect('#2 @6 created', '#2 @6 -h@5');
    await s.txn(put('h'), del('h1'));
    await s.expect('#0 @7 +h@7(6) -h1@7(6)', '#1 @7 +h@7');
    await s.txn(del('h'));
    await s.expect('#0 @8 -h@8(7)', '#2 @8 -h@8');
  },

  'a watcher with both filters, or unknown ones, is created; filters apply as known': async (s) => {
    s.create({ filters: [0, 1] });
    s.create({ filters: [5] });
    await s.expect('#0 @1 created', '#1 @1 created');
    await s.txn(put('k'));
    await s.txn(del('k'));
    await s.expect('#1 @2 +k@2', '#1 @3 -k@3');
  },

  'all events of a revision come in one response': async (s) => {
    s.create({ key: 'a', end: 'c' });
    await s.expect('#0 @1 created');
    await s.txn(put('b'), put('x'), put('a'));
    await s.txn(del('a'), put('c'), del('b'));
    await s.expect('#0 @2 +b@2 +a@2', '#0 @3 -a@3 -b@3');
  },

  'a start below the compaction is canceled after it was created, and its ID stays taken until then': async (
    s,
  ) => {
    for (let i = 0; i < 5; i++) await s.txn(put('k'));
    await s.compact(4);
    s.create({ start: 3, id: 50n });
    await s.expect('#50 @6 created', '#50 @0 canceled compacted 4');
    s.create({ start: 0, id: 50n });
    await s.expect('#-1 @6 created canceled "mvcc: duplicate watch ID provided on the WatchStream"');
    s.cancel(50n);
    await s.expect('#50 @6 canceled');
    s.cancel(50n);
    s.create({ start: 4, id: 50n });
    await s.expect('#50 @6 created', '#50 @6 +k@4 +k@5 +k@6');
  },

  'a start at the compaction sees the deletion made there': async (s) => {
    await s.txn(put('k'));
    await s.txn(del('k'));
    await s.compact(3);
    s.create({ start: 3 });
    await s.expect('#0 @3 created', '#0 @3 -k@3');
  },

  'a start in the future waits for it, and keeps progress answers back': async (s) => {
    s.create({ start: 4 });
    await s.expect('#0 @1 created');
    s.progress();
    s.create({ key: 'other', id: 8n });
    await s.expect('#8 @1 created');
    await s.txn(put('k'));
    await s.txn(put('k'));
    s.progress();
    s.create({ key: 'other', id: 9n });
    await s.expect('#9 @3 created');
    await s.txn(put('k'));
    await s.expect('#0 @4 +k@4');
    s.progress();
    await s.expect('#-1 @4');
    s.create({ start: 2n ** 63n - 1n });
    await s.expect('#1 @4 created');
    s.progress();
    s.cancel(1n);
    await s.expect('#1 @4 canceled');
    s.progress();
    await s.expect('#-1 @4');
  },

  'a start just above the current revision keeps progress answers back until it has come': async (s) => {
    s.create({ start: 2 });
    await s.expect('#0 @1 created');
    s.progress();
    s.create({ key: 'another', id: 9n });
    await s.expect('#9 @1 created');
    await s.txn(put('other'));
    s.progress();
    await s.expect('#-1 @2');
  },

  'a stream without watchers gets no progress answer; others one for each request': async (s) => {
    s.progress();
    s.create({});
    await s.expect('#0 @1 created');
    s.progress();
    s.progress();
    await s.expect(...twice('#-1 @1'));
    await s.txn(put('k'));
    await s.expect('#0 @2 +k@2');
    s.progress();
    await s.expect('#-1 @2');
    s.cancel(0n);
    s.progress();
    await s.expect('#0 @2 canceled');
  },

  'a watcher that takes fragments gets large responses in pieces, one that does not in whole': async (s) => {
    const value = 'v'.repeat(50_000);
    for (let i = 0; i < 14; i++) await s.txn({ op: 'put', key: `k${i}`, value });
    await s.txn(...Array.from({ length: 14 }, (_, i) => del(`k${i}`)));
    const gone = Array.from({ length: 14 }, (_, i) => `-k${i}@16(${i + 2})`);
    s.create({ key: 'k', end: 'l', start: 16, prevKv: true, fragment: true });
    s.create({ key: 'k', end: 'l', start: 16, prevKv: true });
    s.create({ key: 'k', end: 'l', start: 16, fragment: true });
    await s.expect(
      '#0 @16 created',
      `#0 @16 fragment ${gone.slice(0, 11).join(' ')}`,
      `#0 @16 ${gone.slice(11).join(' ')}`,
      '#1 @16 created',
      `#1 @16 ${gone.join(' ')}`,
      '#2 @16 created',
      `#2 @16 ${gone.map((event) => event.replace(/\(.*/, '')).join(' ')}`,
    );
  },
};

function put(key: string): TestOp {
  return { op: 'put', key };
}

function del(key: string): TestOp {
  return { op: 'delete', key };
}

function twice(line: string): string[] {
  return [line, line];
}
