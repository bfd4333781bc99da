import fc from 'fast-check';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { connectTo, FakeMember, Resources, startGateway } from './tcp-gateway-peers.ts';

/** What one side says: the sizes of the pieces. */
const side = fc.array(fc.integer({ min: 0, max: 100_000 }), { maxLength: 8 });

/** Says it all, then ends its half; and returns whatever it has heard until the other has. */
async function converse(socket: Socket, sizes: readonly number[], seed: number): Promise<Buffer> {
  const heard: Buffer[] = [];
  const listening = (async () => {
    for await (const piece of socket as AsyncIterable<Buffer>) heard.push(piece);
  })();
  for (const size of sizes) {
    if (!socket.write(bytesOf(size, seed))) await new Promise((resolve) => socket.once('drain', resolve));
  }
  socket.end();
  await listening;
  return Buffer.concat(heard);
}

/** Bytes that depend on both, so that pieces that are lost, doubled or switched show. */
function bytesOf(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + size * 7 + seed) & 0xff;
  return bytes;
}

const said = (sizes: readonly number[], seed: number) =>
  Buffer.concat(sizes.map((size) => bytesOf(size, seed)));

test('whatever both sides say at once, in whatever pieces, each hears all of the other and then its end', async () => {
  const resources = new Resources();
  const member = await FakeMember.start(resources);
  const { gateway } = await startGateway(resources, { endpoints: [member.endpoint] });
  await fc.assert(
    fc.asyncProperty(side, side, async (question, answer) => {
      const client = await connectTo(gateway, resources);
      const server = await member.accept();
      const [heardByClient, heardByServer] = await Promise.all([
        converse(client, question, 1),
        converse(server, answer, 2),
      ]);
      expect(heardByServer.equals(said(question, 1))).toBe(true);
      expect(heardByClient.equals(said(answer, 2))).toBe(true);
    }),
    { numRuns: 60 },
  );
  // With both halves ended, nothing is left of any of them.
  await gateway.close({ graceMs: 60_000 });
  expect(gateway.connectionCount).toBe(0);
  await resources.close();
});
