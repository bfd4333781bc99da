import { invariant } from '@quorate/std';
import type { PeerObserver } from '../observer.ts';
import type { PeerTransportOptions } from '../options.ts';
import { PeerPort } from '../port.ts';
import { PeerTransport } from '../transport.ts';
import type { PeerMember } from '../types.ts';
import { FakeHost } from './fake-host.ts';

/** One member of a `TestNetwork`: a transport with a fake host, listening on a port of 127.0.0.1. */
export class TestMember {
  readonly host: FakeHost;
  readonly url: string;
  transport: PeerTransport;
  port: PeerPort;
  /** What the observer was told, as names and peers: `open msgapp in 2`. */
  readonly log: string[] = [];
  readonly #options: Partial<PeerTransportOptions>;

  constructor(host: FakeHost, port: PeerPort, url: string, options: Partial<PeerTransportOptions>) {
    this.host = host;
    this.port = port;
    this.url = url;
    this.#options = options;
    this.transport = this.#newTransport();
    port.serve(this.transport);
  }

  /** Ends everything that this member holds. */
  async stop(): Promise<void> {
    await this.transport.close();
    await this.port.close();
  }

  /** Listens on the same port again, after `stop`. */
  async restart(): Promise<void> {
    this.port = new PeerPort();
    this.transport = this.#newTransport();
    this.port.serve(this.transport);
    await this.port.listen({ host: '127.0.0.1', port: Number(new URL(this.url).port) });
  }

  /** Resolves when the observer was told a line like this that many times. */
  async heard(line: string, count = 1): Promise<void> {
    await this.host.until(() => this.log.filter((heard) => heard === line).length >= count);
  }

  #newTransport(): PeerTransport {
    return new PeerTransport({ ...this.#options, host: this.host, observer: this.#observer() });
  }

  #observer(): PeerObserver {
    const note = (line: string) => {
      this.log.push(line);
      this.host.wake();
    };
    const side = { incoming: 'in', outgoing: 'out' } as const;
    return {
      onSendFailure: ({ to }) => note(`send failure ${to}`),
      onActive: ({ peer }) => note(`active ${peer}`),
      onInactive: ({ peer }) => note(`inactive ${peer}`),
      onStreamOpened: ({ peer, type, direction }) => note(`open ${type} ${side[direction]} ${peer}`),
      onStreamClosed: ({ peer, type, direction }) => note(`close ${type} ${side[direction]} ${peer}`),
      onReceiveFailure: ({ from, reason }) => note(`receive failure ${from}: ${reason}`),
      onRoundTrip: ({ to }) => note(`round trip ${to}`),
      onClockDrift: ({ peer }) => note(`drift ${peer}`),
      onSnapshotSent: ({ to, ok }) => note(`snapshot sent ${to} ${ok}`),
      onSnapshotReceived: ({ from, ok }) => note(`snapshot received ${from} ${ok}`),
      onRefused: ({ path, status, reason }) => note(`refused ${path} ${status} ${reason}`),
      onHostError: (error) => note(`host error ${String(error)}`),
      ...this.#options.observer,
    };
  }
}

/** Members 1 .. n with transports and fake hosts, which know each other. Dispose of it at the end. */
export class TestNetwork implements AsyncDisposable {
  readonly members: readonly TestMember[];

  private constructor(members: readonly TestMember[]) {
    this.members = members;
  }

  /** `options` may differ from member to member. */
  static async start(
    count: number,
    options: Partial<PeerTransportOptions> | ((id: number) => Partial<PeerTransportOptions>) = {},
  ): Promise<TestNetwork> {
    const ports = Array.from({ length: count }, () => new PeerPort());
    const urls: string[] = [];
    for (const port of ports) {
      urls.push(`http://127.0.0.1:${await port.listen({ host: '127.0.0.1', port: 0 })}`);
    }
    const list = urls.map((url, i): PeerMember => ({
      id: BigInt(i + 1),
      name: `n${i + 1}`,
      peerUrls: [url],
      clientUrls: [],
      isLearner: false,
    }));
    const members = ports.map((port, i) => {
      const host = new FakeHost({ id: BigInt(i + 1), members: list });
      const own = typeof options === 'function' ? options(i + 1) : options;
      return new TestMember(host, port, urls[i] ?? '', own);
    });
    return new TestNetwork(members);
  }

  /** Member `id`, counted from 1. */
  member(id: number): TestMember {
    const member = this.members[id - 1];
    invariant(member !== undefined, 'the network has such a member');
    return member;
  }

  /** Introduces all members to each other, and resolves when every stream is open. */
  async connect(): Promise<void> {
    for (const { host, transport } of this.members) transport.setPeers(host.memberList);
    for (const member of this.members) {
      for (const { host } of this.members) {
        if (host.id === member.host.id) continue;
        for (const type of ['msgapp', 'message']) {
          await member.heard(`open ${type} in ${host.id}`);
          await member.heard(`open ${type} out ${host.id}`);
        }
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) await member.stop();
  }
}
