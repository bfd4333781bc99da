import { SeededRandom } from '@quorate/std';
import { raftpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { makeMessage, TestNetwork } from '../src/testing/index.ts';
import { FlakyProxy } from './support/flaky-proxy.ts';

const { MessageType } = raftpb;

/** Two members, each of which reaches the other through a proxy. */
async function behindProxies(): Promise<{ network: TestNetwork; proxies: FlakyProxy[] } & AsyncDisposable> {
  const network = await TestNetwork.start(2, { readTimeoutMs: 150, writeTimeoutMs: 150, dialTimeoutMs: 150 });
  const proxies = [
    await FlakyProxy.start(network.member(1).url, new SeededRandom(1)),
    await FlakyProxy.start(network.member(2).url, new SeededRandom(2)),
  ];
  network.members.forEach(({ host }) => {
    host.memberList = host.memberList.map((peer, i) => ({ ...peer, peerUrls: [proxies[i]?.url ?? ''] }));
  });
  return {
    network,
    proxies,
    [Symbol.asyncDispose]: async () => {
      await network[Symbol.asyncDispose]();
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
    },
  };
}

const append = (index: number) =>
  makeMessage({
    type: MessageType.MsgApp,
    from: 1n,
    to: 2n,
    term: 1,
    logTerm: 1,
    index,
    entries: [{ term: 1, index: index + 1, type: 0, data: new Uint8Array(200).fill(index) }],
  });

/** Sends a message anew until it has come, as raft would. */
async function deliver(network: TestNetwork, index: number): Promise<void> {
  const { host } = network.member(2);
  const hasCome = () => host.received.some((message) => message.index === index);
  while (!hasCome()) {
    network.member(1).transport.send([append(index)]);
    await new Promise(setImmediate);
  }
}

test('a network that drops half of what passes breaks streams, and nothing else', async () => {
  await using setting = await behindProxies();
  const { network, proxies } = setting;
  await network.connect();
  for (const proxy of proxies) proxy.mode = 'drop half';
  const [a, b] = [network.member(1), network.member(2)];
  for (let index = 0; b.log.filter((line) => line === 'close msgapp in 1').length < 3; index++) {
    a.transport.send([append(index % 200)]);
    await new Promise(setImmediate); // So that it comes in many pieces.
  }
  for (const proxy of proxies) proxy.mode = 'pass';
  await deliver(network, 250);
  expect(b.host.received.at(-1)?.entries).toEqual(append(250).entries);
});

test('connections that have gone silent are given up, and made anew when the network is back', async () => {
  await using setting = await behindProxies();
  const { network, proxies } = setting;
  await network.connect();
  for (const proxy of proxies) proxy.mode = 'silent';
  for (const { log, host } of network.members) {
    await host.until(() => log.some((line) => line.startsWith('inactive')));
  }
  for (const proxy of proxies) proxy.mode = 'pass';
  await deliver(network, 1);
  for (const member of network.members) await member.heard(`active ${3n - member.host.id}`, 2);
});

test('resets lose what was on its way, and the streams come back', async () => {
  await using setting = await behindProxies();
  const { network, proxies } = setting;
  await network.connect();
  for (let round = 1; round <= 5; round++) {
    network.member(1).transport.send([append(round)]);
    for (const proxy of proxies) proxy.reset();
    await deliver(network, 100 + round);
  }
  expect(network.member(1).host.unreachable).toContain(2n);
});
