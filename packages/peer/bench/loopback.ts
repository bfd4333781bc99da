import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { raftpb, type Entry, type Message } from '@quorate/wire';
import { AppendDecoder, AppendEncoder } from '../src/frames/append-frames.ts';
import { PeerPort, PeerTransport } from '../src/index.ts';
import { FakeHost, makeMessage } from '../src/testing/index.ts';

/** Appends over loopback, from this thread to a member in another one; and the codec alone. */

const entryBytes = 256;
const rounds = 9;
const data = new Uint8Array(entryBytes).fill(7);

function appends(messageCount: number, entriesEach: number): Message[] {
  let index = 0;
  return Array.from({ length: messageCount }, () => {
    const entries = Array.from({ length: entriesEach }, (_, i): Entry => {
      return { term: 1, index: index + i + 1, type: 0, data };
    });
    const message = makeMessage({
      type: raftpb.MessageType.MsgApp,
      from: 1n,
      to: 2n,
      term: 1,
      logTerm: 1,
      index,
      entries,
    });
    index += entriesEach;
    return message;
  });
}

function report(name: string, messageCount: number, entriesEach: number, seconds: number[]): void {
  seconds.sort((a, b) => a - b);
  const at = (share: number) => seconds[Math.floor((seconds.length - 1) * share)] ?? 0;
  const rate = (time: number) => `${Math.round(messageCount / time / 1000)}k`;
  const megabytes = (messageCount * entriesEach * entryBytes) / at(0.5) / 1e6;
  console.log(
    `${name.padEnd(44)}${rate(at(0.5)).padStart(7)} messages/s (${rate(at(0.75))} .. ${rate(at(0.25))})` +
      `${megabytes.toFixed(0).padStart(7)} MB/s of entries`,
  );
}

function codec(messageCount: number, entriesEach: number): void {
  const messages = appends(messageCount, entriesEach);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const encoder = new AppendEncoder();
    const decoder = new AppendDecoder({ from: 1n, to: 2n, maxMessageBytes: 2 ** 29 });
    let received = 0;
    const start = performance.now();
    const frames = encoder.encode(messages, 0, messageCount);
    for (let at = 0; at < frames.length; at += 65_536) {
      decoder.push(frames.subarray(at, at + 65_536), () => received++);
    }
    times.push((performance.now() - start) / 1000);
    if (received !== messageCount) throw new Error('some were lost');
  }
  report(`encode and decode, ${entriesEach} entries each`, messageCount, entriesEach, times);
}

async function loopback(messageCount: number, entriesEach: number, batch: number): Promise<void> {
  const messages = appends(messageCount, entriesEach);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    worker.postMessage(messageCount * entriesEach);
    const done = once(worker, 'message');
    const start = performance.now();
    for (let at = 0; at < messages.length; at += batch) {
      while (transport.queuedMessages(2n, 'msgapp') > 2_048) await new Promise(setImmediate);
      transport.send(messages.slice(at, at + batch));
      if (at % (16 * batch) === 0) await new Promise(setImmediate);
    }
    await done;
    times.push((performance.now() - start) / 1000);
  }
  report(`loopback, ${entriesEach} entries each, ${batch} a batch`, messageCount, entriesEach, times);
}

codec(50_000, 1);
codec(2_000, 64);

const host = new FakeHost({ id: 1n });
const port = new PeerPort();
const url = `http://127.0.0.1:${await port.listen({ host: '127.0.0.1', port: 0 })}`;
let open = 0;
const opened = Promise.withResolvers<void>();
const transport = new PeerTransport({
  host,
  observer: { onStreamOpened: () => void (++open === 4 && opened.resolve()) },
});
port.serve(transport);
const worker = new Worker(new URL('receiver.ts', import.meta.url), {
  workerData: { sender: { id: 1n, peerUrls: [url] } },
});
const [receiverUrl] = (await once(worker, 'message')) as [string];
transport.setPeers([{ id: 2n, peerUrls: [receiverUrl] }]);
await opened.promise;
await loopback(50_000, 1, 1);
await loopback(100_000, 1, 32);
await loopback(4_000, 64, 1);
await loopback(4_000, 64, 8);
worker.postMessage('end');
await transport.close();
await port.close();
