import { SeededRandom, type Backend } from '@quorate/std';
import { ManualClock, MemoryBackend } from '@quorate/std/testing';
import type { Disk } from '@quorate/wal';
import { MemoryDisk } from '@quorate/wal/testing';
import type { ReplicaOptions } from '../options.ts';
import { Replica } from '../replica.ts';
import { MemoryNetwork } from './memory-network.ts';
import { PausableClock, type LateKind } from './pausable-clock.ts';
import { runClockDuring, settle } from './turns.ts';

/** Options of all members of a test cluster. */
export type TestClusterOptions = Partial<
  Omit<ReplicaOptions, 'disk' | 'backend' | 'clock' | 'network' | 'random' | 'name'>
>;

/** What a member of a test cluster stands on; it outlives the member. */
export interface Ground {
  readonly disk: Disk;
  readonly backend: Backend;
}

/** Members in memory whose time a test moves. */
export class TestCluster {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork(this.clock);
  readonly #options: TestClusterOptions;
  readonly #grounds = new Map<string, Ground>();
  readonly #members = new Map<string, Replica>();
  readonly #clocks = new Map<string, PausableClock>();
  #seed = 1;

  /** A cluster without members; `open` starts some. */
  constructor(options: TestClusterOptions = {}) {
    this.#options = options;
  }

  /** Starts that many members, named a, b, c, …, and waits until all serve. `groundOf` is what they stand on. */
  static async start(
    count: number,
    options: TestClusterOptions = {},
    groundOf: () => Ground = newGround,
  ): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    const names = Array.from({ length: count }, (_, at) => String.fromCharCode(0x61 + at));
    for (const name of names) cluster.setGround(name, groundOf());
    const initialCluster = names.map((name) => `${name}=${peerUrlOf(name)}`).join(',');
    await cluster.during(Promise.all(names.map((name) => cluster.open(name, { initialCluster }))));
    await cluster.during(Promise.all(names.map((name) => cluster.member(name).ready)));
    return cluster;
  }

  /** Of the members that run, ascending. */
  get names(): string[] {
    return [...this.#members.keys()].sort();
  }

  member(name: string): Replica {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`member ${name} does not run`);
    return member;
  }

  /** Name and replica of the member that leads. */
  get leader(): string {
    const leading = this.names.filter((name) => this.member(name).isLeader);
    if (leading.length !== 1) throw new Error(`${leading.length} members lead`);
    return leading[0]!;
  }

  /** Names of the members that do not lead. */
  get followers(): string[] {
    const { leader } = this;
    return this.names.filter((name) => name !== leader);
  }

  /** What a member stands on. */
  ground(name: string): Ground {
    let ground = this.#grounds.get(name);
    if (ground === undefined) this.#grounds.set(name, (ground = newGround()));
    return ground;
  }

  /** Puts something else under a member that does not run. */
  setGround(name: string, ground: Ground): void {
    this.#grounds.set(name, ground);
  }

  /** The process of a member stands still, while time and the other members go on. */
  pause(name: string): void {
    this.#clocks.get(name)!.pause();
  }

  /** It goes on, and meets all that is late at once: its timers first, or what was sent to it. */
  resume(name: string, first: LateKind = 'timers'): void {
    this.#clocks.get(name)!.resume(first);
  }

  /** Opens a member on what it had before, or on nothing. */
  async open(name: string, options: TestClusterOptions = {}): Promise<Replica> {
    const clock = new PausableClock(this.clock);
    const opening = Replica.open({
      walDir: '/member/wal',
      initialCluster: `${name}=${peerUrlOf(name)}`,
      clusterToken: 'test',
      clientUrls: [`http://${name}:2379`],
      serverVersion: '3.6.14',
      segmentSizeBytes: 64 * 1024,
      ...this.#options,
      ...options,
      ...this.ground(name),
      name,
      random: new SeededRandom(this.#seed++),
      clock,
      network: this.network.joinWith(clock),
    });
    const member = await this.during(opening);
    this.#members.set(name, member);
    this.#clocks.set(name, clock);
    return member;
  }

  /** Stops a member; `open` starts it again on what it has. */
  async stop(name: string): Promise<void> {
    const member = this.member(name);
    this.#members.delete(name);
    await this.during(member.close());
  }

  /** Ends the process of a member as a power cut does; `left` is what it finds at its next start. */
  crash(name: string, left: Ground = afterPowerCut(this.ground(name))): void {
    const member = this.member(name);
    this.#members.delete(name);
    this.pause(name);
    this.network.leave(member.id);
    this.setGround(name, left);
  }

  /** Forgets what a stopped member had. */
  wipe(name: string): void {
    this.#grounds.delete(name);
  }

  /** Moves time by that much, in small steps, and lets everything settle that it starts. */
  async advance(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(Math.min(10, ms - passed));
      await settle(this.clock, 2);
    }
  }

  /** Runs `work` to its end while time moves on. */
  during<T>(work: Promise<T>): Promise<T> {
    return runClockDuring(this.clock, work);
  }

  /** Moves time until the condition holds. */
  async until(condition: () => boolean): Promise<void> {
    for (let ms = 0; !condition(); ms += 10) {
      if (ms > 60_000) throw new Error('what the test waits for does not come');
      await this.advance(10);
    }
  }

  /** Closes all members, those that stand still included. */
  async close(): Promise<void> {
    for (const name of this.names) if (this.#clocks.get(name)!.isPaused) this.resume(name);
    await this.during(Promise.all(this.names.map((name) => this.member(name).close())));
  }
}

/** The peer URL of a member of that name. */
export function peerUrlOf(name: string): string {
  return `http://${name}:2380`;
}

/** What was not synced is gone. */
function afterPowerCut({ disk, backend }: Ground): Ground {
  if (!(disk instanceof MemoryDisk) || !(backend instanceof MemoryBackend)) {
    throw new TypeError('only memory knows what a power cut leaves');
  }
  return { disk: disk.crash({ keep: 'none' }), backend: backend.copy() };
}

function newGround(): Ground {
  return { disk: new MemoryDisk(), backend: new MemoryBackend() };
}
