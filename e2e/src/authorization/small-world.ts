import type { Passwords, SignedTokens } from '@quorate/auth';
import { PlainPasswords } from '@quorate/credentials/testing';
import { openTestMember, type TestMember } from '@quorate/replica/testing';
import { methodTable, type MethodTable } from '@quorate/rpc';
import { encodeAsk, type Ask } from './ask.ts';
import { call, type Answer, type Shown } from './call.ts';
import { demand, furnish, logIn } from './furnish.ts';
import type { House } from './people.ts';

/** What a small world stands on where the usual is not meant. */
export interface SmallWorldOptions {
  readonly tokens?: 'simple' | SignedTokens;
  readonly passwords?: Passwords;
}

/** One member in memory with a few users, asked by its methods. */
export class SmallWorld implements AsyncDisposable {
  readonly member: TestMember;
  readonly table: MethodTable;

  private constructor(member: TestMember) {
    this.member = member;
    this.table = methodTable(member.replica);
  }

  static async open(house: House, options: SmallWorldOptions = {}): Promise<SmallWorld> {
    const world = new SmallWorld(await openTestMember({ passwords: new PlainPasswords(), ...options }));
    await furnish((ask) => world.ask(ask), house, { isEnabled: true });
    return world;
  }

  /** Asks, as somebody who shows this; by default as nobody. */
  ask(ask: Ask, shown: Shown = {}): Promise<Answer> {
    return this.member.during(call(this.table, encodeAsk(ask), shown));
  }

  /** What a user shows who has logged in. */
  async logIn(user: string): Promise<Shown> {
    return { token: await logIn((ask) => this.ask(ask), user) };
  }

  /** Does what root may do. */
  asRoot(ask: Ask): Promise<Answer> {
    return demand((own, shown) => this.ask(own, shown), ask, { commonName: 'root' });
  }

  /** Of the store: it grows with whatever is written. */
  get revision(): number {
    return this.member.replica.state.store.currentRevision;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.member.during(this.member.replica.close());
  }
}
