import { Client } from '../src/index.ts';
import { etcdBinFolder, startRealEtcd } from '../src/testing/index.ts';

/** Calls measured in one round, and rounds of which the median is printed. */
const callCount = 20_000;
const rounds = 5;

/** Calls a second, with so many of them under way at any time. */
async function throughput(concurrency: number, call: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < callCount) await call(next++);
    }),
  );
  return (callCount / (performance.now() - startedAt)) * 1000;
}

async function report(name: string, concurrency: number, call: (index: number) => Promise<unknown>) {
  const figures: number[] = [];
  for (let round = 0; round < rounds; round++) figures.push(await throughput(concurrency, call));
  figures.sort((a, b) => a - b);
  const [least, median, most] = [figures[0], figures[rounds >> 1], figures.at(-1)].map((x) =>
    Math.round(x ?? 0),
  );
  console.log(`${name}, ${concurrency} at a time: ${median}/s (${least} to ${most})`);
}

async function watchThroughput(client: Client): Promise<void> {
  const { header } = await client.put('bench/watch', 'first');
  for (let i = 0; i < callCount; i += 100) {
    await Promise.all(Array.from({ length: 100 }, () => client.put('bench/watch', 'v')));
  }
  const startedAt = performance.now();
  let count = 0;
  for await (const _event of client.watch({ key: 'bench/watch', startRevision: header?.revision ?? 0n })) {
    if (++count === callCount) break;
  }
  console.log(
    `events of a watch that catches up: ${Math.round((callCount / (performance.now() - startedAt)) * 1000)}/s`,
  );
}

// `node bench/main.ts [host:port]`; without an endpoint a real etcd from QUORATE_ETCD_BIN is measured.
const given = process.argv[2];
await using server =
  given === undefined
    ? await startRealEtcd(etcdBinFolder ?? '', { extraArguments: ['--unsafe-no-fsync'] })
    : null;
await using client = new Client({ endpoints: [given ?? server?.endpoint ?? ''] });
await client.put('bench/key', new Uint8Array(256));
await report('serializable get of 256 bytes', 1, () => client.get('bench/key', { serializable: true }));
await report('serializable get of 256 bytes', 100, () => client.get('bench/key', { serializable: true }));
await report('put of 256 bytes', 100, (index) => client.put(`bench/${index % 1000}`, new Uint8Array(256)));
await watchThroughput(client);
