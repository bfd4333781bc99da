import type { AuthChange, AuthOperation, AuthRequest } from '../../history/auth.ts';
import type { Chance } from '../chance.ts';
import type { Caller } from '../clients/caller.ts';
import type { WorkerOptions } from '../clients/worker.ts';
import type { AuthPlan } from '../swarm.ts';
import { Belief, ChangeDrawer, userNames } from './draw-change.ts';
import type { PasswordBook } from './password-book.ts';

export interface RegistrarOptions {
  /** A client as root. */
  readonly caller: Caller;
  readonly chance: Chance;
  readonly plan: AuthPlan;
  /** How many keys clients use. */
  readonly keys: number;
  readonly timeoutMs: number;
  readonly passwords: PasswordBook;
}

/** What the administrator goes to work with. */
export type Day = Pick<WorkerOptions, 'machines' | 'sleep' | 'isOver'>;

/** The administrator of users: makes them, turns authentication on, and changes what they may, all day long. */
export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #drawer: ChangeDrawer;
  readonly #looks: Chance;
  readonly #pauses: Chance;
  readonly #ways: Chance;
  readonly #belief = new Belief();

  constructor(options: RegistrarOptions) {
    const { chance, plan, keys, passwords } = options;
    this.#options = options;
    this.#drawer = new ChangeDrawer({ chance: chance.branch('changes'), plan, keys, passwords });
    this.#looks = chance.branch('looks');
    this.#pauses = chance.branch('pauses');
    this.#ways = chance.branch('ways');
  }

  /** The first day. */
  async run(day: Day): Promise<void> {
    await day.sleep(this.#pauses.wait(500));
    for (const change of this.#drawer.first()) await this.#insist(change, day);
    await this.work(day);
  }

  /** One change after the other until the day is over. */
  async work(day: Day): Promise<void> {
    const { plan } = this.#options;
    while (!day.isOver()) {
      await day.sleep(this.#pauses.wait(plan.changeMs));
      if (day.isOver()) return;
      const isLook = this.#looks.happens(0.15);
      await this.#ask(isLook ? this.#drawLook() : this.#drawer.next(this.#belief), day);
    }
  }

  /** Asks for a change until it is made, or cannot be. */
  async #insist(change: AuthChange, day: Day): Promise<void> {
    for (;;) {
      const { outcome } = await this.#ask(change, day);
      const isLoginDue =
        outcome.kind === 'refused' &&
        (outcome.code === 'AUTH_USER_EMPTY' || outcome.code === 'AUTH_INVALID_TOKEN');
      if (day.isOver() || (outcome.kind !== 'unknown' && !isLoginDue)) return;
      await day.sleep(50);
    }
  }

  #drawLook(): AuthRequest {
    if (this.#looks.happens(0.5)) return { kind: 'authStatus' };
    return { kind: 'userGet', user: this.#looks.pick(['root', ...userNames(this.#options.plan)]) };
  }

  async #ask(request: AuthRequest, { machines }: Day): Promise<AuthOperation> {
    const { caller, timeoutMs } = this.#options;
    const machine = this.#ways.pick(machines());
    const operation = await caller.callAuth(machine, request, { timeoutMs });
    const { outcome } = operation;
    // What is there already is as good as made; what is not known is believed, and seen later.
    const isDone = outcome.kind === 'ok' || (outcome.kind === 'refused' && isThere(outcome.code));
    if (isDone && isChange(request)) this.#belief.learn(request);
    return operation;
  }
}

function isThere(code: string): boolean {
  return /EXISTS|NOT_FOUND|NOT_GRANTED/.test(code);
}

function isChange(request: AuthRequest): request is AuthChange {
  return !['login', 'authStatus', 'userGet'].includes(request.kind);
}
