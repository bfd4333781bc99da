import type { Chance } from '../chance.ts';
import type { Caller } from '../clients/caller.ts';
import type { Judge } from '../judge.ts';
import type { AuthPlan, Plan } from '../swarm.ts';
import type { World } from '../world.ts';
import { userNames } from './draw-change.ts';
import { PasswordBook } from './password-book.ts';
import { Registrar } from './registrar.ts';
import { Session } from './session.ts';
import { Witness } from './witness.ts';

/** The administrator waits so long for an answer. */
const adminTimeoutMs = 3_000;

/** The users of a cluster: who each client is, and who administers them. */
export class Population {
  readonly witness: Witness;
  /** The administrator, and the client that he is. */
  readonly registrar: Registrar;
  readonly registrarCaller: Caller;
  readonly #plan: AuthPlan;
  readonly #chance: Chance;
  readonly #passwords = new PasswordBook();

  constructor(world: World, judge: Judge, { plan, auth }: { readonly plan: Plan; readonly auth: AuthPlan }) {
    this.#plan = auth;
    this.#chance = world.chance.branch('users');
    const { maxAppendBytes = Infinity, maxInflightAppends = Infinity } = plan.world.replica;
    this.witness = new Witness(world, judge, {
      tokenTtlMs: auth.tokenTtlMs,
      wallsJump: plan.faults.clockJump !== undefined,
      keepsPace: maxAppendBytes > 1 || maxInflightAppends > 1,
    });
    this.registrarCaller = world.addCaller();
    this.become(this.registrarCaller, 'root');
    this.registrar = new Registrar({
      ...{ caller: this.registrarCaller, plan: auth, keys: plan.workload.keys, passwords: this.#passwords },
      ...{ chance: this.#chance.branch('registrar'), timeoutMs: adminTimeoutMs },
    });
  }

  /** Makes a client somebody: mostly one of the users, sometimes root. */
  enroll(caller: Caller): void {
    const chance = this.#chance.branch(`who ${caller.id}`);
    const user = chance.happens(0.2) ? 'root' : chance.pick(userNames(this.#plan));
    this.become(caller, user, this.#plan.carelessness);
  }

  /** Makes a client that user. */
  become(caller: Caller, user: string, carelessness = 0): void {
    const chance = this.#chance.branch(`session ${caller.id}`);
    const session = new Session({ user, chance, passwords: this.#passwords, carelessness });
    caller.credentials = { session, witness: this.witness };
  }
}
