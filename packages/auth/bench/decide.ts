/** How long decisions take for a user with many intervals: `npx node bench/decide.ts [intervals]`. */
import { performance } from 'node:perf_hooks';
import { ChangeList, emptyBytes, fromUtf8 } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { accessOfPut, accessOfRange, AuthStore, type Access } from '../src/index.ts';
import { leaseKeys, logRequest } from '../src/testing/index.ts';

const intervalCount = Number(process.argv[2] ?? 1_000);
const decisionCount = 1_000_000;
const roundCount = 7;
const leases = leaseKeys();
const mask = 1023;

const store = await storeWithIntervals();
const identity = { name: 'alice', revision: store.revision };

const keys = sample((i) => fromUtf8(`${intervalName(i)}/a`));
const reads = keys.map((key) => accessOfRange({ key, rangeEnd: emptyBytes }));
const prefixes = sample((i) => {
  const [key, rangeEnd] = [fromUtf8(`${intervalName(i)}/`), fromUtf8(`${intervalName(i)}0`)];
  return accessOfRange({ key, rangeEnd });
});

measure('read of one key', decisionCount, (i) => decide(reads[i & mask]!));
measure('read of a prefix', decisionCount, (i) => decide(prefixes[i & mask]!));
measure('put, what it needs worked out too', decisionCount, (i) =>
  decide(accessOfPut(putOf(keys[i & mask]!))),
);
measure('first decision after a change of the role', 200, (i) => {
  const type = i % 2 === 0 ? 'READ' : 'READWRITE';
  store.apply(...logRequest.roleGrantPermission('many', { type, key: 'changing' }), new ChangeList());
  store.check({ name: 'alice', revision: store.revision }, reads[i & mask]!, leases);
});

async function storeWithIntervals(): Promise<AuthStore> {
  const store = await AuthStore.load(new MemoryBackend());
  const requests = [
    logRequest.userAdd('root', 'hash'),
    logRequest.userGrantRole('root', 'root'),
    logRequest.userAdd('alice', 'hash'),
    logRequest.roleAdd('many'),
    logRequest.userGrantRole('alice', 'many'),
    logRequest.authEnable(),
  ];
  for (let i = 0; i < intervalCount; i++) {
    const [key, end] = [`${intervalName(i)}/`, `${intervalName(i)}0`];
    requests.push(logRequest.roleGrantPermission('many', { type: 'READWRITE', key, end }));
  }
  for (const [field, request] of requests) store.apply(field, request, new ChangeList());
  return store;
}

function intervalName(i: number): string {
  return `/registry/${String(i).padStart(6, '0')}`;
}

/** Things made for intervals here and there. */
function sample<T>(make: (i: number) => T): T[] {
  return Array.from({ length: mask + 1 }, (_, i) => make((i * 7919) % intervalCount));
}

function putOf(key: Uint8Array): Parameters<typeof accessOfPut>[0] {
  return { key, value: emptyBytes, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
}

function decide(access: Access): void {
  store.check(identity, access, leases);
}

function measure(what: string, count: number, action: (i: number) => void): void {
  const times: number[] = [];
  for (let round = 0; round <= roundCount; round++) {
    const start = performance.now();
    for (let i = 0; i < count; i++) action(i);
    // The first round is for the compiler.
    if (round > 0) times.push(((performance.now() - start) * 1e6) / count);
  }
  times.sort((a, b) => a - b);
  const [median, least, most] = [times[roundCount >> 1]!, times[0]!, times.at(-1)!].map(Math.round);
  console.log(`${what}: median ${median} ns of ${roundCount} rounds (${least} .. ${most})`);
}
