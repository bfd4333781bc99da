import { readFile, writeFile } from 'node:fs/promises';
import { ChangeList, fromHex, toHex } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import {
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
  encodeDeleteRangeRequest,
  encodePutRequest,
  encodeRangeRequest,
  encodeTxnRequest,
  rpcpb,
} from '@quorate/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MvccStore } from '../../src/store.ts';
import { answer, type KvStore } from './answer.ts';
import { operations, type Operation } from './arbitraries.ts';
import { ModelStore } from './model-store.ts';
import { startRealEtcd, type GrpcError, type RealEtcd } from './real-etcd.ts';

const binaries = process.env['QUORATE_ETCD_BIN'];
const seed = Number(process.env['QUORATE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const recording = new URL('recorded-etcd.txt', import.meta.url);
const recordedCount = 400;
const compactEvery = 150;

/** etcd's status and text of each error that a history of ours meets. */
const codes: Record<string, string> = {
  '3 etcdserver: key is not provided': 'KV_EMPTY_KEY',
  '3 etcdserver: value is provided': 'KV_VALUE_PROVIDED',
  '3 etcdserver: lease is provided': 'KV_LEASE_PROVIDED',
  '3 etcdserver: duplicate key given in txn request': 'KV_DUPLICATE_KEY',
  '3 etcdserver: key not found': 'KV_KEY_NOT_FOUND',
  '5 etcdserver: requested lease not found': 'KV_LEASE_NOT_FOUND',
  '11 etcdserver: mvcc: required revision has been compacted': 'MVCC_COMPACTED',
  '11 etcdserver: mvcc: required revision is a future revision': 'MVCC_FUTURE_REVISION',
};

describe('against etcd 3.5', () => {
  /** `REWRITE=1` with QUORATE_ETCD_BIN makes the recording anew. */
  test.each([
    ['the model', async () => openModel()],
    ['the store', openStore],
  ])('%s answers a recorded history byte for byte as etcd did', async (_name, open) => {
    const store = await open();
    const lines = (await readFile(recording, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(recordedCount);
    for (const [index, line] of lines.entries()) {
      const [kind, request, theirs] = line.split(' ');
      store.compactAt(index);
      // A recording has the kinds that it was made with.
      expect(
        ours(store, decodeOperation(kind as Operation['kind'], fromHex(request!))),
        `line ${index + 1}`,
      ).toBe(theirs);
    }
  });

  test.skipIf(binaries === undefined)(
    'a long random history is answered byte for byte as by a real etcd (needs QUORATE_ETCD_BIN)',
    { timeout: 120_000 },
    async () => {
      await using etcd = await startRealEtcd(binaries!);
      for (let id = 1n; id <= 9n; id++) {
        await etcd.call('Lease/LeaseGrant', rpcpb.LeaseGrantRequest.encode({ ID: id, TTL: 3600n }).finish());
      }
      const store = openModel();
      const seen = new Set<string>();
      const lines: string[] = [];
      for (const [index, operation] of fc.sample(operations, { seed, numRuns: 3000 }).entries()) {
        const compacted = store.compactAt(index);
        if (compacted !== undefined) await compactEtcd(etcd, compacted);
        const theirs = await askEtcd(etcd, operation);
        seen.add(theirs);
        expect(ours(store, operation), `operation ${index} of seed ${seed}`).toBe(theirs);
        lines.push(`${operation.kind} ${toHex(encodeOperation(operation))} ${theirs}`);
      }
      expect(Object.values(codes).filter((code) => !seen.has(code))).toEqual([]);
      if (process.env['REWRITE'] === '1') {
        await writeFile(recording, `${lines.slice(0, recordedCount).join('\n')}\n`);
      }
    },
  );
});

interface TestStore extends KvStore {
  /** Compacts when it is time at this place of the history; returns the revision. */
  compactAt(index: number): number | undefined;
}

function openModel(): TestStore {
  const model = new ModelStore();
  return Object.assign(model, {
    compactAt: (index: number) => {
      if (!isCompaction(index)) return undefined;
      return (model.compactedRevision = model.currentRevision - 5);
    },
  });
}

async function openStore(): Promise<TestStore> {
  const store = await MvccStore.open({ backend: new MemoryBackend() });
  return Object.assign(store, {
    begin: () => store.beginWrite(),
    compactAt: (index: number) => {
      if (!isCompaction(index)) return undefined;
      const revision = store.currentRevision - 5;
      store.scheduleCompaction(revision, new ChangeList());
      return revision;
    },
  });
}

function isCompaction(index: number): boolean {
  return index % compactEvery === compactEvery - 1;
}

function ours(store: KvStore, operation: Operation): string {
  const given = answer(store, operation);
  return typeof given === 'string' ? given : toHex(given);
}

async function compactEtcd(etcd: RealEtcd, revision: number): Promise<void> {
  const request = rpcpb.CompactionRequest.encode({ revision: BigInt(revision), physical: false }).finish();
  expect(await etcd.call('KV/Compact', request)).toBeInstanceOf(Uint8Array);
}

const kinds = {
  range: { method: 'KV/Range', response: rpcpb.RangeResponse },
  put: { method: 'KV/Put', response: rpcpb.PutResponse },
  deleteRange: { method: 'KV/DeleteRange', response: rpcpb.DeleteRangeResponse },
  txn: { method: 'KV/Txn', response: rpcpb.TxnResponse },
} as const;

/** etcd's answer as hex, its outer header reduced to the revision, or the code of its error. */
async function askEtcd(etcd: RealEtcd, operation: Operation): Promise<string> {
  const { method, response } = kinds[operation.kind];
  const answered = await etcd.call(method, encodeOperation(operation));
  if (!(answered instanceof Uint8Array)) return codeOfStatus(answered);
  // The header comes first on the wire; what follows it is compared as it came.
  expect(answered[0]).toBe(0x0a);
  const revision = response.decode(answered).header?.revision ?? 0n;
  const header = rpcpb.ResponseHeader.encode({
    clusterId: 0n,
    memberId: 0n,
    revision,
    raftTerm: 0n,
  }).finish();
  return `0a${toHex(Uint8Array.of(header.length))}${toHex(header)}${toHex(answered.subarray(2 + answered[1]!))}`;
}

function codeOfStatus({ status, message }: GrpcError): string {
  const code = codes[`${status} ${message}`];
  if (code === undefined) throw new Error(`etcd answered ${status} ${message}`);
  return code;
}

function encodeOperation(operation: Operation): Uint8Array {
  switch (operation.kind) {
    case 'range':
      return encodeRangeRequest(operation.range);
    case 'put':
      return encodePutRequest(operation.put);
    case 'deleteRange':
      return encodeDeleteRangeRequest(operation.deleteRange);
    case 'txn':
      return encodeTxnRequest(operation.txn);
  }
}

function decodeOperation(kind: Operation['kind'], request: Uint8Array): Operation {
  switch (kind) {
    case 'range':
      return { kind, range: decodeRangeRequest(request) };
    case 'put':
      return { kind, put: decodePutRequest(request) };
    case 'deleteRange':
      return { kind, deleteRange: decodeDeleteRangeRequest(request) };
    case 'txn':
      return { kind, txn: decodeTxnRequest(request) };
  }
}
