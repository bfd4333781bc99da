import { fromUtf8, toUtf8 } from '@quorate/std';
import { electionpb, lockpb } from '@quorate/wire';
import { until } from '../cluster/until.ts';
import { GrpcCaller, type RawStream } from '../differential/grpc-caller.ts';
import {
  answered,
  leaderOf,
  observePath,
  observeRequest,
  RecipeCalls,
  textOf,
  type Outcome,
} from './recipe-calls.ts';

/** How long a client that leaves has waited. */
const patienceMs = 700;
const longTtl = 600n;
/** More bytes than a request may have. */
const tooLarge = 1_600_000;
/** Of a lease that nobody has. */
const noLease = 0x7777n;

/** Everything that the services of one server answered to the same calls, a line each. */
export class RecipeScript {
  readonly lines: string[] = [];
  readonly #caller: GrpcCaller;
  readonly #calls: RecipeCalls;

  constructor(caller: GrpcCaller) {
    this.#caller = caller;
    this.#calls = new RecipeCalls((path, request, options) => caller.unary(path, request, options));
  }

  /** Locks, in every way. */
  async lock(): Promise<void> {
    const calls = this.#calls;
    for (const id of [1n, 2n, 3n, 4n, 0xabcn, -5n]) await this.#note(`grant ${id}`, calls.grant(id, longTtl));
    await this.#note('first', calls.lock('job', 1n));
    await this.#note('again, same lease', calls.lock('job', 1n));
    await this.#note('no such lease', calls.lock('job', noLease));
    await this.#note('lease in hex', calls.lock('other', 0xabcn));
    await this.#note('no name', calls.lock('', 1n));
    await this.#note('name with slashes', calls.lock('a/b/', 1n));
    await this.#note('negative lease', calls.lock('negative', -5n));
    const second = calls.lock('job', 2n);
    await this.#untilKeys('job/', 2);
    const third = calls.lock('job', 3n);
    await this.#untilKeys('job/', 3);
    this.#left(await calls.lock('job', 4n, { deadlineMs: patienceMs }));
    await this.#untilKeys('job/', 3);
    await this.#note('too large', calls.lock('x'.repeat(tooLarge), 1n));
    await this.#note('unlock first', calls.unlock('job/1'));
    await this.#note('second', second);
    await this.#note('unlock nothing', calls.unlock('job/77'));
    await this.#note('unlock no key', calls.unlock(''));
    await this.#keys('job/');
    const waiting = calls.lock('job', 1n);
    await this.#untilKeys('job/', 3);
    await this.#note('third is gone', calls.revoke(3n));
    await this.#note('second is gone', calls.revoke(2n));
    await this.#note('third', third);
    await this.#note('first again', waiting);
    await this.#keys('job/');
    const own = await calls.lock('own', 0n);
    this.lines.push(`own lease: ${/^own\/[0-9a-f]+$/.test(toUtf8(lockKeyOf(own)))} ${headerOf(own)}`);
    await this.#note('unlock own', calls.unlock(toUtf8(lockKeyOf(own))));
  }

  /** While the alarm is up that space is exhausted; the leases of `lock` are there. */
  async withoutSpace(): Promise<void> {
    const calls = this.#calls;
    await this.#note('lock before', calls.lock('full', 1n));
    const won = await calls.campaign({ name: 'fully', lease: 1n, value: 'x' });
    const waiting = calls.lock('full', 4n);
    await this.#untilKeys('full/', 2);
    await this.#note('alarm', calls.raiseNoSpace());
    await this.#note('lock', calls.lock('full', 0xabcn));
    await this.#note('campaign', calls.campaign({ name: 'fully', lease: 4n, value: 'x' }));
    await this.#note('proclaim', calls.proclaim(leaderOf(won), 'y'));
    await this.#note('leader', calls.leader('fully'));
    await this.#note('unlock', calls.unlock('full/1'));
    await this.#note('waiting', waiting);
    await this.#note('resign', calls.resign(leaderOf(won)));
  }

  /** Elections, in every way; the leases of `lock` are there. */
  async elect(): Promise<void> {
    const calls = this.#calls;
    for (const id of [11n, 12n, 13n]) await this.#note(`grant ${id}`, calls.grant(id, longTtl));
    await this.#note('no leader', calls.leader('who'));
    const seen = this.#observe('who');
    const first = await calls.campaign({ name: 'who', lease: 11n, value: 'one' });
    await this.#note('first', Promise.resolve(first));
    await this.#seen(seen, 1);
    await this.#note('same again', calls.campaign({ name: 'who', lease: 11n, value: 'one' }));
    await this.#note('says more', calls.campaign({ name: 'who', lease: 11n, value: 'one and more' }));
    await this.#seen(seen, 2);
    await this.#note('leader', calls.leader('who'));
    await this.#note('no such lease', calls.campaign({ name: 'who', lease: noLease, value: 'x' }));
    const second = calls.campaign({ name: 'who', lease: 12n, value: 'two' });
    await this.#untilKeys('who/', 2);
    const leaving = calls.campaign({ name: 'who', lease: 13n, value: 'three' }, { deadlineMs: patienceMs });
    this.#left(await leaving);
    await this.#untilKeys('who/', 2);
    await this.#note('proclaim', calls.proclaim(leaderOf(first), 'uno'));
    await this.#seen(seen, 3);
    await this.#note('proclaim, no leader', calls.proclaim(undefined, 'x'));
    await this.#note('resign, no leader', calls.resign(undefined));
    await this.#note('proclaim, empty leader', calls.proclaim(noKey, 'x'));
    await this.#note('resign, empty leader', calls.resign(noKey));
    const stale = { ...leaderOf(first), rev: 3n };
    await this.#note('proclaim, stale', calls.proclaim(stale, 'x'));
    await this.#note('resign, stale', calls.resign(stale));
    await this.#note('proclaim, no such lease', calls.proclaim({ ...leaderOf(first), lease: noLease }, 'x'));
    const tooMuch = { name: 'who', lease: 13n, value: 'x'.repeat(tooLarge) };
    await this.#note('too large', calls.campaign(tooMuch));
    await this.#note('proclaim, too large', calls.proclaim(leaderOf(first), tooMuch.value));
    await this.#note('proclaim, other lease', calls.proclaim({ ...leaderOf(first), lease: 13n }, 'uno'));
    await this.#note('proclaim, lease made', calls.proclaim({ ...leaderOf(first), lease: 0n }, 'uno'));
    await this.#note('resign', calls.resign(leaderOf(first)));
    const two = await second;
    await this.#note('second', Promise.resolve(two));
    await this.#seen(seen, 6);
    await this.#note('resign again', calls.resign(leaderOf(first)));
    await this.#note('proclaim again', calls.proclaim(leaderOf(first), 'x'));
    await this.#note('proclaim by the second', calls.proclaim(leaderOf(two), 'dos'));
    await this.#seen(seen, 7);
    await this.#note('second is gone', calls.revoke(12n));
    await this.#note('no leader', calls.leader('who'));
    await this.#note('third', calls.campaign({ name: 'who', lease: 13n, value: 'tres' }));
    await this.#seen(seen, 8);
    await this.#keys('who/');
    seen.call.cancel();
  }

  async #note(what: string, work: Promise<Outcome<unknown>>): Promise<void> {
    this.lines.push(`${what}: ${textOf(await work)}`);
  }

  /** Whether a deadline was first noticed here or there is chance. */
  #left(outcome: Outcome<unknown>): void {
    this.lines.push(`who leaves: ${outcome.code === 1 || outcome.code === 4}`);
  }

  async #keys(prefix: string): Promise<void> {
    this.lines.push(`${prefix}: ${textOf(await this.#calls.keys(prefix))}`);
  }

  /** Waits until so many stand in a queue. */
  async #untilKeys(prefix: string, count: number): Promise<void> {
    await until(`${count} keys below ${prefix}`, async () => {
      const { kvs } = await this.#calls.keys(prefix);
      return kvs.length === count ? true : undefined;
    });
  }

  #observe(name: string): Observed {
    const call = this.#caller.stream(observePath);
    const messages: string[] = [];
    call.on('data', (bytes: Buffer) => messages.push(textOf(electionpb.LeaderResponse.decode(bytes))));
    call.write(observeRequest(name));
    call.end();
    return { call, messages };
  }

  /** Notes what an observer was told last, once it was told so many times. */
  async #seen({ messages }: Observed, count: number): Promise<void> {
    await until(`${count} responses`, async () => (messages.length >= count ? true : undefined));
    this.lines.push(`observed: ${messages.length} ${messages.at(-1)}`);
  }
}

interface Observed {
  readonly call: RawStream;
  readonly messages: readonly string[];
}

const noKey = { name: fromUtf8('who'), key: new Uint8Array(0), rev: 0n, lease: 11n };

function lockKeyOf(outcome: Outcome<lockpb.LockResponse>): Uint8Array {
  return answered(outcome).key;
}

function headerOf(outcome: Outcome<lockpb.LockResponse>): string {
  return textOf(answered(outcome).header);
}
