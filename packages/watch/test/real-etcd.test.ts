import { freePort } from '@quorate/std/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rpcpb } from '@quorate/wire';
import { createRequest, lineOf } from './harness.ts';
import { maxRequestBytes, stories, type Teller } from './stories.ts';

/** The stories, told to a real etcd: what we say of it is checked, not remembered. */

const binaries = process.env['QUORATE_ETCD_BIN'];

/** One server process for one story, so that every story starts at revision 1. */
class RealEtcd {
  readonly #dir = mkdtempSync(join(tmpdir(), 'watch-real-etcd-'));
  #process: ChildProcess | undefined;
  #client: grpc.Client | undefined;

  async start(): Promise<void> {
    const [clientPort, peerPort] = [await freePort(), await freePort()];
    const peerUrl = `http://127.0.0.1:${peerPort}`;
    const clientUrl = `http://127.0.0.1:${clientPort}`;
    const flags = {
      'data-dir': this.#dir,
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'initial-cluster': `default=${peerUrl}`,
      'max-request-bytes': maxRequestBytes,
      'log-level': 'error',
    };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    this.#process = spawn(join(binaries!, 'etcd'), [...args, '--unsafe-no-fsync'], { stdio: 'ignore' });
    this.#client = new grpc.Client(`127.0.0.1:${clientPort}`, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 100,
    });
    await this.#call(
      'Range',
      rpcpb.RangeRequest.encode(rpcpb.RangeRequest.fromPartial({ key: bytes('k') })).finish(),
    );
  }

  async stop(): Promise<void> {
    this.#client?.close();
    const server = this.#process;
    if (server !== undefined && server.exitCode === null) {
      const exit = once(server, 'exit');
      server.kill('SIGKILL');
      await exit;
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }

  teller(): Teller {
    const call = this.#client!.makeBidiStreamRequest(
      '/etcdserverpb.Watch/Watch',
      (request: rpcpb.WatchRequest) => Buffer.from(rpcpb.WatchRequest.encode(request).finish()),
      (message) => rpcpb.WatchResponse.decode(message),
    );
    const inbox: rpcpb.WatchResponse[] = [];
    let wake = (): void => {};
    call.on('data', (response: rpcpb.WatchResponse) => {
      inbox.push(response);
      wake();
    });
    call.on('error', () => wake());
    return {
      txn: async (...ops) => {
        const success = ops.map(({ op, key, ...rest }) => ({
          request:
            op === 'put'
              ? {
                  $case: 'requestPut' as const,
                  value: { key: bytes(key), value: bytes('value' in rest ? rest.value : 'v') },
                }
              : { $case: 'requestDeleteRange' as const, value: { key: bytes(key) } },
        }));
        await this.#call('Txn', rpcpb.TxnRequest.encode(rpcpb.TxnRequest.fromPartial({ success })).finish());
      },
      compact: async (revision) => {
        const request = rpcpb.CompactionRequest.fromPartial({ revision: BigInt(revision), physical: true });
        await this.#call('Compact', rpcpb.CompactionRequest.encode(request).finish());
      },
      create: (options) => call.write(createRequest(options)),
      cancel: (watchId) =>
        call.write({
          requestUnion: { $case: 'cancelRequest', value: { watchId } },
        } satisfies rpcpb.WatchRequest),
      progress: () =>
        call.write({ requestUnion: { $case: 'progressRequest', value: {} } } satisfies rpcpb.WatchRequest),
      expect: async (...lines) => {
        while (inbox.length < lines.length) await new Promise<void>((resolve) => (wake = resolve));
        const responses = inbox.splice(0).sort((a, b) => Number(a.watchId - b.watchId));
        expect(responses.map(lineOf)).toEqual(lines);
      },
    };
  }

  #call(method: string, request: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#client!.makeUnaryRequest(
        `/etcdserverpb.KV/${method}`,
        (message: Uint8Array) => Buffer.from(message),
        (message) => message,
        request,
        new grpc.Metadata({ waitForReady: true }),
        (error, response) => (error === null ? resolve(response!) : reject(error)),
      );
    });
  }
}

describe.skipIf(binaries === undefined)(
  'a real etcd (in the folder QUORATE_ETCD_BIN) answers as we do',
  () => {
    let etcd: RealEtcd;
    beforeAll(() => void (etcd = new RealEtcd()));
    afterAll(() => etcd.stop());

    test.each(Object.entries(stories))('%s', async (_name, story) => {
      await etcd.stop();
      etcd = new RealEtcd();
      await etcd.start();
      const teller = etcd.teller();
      await story(teller);
      // Whatever was sent without being expected would come before this.
      teller.create({ key: 'the end', id: 12345n });
      await teller.expect(expect.stringContaining('#12345') as string);
    });
  },
);

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
