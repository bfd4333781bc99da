import { rpcpb } from '@quorate/wire';
import { endOf, type GrpcCaller } from '../differential/grpc-caller.ts';
import { changesOf, encodeAsk, goesInSteps, pathOf, type Ask, type TxnAsk } from './ask.ts';
import type { Answer, Shown } from './call.ts';
import { changedFacts, demand, factsOf, furnish, logIn, type Send } from './furnish.ts';
import { changedUsers, tokenIdentities, type Identity } from './identities.ts';
import { decide, type Facts, type Verdict } from './oracle.ts';
import { house } from './people.ts';

/** What the oracle says against what a real etcd does. */
export interface OracleReport {
  readonly differences: readonly OracleDifference[];
  readonly servedCount: number;
  readonly refusedCount: number;
}

/** A case in which they differ. */
export interface OracleDifference {
  readonly identity: string;
  readonly ask: Ask;
  readonly expected: Verdict;
  readonly found: string;
}

/** What etcd 3.5.30 does otherwise, each as narrow as it can be; the test demands that each is met. */
export const intended: Readonly<Record<string, (difference: OracleDifference) => boolean>> = {
  'a watch from a key on is taken for one of that key (GHSA-xg4h-6gfc-h4m8)': ({ ask, expected, found }) =>
    ask.kind === 'watch' && ask.end === '\0' && expected.kind === 'refused' && found === '0 ',
  'the status of authentication is open since 3.7': ({ ask }) => pathOf(ask).endsWith('/AuthStatus'),
  'the status of a member is told to any user since 3.6.12': ({ ask, expected }) =>
    pathOf(ask).endsWith('/Status') && expected.kind === 'served',
  'refusals of maintenance are inner errors': ({ ask, expected, found }) =>
    pathOf(ask).includes('.Maintenance/') && found === `2 ${textOf(expected).replace('etcdserver', 'auth')}`,
  'refusals of locks and elections have no status': ({ ask, expected, found }) =>
    pathOf(ask).startsWith('/v3') && found === `2 ${textOf(expected)}`,
  'who may not observe an election is told nothing': ({ ask, found }) =>
    ask.kind === 'observe' && found === '0 ',
  'URLs of a member are looked at before it is asked who adds it': ({ ask, found }) =>
    pathOf(ask).endsWith('/MemberAdd') && found === '3 etcdserver: given member URLs are invalid',
  'nobody may do what needs nothing': ({ identity, ask }) =>
    identity === 'nobody' && (ask.kind === 'txn' ? isEmpty(ask) : ask.kind === 'userGet' && ask.name === ''),
};

function isEmpty({ compare, success, failure }: TxnAsk): boolean {
  return compare.length + success.length + failure.length === 0;
}

function textOf(expected: Verdict): string {
  return expected.kind === 'refused' ? expected.text : '';
}

/** Stands for root, whoever that is at the time: his tokens end on the way. */
const asRoot: Shown = { token: 'root' };

/** A real etcd that is asked what the matrix asks, and compared with the oracle. */
export class RealEtcd {
  readonly #caller: GrpcCaller;
  #rootToken = '';

  constructor(caller: GrpcCaller) {
    this.#caller = caller;
  }

  /** Fills a new etcd and asks it; `asksOf` says what somebody asks for. */
  async compare(asksOf: (identity: Identity) => readonly Ask[]): Promise<OracleReport> {
    await furnish(this.#send, house, { isEnabled: true });
    const host = { send: this.#send, admin: asRoot, hasCertificates: false, foreignTokens: [] };
    const identities = await tokenIdentities(host, house);
    const facts = changedFacts(factsOf(house, { isEnabled: true }), changedUsers);
    const differences: OracleDifference[] = [];
    const counts = { served: 0, refused: 0, either: 0 };
    // For a token of an index to come etcd waits until the call is given up; of Bearer it knows since 3.6.
    for (const identity of identities.filter(({ name }) => !/index|Bearer$/.test(name))) {
      for (const ask of asksOf(identity)) {
        const expected = decide(facts, identity.who, ask);
        if (!isAskable(ask, identity, expected)) continue;
        counts[expected.kind]++;
        const answer = await this.#send(ask, identity.shown);
        if (!isAsExpected(ask, expected, answer)) {
          differences.push({
            identity: identity.name,
            ask,
            expected,
            found: `${answer.code} ${answer.text}`,
          });
        }
        if (answer.code === 0 || goesInSteps(ask)) await this.#restore(ask);
      }
    }
    return { differences, servedCount: counts.served, refusedCount: counts.refused };
  }

  readonly #send: Send = async (ask, shown = {}) => {
    if (shown !== asRoot) return this.#ask(ask, shown);
    const answer = await this.#ask(ask, { token: this.#rootToken });
    if (answer.code !== 16) return answer;
    this.#rootToken = await logIn(this.#send, 'root');
    return this.#ask(ask, { token: this.#rootToken });
  };

  async #ask(ask: Ask, shown: Shown): Promise<Answer> {
    const { path, messages } = encodeAsk(ask);
    const [bytes = new Uint8Array(0)] = messages;
    const credentials: Record<string, string> = { ...shown };
    if (path.endsWith('/Snapshot') || path.endsWith('/Observe')) {
      const { reply, messages: heard } = await this.#caller.serverStream(path, bytes, credentials);
      return { code: reply.code, text: reply.message, messages: heard };
    }
    if (ask.kind === 'watch' || ask.kind === 'leaseKeepAlive')
      return this.#askOnStream(path, bytes, credentials);
    const { code, message: text, bytes: response } = await this.#caller.unary(path, bytes, credentials);
    return { code, text, messages: [response] };
  }

  /** The first answer, or the end. */
  async #askOnStream(
    path: string,
    bytes: Uint8Array,
    credentials: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const stream = this.#caller.stream(path, credentials);
    const ended = endOf(stream);
    const heard = new Promise<Uint8Array>((resolve) => stream.once('data', resolve));
    stream.write(bytes);
    const first = await Promise.race([heard, ended]);
    stream.cancel();
    if (first instanceof Uint8Array) return { code: 0, text: '', messages: [first] };
    return { code: first.code, text: first.message, messages: [] };
  }

  /** Puts keys and leases back to what they were. */
  async #restore(ask: Ask): Promise<void> {
    if (!changesOf(ask) || ask.kind === 'leaseKeepAlive') return;
    await demand(this.#send, { kind: 'deleteRange', key: '\0', end: '\0' }, asRoot);
    for (const id of house.leases) await this.#send({ kind: 'leaseGrant', id }, asRoot);
    await this.#send({ kind: 'leaseRevoke', id: 77n }, asRoot);
    for (const [key, { value, lease }] of house.keys) {
      await demand(this.#send, { kind: 'put', key, value, lease }, asRoot);
    }
  }
}

/** What can be asked of etcd 3.5, again and again, and is answered. */
function isAskable(ask: Ask, { who }: Identity, expected: Verdict): boolean {
  switch (ask.kind) {
    case 'rangeStream':
      return false; // Of 3.7.
    case 'alarm':
      return ask.action <= 2 && ask.alarm <= 2 && (ask.action === 0 || expected.kind === 'refused');
    case 'observe':
      return expected.kind === 'refused'; // It has no end.
    case 'plain':
      if (ask.path.includes('.Health/')) return false;
      return ask.effect === 'none' || expected.kind === 'refused';
    default:
      return who.kind !== 'unproven' || isWellFormed(ask);
  }
}

/** etcd looks at the form of a request before it looks at a token. */
function isWellFormed(ask: Ask): boolean {
  const verdict = decide(nobodyKnown, { kind: 'nobody' }, ask);
  return verdict.kind === 'refused' && verdict.text.includes('user name is empty');
}

const nobodyKnown: Facts = { isEnabled: true, users: new Map(), roles: new Map(), leases: new Map() };

function isAsExpected(ask: Ask, expected: Verdict, { code, text, messages }: Answer): boolean {
  const refusal = expected.kind === 'either' ? expected.refusal : expected;
  let found = code === 0 ? undefined : `${code} ${text}`;
  if (ask.kind === 'watch' && messages[0] !== undefined) {
    const { canceled, cancelReason } = rpcpb.WatchResponse.decode(messages[0]);
    // The texts of watches have the code in words.
    if (canceled && refusal.kind === 'refused' && cancelReason.endsWith(` desc = ${refusal.text}`)) {
      found = `${refusal.code} ${refusal.text}`;
    }
  }
  const isRefused = found !== undefined && refusals.some((other) => found.includes(other));
  if (expected.kind === 'served') return !isRefused;
  if (refusal.kind === 'refused' && found === `${refusal.code} ${refusal.text}`) return true;
  return expected.kind === 'either' && !isRefused;
}

/** With these words somebody is refused for who he is. */
const refusals = [
  'permission denied',
  'invalid auth token',
  'user name is empty',
  'revision of auth store is old',
];
