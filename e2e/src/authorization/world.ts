import { theMember } from '@quorate/auth';
import { PlainPasswords, UnsignedTokens } from '@quorate/credentials/testing';
import { openTestMember, rangeRequest, type TestMember } from '@quorate/replica/testing';
import { methodTable, type MethodTable } from '@quorate/rpc';
import { SeededRandom, toLatin1, toUtf8 } from '@quorate/std';
import { ManualClock } from '@quorate/std/testing';
import { decodeKeyValue } from '@quorate/wire';
import { encodeAsk, type Ask, type OpAsk } from './ask.ts';
import { call, type Answer, type Shown } from './call.ts';
import { admin, changedFacts, factsOf, furnish, logIn, type Send } from './furnish.ts';
import {
  certificateIdentities,
  changedUsers,
  signedIdentities,
  tokenIdentities,
  type Identity,
} from './identities.ts';
import type { Facts } from './oracle.ts';
import { house as usualHouse, type House } from './people.ts';

export interface WorldOptions {
  /** What logins give out. */
  readonly tokens: 'simple' | 'signed' | 'none';
  /** Off, everybody may do everything. */
  readonly isEnabled: boolean;
  readonly house?: House;
  /** `users`: a token for each user, and nobody. */
  readonly identities?: 'all' | 'users';
  /** Without tokens that have expired: time that goes by is work for a member. */
  readonly isTimeless?: boolean;
}

/** One member in memory, full of users and keys, the facts about it, and those who ask it. */
export class World implements AsyncDisposable {
  readonly facts: Facts;
  readonly identities: readonly Identity[];
  readonly #house: House;
  readonly #member: TestMember;
  readonly #table: MethodTable;
  /** As it was furnished. */
  readonly #settings: string;

  private constructor(
    member: TestMember,
    world: {
      readonly house: House;
      readonly facts: Facts;
      readonly table: MethodTable;
      readonly identities: readonly Identity[];
    },
  ) {
    this.#member = member;
    this.#house = world.house;
    this.#table = world.table;
    this.facts = world.facts;
    this.identities = world.identities;
    this.#settings = this.#versionOfSettings();
  }

  static async open(options: WorldOptions): Promise<World> {
    const { house = usualHouse, isEnabled } = options;
    const clock = new ManualClock();
    const signed = new UnsignedTokens({ clock });
    const tokens = options.tokens === 'signed' ? signed : options.tokens;
    const passwords = new PlainPasswords();
    const member = await openTestMember({ passwords, tokens, clock, random: new SeededRandom(1) });
    const table = methodTable(member.replica);
    const send: Send = (ask, shown = {}) => member.during(call(table, encodeAsk(ask), shown));
    await furnish(send, house, { isEnabled });
    const facts = factsOf(house, { isEnabled });
    if (!isEnabled) return new World(member, { house, facts, table, identities: strangers(house) });
    if (options.identities === 'users') {
      const identities = await usersOnly(send, house);
      return new World(member, { house, facts, table, identities });
    }
    if (options.tokens === 'none') {
      const identities = certificateIdentities(house);
      return new World(member, { house, facts, table, identities: [rootFirst(identities), ...identities] });
    }
    const expired = await signed.sign({ user: 'root', revision: member.replica.state.auth.revision + 2 });
    const host = {
      ...{ send, admin, hasCertificates: true, foreignTokens: await foreignTokens(options.tokens) },
      ...(options.isTimeless === true ? {} : { pass: (ms: number) => clock.advance(ms) }),
    };
    const identities = await tokenIdentities(host, house);
    if (options.tokens === 'signed') {
      const { revision } = member.replica.state.auth;
      identities.push(...(await signedIdentities((claims) => signed.sign(claims), { revision, expired })));
    }
    return new World(member, { house, facts: changedFacts(facts, changedUsers), table, identities });
  }

  /** The paths that are served. */
  get paths(): readonly string[] {
    return [...this.#table.keys()];
  }

  /** Asks all at once. */
  askAll(asks: readonly { readonly ask: Ask; readonly shown: Shown }[]): Promise<Answer[]> {
    return this.#member.during(
      Promise.all(asks.map(({ ask, shown }) => call(this.#table, encodeAsk(ask), shown))),
    );
  }

  /** Asks, as somebody who shows this. */
  ask(ask: Ask, shown: Shown): Promise<Answer> {
    return this.#member.during(call(this.#table, encodeAsk(ask), shown));
  }

  /** All that requests can change, as text. */
  contents(): string {
    const { store, lessor } = this.#member.replica.state;
    const leases = lessor.list().map((id) => [String(id), [...(lessor.keys(id) ?? [])]]);
    return JSON.stringify({ revision: store.currentRevision, leases: leases.sort() }) + this.#settingsNow();
  }

  /** The same, and what else tells that something was done: entries of the log, renewals of leases. */
  traces(): string {
    const { replica } = this.#member;
    return `${this.contents()} ${replica.raftStatus.commit} ${replica.leases.renewedCount}`;
  }

  /** Puts keys and leases back to what they were; false when more than those have changed, so that it cannot. */
  async restore(): Promise<boolean> {
    if (this.#versionOfSettings() !== this.#settings) return false;
    const { replica } = this.#member;
    const { lessor } = replica.state;
    const { leases } = this.#house;
    for (const ID of lessor.list()) {
      if (!leases.includes(ID)) await this.#member.during(replica.leases.revoke({ ID }, theMember));
    }
    for (const ID of leases) {
      if (lessor.keys(ID) === undefined) {
        await this.#member.during(replica.leases.grant({ ID, TTL: 1_000_000n }, theMember));
      }
    }
    const success = this.#repairs(await this.#keys());
    if (success.length > 0) {
      const [request] = encodeAsk({ kind: 'txn', compare: [], success, failure: [] }).messages;
      await this.#member.during(replica.kv.txn(request!, theMember));
    }
    return this.#versionOfSettings() === this.#settings;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#member.during(this.#member.replica.close());
  }

  #repairs(found: House['keys']): OpAsk[] {
    const repairs: OpAsk[] = [];
    for (const [key, { value, lease }] of this.#house.keys) {
      const now = found.get(key);
      if (now?.value !== value || now.lease !== lease) repairs.push({ kind: 'put', key, value, lease });
    }
    for (const key of found.keys()) {
      if (!this.#house.keys.has(key)) repairs.push({ kind: 'deleteRange', key, end: '' });
    }
    return repairs;
  }

  async #keys(): Promise<House['keys']> {
    const all = { ...rangeRequest('\0', { serializable: true }), rangeEnd: Uint8Array.of(0) };
    const { kvs } = await this.#member.during(this.#member.replica.kv.range(all, theMember));
    const pairs = kvs.map((bytes) => {
      const { key, value, lease } = decodeKeyValue(bytes);
      return [toLatin1(key), { value: toUtf8(value), lease }] as const;
    });
    return new Map(pairs);
  }

  /** Users, roles, alarms and members. */
  #settingsNow(): string {
    const { auth } = this.#member.replica.state;
    const users = auth.users().map((name) => [name, auth.userRoles(name), auth.passwordOf(name)?.hash]);
    const roles = auth.roles().map((role) => [role, auth.rolePermissions(role)]);
    return JSON.stringify({ users, roles }) + this.#versionOfSettings();
  }

  /** What is another whenever one of these is; it costs little to look. */
  #versionOfSettings(): string {
    const { auth, alarms, membership } = this.#member.replica.state;
    const settings = {
      auth: [auth.isEnabled, auth.revision],
      alarms: alarms.list(),
      members: membership.list(),
      downgrade: membership.downgrade,
    };
    return JSON.stringify(settings, (_, value: unknown) =>
      typeof value === 'bigint' ? value.toString(16) : value,
    );
  }
}

/** With authentication off it does not matter what somebody shows. */
function strangers(house: House): Identity[] {
  const nobody = { kind: 'nobody' } as const;
  const shown: Record<string, Shown> = {
    nobody: {},
    'any token': { token: 'forged.1' },
    'an empty token': { token: '' },
    'a certificate of root': { commonName: 'root' },
    'a certificate of a stranger': { commonName: 'stranger' },
    'a token and a certificate': { token: 'forged.1', commonName: Object.keys(house.users)[0]! },
  };
  return Object.entries(shown).map(([name, own]) => ({ name: `off: ${name}`, who: nobody, shown: own }));
}

function rootFirst(identities: readonly Identity[]): Identity {
  return identities.find(({ shown }) => shown.commonName === 'root')!;
}

async function usersOnly(send: Send, house: House): Promise<Identity[]> {
  const identities: Identity[] = [];
  for (const name of Object.keys(house.users)) {
    identities.push({ name, who: { kind: 'named', name }, shown: { token: await logIn(send, name) } });
  }
  return [...identities, { name: 'nobody', who: { kind: 'nobody' }, shown: {} }];
}

const foreign = new Map<string, Promise<string[]>>();

/** Tokens of another cluster that has users of the same names; made once, since they say nothing here. */
function foreignTokens(tokens: 'simple' | 'signed'): Promise<string[]> {
  let found = foreign.get(tokens);
  if (found === undefined) foreign.set(tokens, (found = newForeignTokens()));
  return found;
}

async function newForeignTokens(): Promise<string[]> {
  const member = await openTestMember({ passwords: new PlainPasswords(), random: new SeededRandom(2) });
  const table = methodTable(member.replica);
  const send: Send = (ask, shown = {}) => member.during(call(table, encodeAsk(ask), shown));
  await furnish(send, usualHouse, { isEnabled: true });
  const made = [await logIn(send, 'root'), await logIn(send, 'readwriter')];
  await member.during(member.replica.close());
  return made;
}
