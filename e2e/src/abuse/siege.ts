import { until } from '../cluster/until.ts';
import type { MemberProcess } from '../member-process.ts';
import type { Target } from './attack.ts';
import { noAnswers, type Answers } from './attack-connection.ts';
import { Attacker } from './attacker.ts';
import { BesiegedMember, type BesiegedOptions, type Condition } from './besieged-member.ts';
import { Bystander } from './bystander.ts';
import { onIdleCores } from './idle-cores.ts';

/** How long is measured. */
export interface SiegeEffort {
  /** Phases of each kind, in turns. */
  readonly phases: number;
  readonly phaseMs: number;
  /** Whether there are phases of the third kind, too, in which nobody attacks anybody; a verdict needs none. */
  readonly withIdle?: boolean;
}

/** Enough for a verdict; for figures take more. */
export const testEffort: SiegeEffort = { phases: 3, phaseMs: 600 };
/** How long the first dose of an attack is, before anything is measured. */
const doseMs = 300;
/** What a member may hold more afterwards than before. */
const moreMiBMax = 256;
const moreFilesMax = 8;

/** What an attack came to. Latencies are the 99th percentiles of the bystander's, one of each phase, in milliseconds. */
export interface SiegeResult {
  readonly attack: string;
  /** While nobody attacks; empty when that was not asked for. */
  readonly idleMs: readonly number[];
  /** While nobody attacks the bystander's member: the attacker attacks another one, on the same cores. */
  readonly quietMs: readonly number[];
  /** While the bystander's member is attacked. */
  readonly attackedMs: readonly number[];
  /** What attackers of the bystander's member saw. */
  readonly answers: Answers;
  /** By how much counts of the member grew: ends by a limit by their reason, logins that were refused. */
  readonly stoppedBy: Readonly<Record<string, number>>;
  /** Of the member, before and after. */
  readonly residentMiB: readonly [number, number];
}

/**
 * A member that is attacked while somebody works with it, and a decoy: another member, with which nobody works.
 *
 * Attackers have machines of their own, and theirs is not the time that a bystander waits for. Here an attacker shares
 * cores, caches and disk with the member, and slows it down by computing alone. So what is compared is the bystander's
 * time while its member is attacked with its time while the same attacker does the same to the decoy.
 */
export class Siege implements AsyncDisposable {
  readonly #besieged: BesiegedMember;
  readonly #decoy: BesiegedMember;
  readonly #bystander: Bystander;

  private constructor(besieged: BesiegedMember, decoy: BesiegedMember, bystander: Bystander) {
    this.#besieged = besieged;
    this.#decoy = decoy;
    this.#bystander = bystander;
  }

  /** Starts the members, and connects a bystander with one of them. */
  static async start(options: Omit<BesiegedOptions, 'wrapper'> = {}): Promise<Siege> {
    const besieged = await BesiegedMember.start(options);
    // What the decoy does for its attackers, the other does itself when it is attacked.
    const decoy = await BesiegedMember.start({ ...options, wrapper: onIdleCores });
    const { host, port, tls } = besieged.target;
    const bystander = await Bystander.open({
      ...{ host, port: tls?.port ?? port, tls, token: besieged.token },
    });
    // What is compiled on first use is compiled now.
    await bystander.measure(1_000);
    return new Siege(besieged, decoy, bystander);
  }

  get endpoint(): string {
    return this.#besieged.process.endpoint;
  }

  get member(): MemberProcess {
    return this.#besieged.process;
  }

  /** What attackers are told of it. */
  get target(): Target {
    return this.#besieged.target;
  }

  /** Who works with it, and does nothing wrong. */
  get bystander(): Bystander {
    return this.#bystander;
  }

  /**
   * Runs an attack in turns with quiet. What a member holds afterwards is compared with what it holds after a first
   * dose of the same: buffers and heaps grow once, leaks each time.
   *
   * @throws Error when the member is not as it was before, or when the attack did not even reach it
   */
  async run(
    attack: string,
    { phases, phaseMs, withIdle = false }: SiegeEffort = testEffort,
  ): Promise<SiegeResult> {
    const { leadership } = await this.#besieged.condition();
    await using elsewhere = await Attacker.start(attack, this.#decoy.target);
    await using attacker = await Attacker.start(attack, this.#besieged.target);
    const measured = (): Promise<number> => this.#bystander.measure(phaseMs).then(p99);
    await elsewhere.during(() => this.#bystander.measure(doseMs));
    await attacker.during(() => this.#bystander.measure(doseMs));
    const before = { ...(await settled(this.#besieged)), leadership };
    const idle: number[] = [];
    const quiet: number[] = [];
    const attacked: number[] = [];
    let answers = noAnswers();
    for (let phase = 0; phase < phases; phase++) {
      await settled(this.#besieged);
      if (withIdle) idle.push(await measured());
      quiet.push((await elsewhere.during(measured)).result);
      await settled(this.#decoy);
      const phaseOfAttack = await attacker.during(measured);
      attacked.push(phaseOfAttack.result);
      answers = added(answers, phaseOfAttack.answers);
    }
    if (answers.connections === 0) throw new Error(`"${attack}" has not reached the member`);
    const after = await this.#recovered(before);
    return {
      attack,
      idleMs: idle,
      quietMs: quiet,
      attackedMs: attacked,
      answers,
      stoppedBy: grown(before.counts, after.counts),
      residentMiB: [before.residentMiB, after.residentMiB],
    };
  }

  /** Waits until the member holds no more than before. */
  async #recovered(before: Condition): Promise<Condition> {
    let after = await this.#besieged.condition();
    const differences = (): string[] => [
      ...(after.leadership === before.leadership ? [] : [`${before.leadership} became ${after.leadership}`]),
      ...(after.calls <= before.calls ? [] : [`${after.calls} calls`]),
      ...(after.connections <= before.connections ? [] : [`${after.connections} connections`]),
      ...(after.waitingBytes <= before.waitingBytes ? [] : [`${after.waitingBytes} bytes wait`]),
      ...(after.files <= before.files + moreFilesMax ? [] : [`${after.files} files after ${before.files}`]),
      ...(after.residentMiB <= before.residentMiB + moreMiBMax
        ? []
        : [`${after.residentMiB} MiB after ${before.residentMiB}`]),
    ];
    return until('the member to be as it was before the attack', async () => {
      // Memory is given back while a member works.
      await this.#bystander.measure(200);
      after = await this.#besieged.condition();
      if (differences().length > 0) throw new Error(`the member has ${differences().join(', ')}`);
      return after;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#bystander[Symbol.dispose]();
    await this.#besieged[Symbol.asyncDispose]();
    await this.#decoy[Symbol.asyncDispose]();
  }
}

/** Waits until nothing of an attack is under way any more. */
async function settled(member: BesiegedMember): Promise<Condition> {
  return until('the end of an attack', async () => {
    const condition = await member.condition();
    return condition.calls === 0 && condition.waitingBytes === 0 ? condition : undefined;
  });
}

/** What two runs of the same attack, one after the other, came to. */
export function joined(earlier: SiegeResult, later: SiegeResult): SiegeResult {
  return {
    attack: later.attack,
    idleMs: [...earlier.idleMs, ...later.idleMs],
    quietMs: [...earlier.quietMs, ...later.quietMs],
    attackedMs: [...earlier.attackedMs, ...later.attackedMs],
    answers: added(added(noAnswers(), earlier.answers), later.answers),
    stoppedBy: sum(earlier.stoppedBy, later.stoppedBy),
    residentMiB: [earlier.residentMiB[0], later.residentMiB[1]],
  };
}

function sum(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Record<string, number> {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...names].map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]));
}

function grown(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  const entries = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}

function added(sum: Answers, more: Answers): Answers {
  for (const [code, count] of Object.entries(more.goAways)) {
    sum.goAways[Number(code)] = (sum.goAways[Number(code)] ?? 0) + count;
  }
  sum.connections += more.connections;
  sum.closed += more.closed;
  sum.resets += more.resets;
  sum.answers += more.answers;
  return sum;
}

function p99(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length * 0.99)] ?? NaN;
}
