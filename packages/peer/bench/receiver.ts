import { parentPort, workerData } from 'node:worker_threads';
import { PeerPort, PeerTransport, type PeerAddress } from '../src/index.ts';
import { FakeHost } from '../src/testing/index.ts';

/** A member 2 in a thread of its own, which only counts: what comes in, and when it is all there. */

// The main thread starts this one with exactly that.
const { sender } = workerData as { readonly sender: PeerAddress };

let entries = 0;
let expected = Number.POSITIVE_INFINITY;
const host = new FakeHost({ id: 2n });
host.receive = (message) => {
  entries += message.entries.length;
  if (entries < expected) return;
  entries = 0;
  parentPort?.postMessage('done');
};

const port = new PeerPort();
const transport = new PeerTransport({ host });
port.serve(transport);
const number = await port.listen({ host: '127.0.0.1', port: 0 });
transport.setPeers([sender]);
parentPort?.on('message', (message: number | 'end') => {
  if (message === 'end') void transport.close().then(() => port.close());
  else expected = message;
  if (message === 'end') parentPort?.close();
});
parentPort?.postMessage(`http://127.0.0.1:${number}`);
