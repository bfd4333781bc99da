import { fromLatin1 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { answersOf, type StreamAnswers } from './answers-of.ts';
import { comparable, futureToken, intendedDifference } from './auth-differences.ts';
import { AuthKnowledge } from './auth-knowledge.ts';
import { authOp } from './auth-operations.ts';
import { AuthRequests } from './auth-requests.ts';
import { differenceOf, type Replies } from './compare-replies.ts';
import { Dice } from './dice.ts';
import type { RawStream, Reply } from './grpc-caller.ts';
import { Identities, sameForBoth, type Identity } from './identities.ts';
import { KvRequests } from './kv-requests.ts';
import { op, show, type Operation } from './operation.ts';
import { ServerPair, sides, type SideName } from './server-pair.ts';
import { storedAuth, withoutSalts } from './stored-auth.ts';

export interface AuthProfileOptions {
  readonly seed: number;
  /** Requests to each server, at least; the script ends with the step that reaches it. */
  readonly operations: number;
  /** Holds the data directories. */
  readonly folder: string;
  readonly flags: readonly string[];
  readonly tokens: 'simple' | 'jwt';
  /** The servers are stopped and started again so many times on the way. */
  readonly restarts: number;
}

export interface AuthProfileResult {
  /** Requests that each server got. */
  readonly operations: number;
  /** Of them by method. */
  readonly byMethod: ReadonlyMap<string, number>;
  /** How often each error came, by code and text. */
  readonly errors: ReadonlyMap<string, number>;
  /** How often the servers differed as they are meant to, by name. */
  readonly differences: ReadonlyMap<string, number>;
  /** How often what was stored was compared. */
  readonly storesCompared: number;
}

const leaseIds = [1n, 2n, 3n, 4n, -5n];
const longTtls = [1200n, 3600n, 100_000n];
/** Who guesses more often from one address is slowed down by Quorate: ten times a minute for one user, thirty in all. */
const wrongLoginsMax = { ofUser: 7, inAll: 24 };
/** How long etcd waits for a log entry that a token names and that will never be. */
const futureTokenMs = 300;

/**
 * Random requests about users, roles and permissions, and everything else in the name of those users, each sent to
 * Quorate and to a real etcd, and every answer compared. What is asked depends on the seed alone.
 */
export class AuthProfile {
  readonly #options: AuthProfileOptions;
  readonly #dice: Dice;
  readonly #view = { revision: 1n, compacted: -1n };
  readonly #kv: KvRequests;
  readonly #requests: AuthRequests;
  readonly #identities: Identities;
  readonly #knowledge = new AuthKnowledge();
  readonly #byMethod = new Map<string, number>();
  readonly #errors = new Map<string, number>();
  readonly #differences = new Map<string, number>();
  readonly #wrongLogins = new Map<string, number>();
  #pair: ServerPair | undefined;
  #operations = 0;
  #storesCompared = 0;

  private constructor(options: AuthProfileOptions) {
    this.#options = options;
    this.#dice = new Dice(options.seed);
    this.#kv = new KvRequests(this.#dice, this.#view);
    this.#requests = new AuthRequests(this.#dice, this.#kv);
    this.#identities = new Identities(this.#dice);
  }

  /** @throws Error that tells the first difference, and how to see it again */
  static async run(options: AuthProfileOptions): Promise<AuthProfileResult> {
    const profile = new AuthProfile(options);
    try {
      return await profile.#run();
    } catch (error) {
      const { seed, operations, flags } = options;
      const replay = `QUORATE_SEED=${seed} npx vitest run --root e2e test/differential-auth.test.ts`;
      const where = `operation ${profile.#operations} of ${operations}, seed ${seed}, flags ${flags.join(' ')}`;
      const told = error instanceof Error ? error.message : String(error);
      throw new Error(`${where}\n${told}\nagain: ${replay}`, { cause: error });
    } finally {
      await profile.#pair?.[Symbol.asyncDispose]();
    }
  }

  async #run(): Promise<AuthProfileResult> {
    const { operations, restarts } = this.#options;
    for (let part = 1; part <= restarts + 1; part++) {
      await this.#start();
      const end = Math.ceil((operations * part) / (restarts + 1));
      if (part === 1) await this.#enableTooSoon();
      while (this.#operations < end) await this.#step();
      await this.#askPointedly();
      await this.#compareStores();
      await this.#pair?.stop();
      this.#pair = undefined;
    }
    return {
      operations: this.#operations,
      byMethod: this.#byMethod,
      errors: this.#errors,
      differences: this.#differences,
      storesCompared: this.#storesCompared,
    };
  }

  /** Simple tokens have ended with the servers; users, and whether they count, are what they were. */
  async #start(): Promise<void> {
    this.#pair = await ServerPair.start(this.#options);
    this.#knowledge.learnRestart();
    this.#identities.forgetRoot();
    await this.#becomeRoot();
    await this.#ask(op.range({ key: new Uint8Array(1), rangeEnd: new Uint8Array(1) }), this.#root);
    // Members count leases from when they began to lead, which is not the same moment.
    await this.#keepAlive(leaseIds, this.#root);
    await this.#compareStores();
  }

  /** Authentication needs a root who is root. */
  async #enableTooSoon(): Promise<void> {
    await this.#ask(authOp.enable(), nobody);
    await this.#ask(authOp.userAdd({ name: 'root', password: 'one' }), nobody);
    await this.#ask(authOp.enable(), nobody);
  }

  /** What chance asks too rarely. */
  async #askPointedly(): Promise<void> {
    while (!this.#knowledge.isEnabled) await this.#towardsEnabled();
    await this.#becomeRoot();
    await this.#ask(op.txn({}), nobody);
    await this.#ask(authOp.userGet(''), nobody);
    await this.#ask(authOp.roleAdd('root'), this.#root);
    await this.#ask(authOp.roleGet('root'), this.#root);
    await this.#ask(op.hash(), nobody);
    const before = this.#root;
    await this.#ask(authOp.userChangePassword('root', 'two'), before);
    await this.#ask(op.memberList({}), before);
    await this.#showFutureToken();
  }

  async #step(): Promise<unknown> {
    await this.#becomeRoot();
    if (!this.#knowledge.isEnabled && this.#dice.perMille(300)) return await this.#towardsEnabled();
    const who = await this.#someone();
    switch (this.#dice.weighted(weights)) {
      case 'login':
        return await this.#logInAsSomeone();
      case 'wrongLogin':
        return await this.#logInWrongly();
      case 'change':
        return await this.#ask(this.#requests.change(), who);
      case 'read':
        return await this.#ask(this.#requests.read(), who);
      case 'turn':
        return await this.#ask(this.#dice.perMille(700) ? authOp.enable() : authOp.disable(), who);
      case 'range':
        return await this.#ask(op.range(this.#kv.range()), who);
      case 'put':
        return await this.#ask(op.put(this.#kv.put()), who);
      case 'deleteRange':
        return await this.#ask(op.deleteRange(this.#kv.deleteRange()), who);
      case 'txn':
        return await this.#ask(op.txn(this.#kv.txn()), who);
      case 'compact':
        return await this.#compact(who);
      case 'lease':
        return await this.#lease(who);
      case 'watch':
        return await this.#watch(who);
      case 'cluster':
        return await this.#ask(this.#requests.cluster(), who);
      case 'alarm':
        return await this.#raiseAndClear(who);
      case 'snapshot':
        return await this.#snapshot(who);
      case 'future':
        return await this.#showFutureToken();
    }
  }

  /** The next step to authentication being on, which chance takes rarely. */
  async #towardsEnabled(): Promise<unknown> {
    const root = this.#root;
    switch (this.#dice.weighted({ user: 1, role: 1, enable: 1 })) {
      case 'user':
        return await this.#ask(authOp.userAdd({ name: 'root', password: 'one' }), root);
      case 'role':
        return await this.#ask(authOp.userGrantRole('root', 'root'), root);
      case 'enable':
        return await this.#ask(authOp.enable(), root);
    }
  }

  /** A caller; where tokens are signed, one whose token is of an older revision mostly logs in again. */
  async #someone(): Promise<Identity> {
    const who = this.#identities.pick();
    const { login } = who;
    if (this.#options.tokens === 'simple' || login === undefined) return who;
    if (login.revision === this.#knowledge.revision || this.#dice.perMille(300)) return who;
    return (await this.#logIn(login.user)) ?? who;
  }

  get #root(): Identity {
    return this.#identities.root ?? nobody;
  }

  /** Makes sure that somebody may do everything. */
  async #becomeRoot(): Promise<void> {
    if (!this.#knowledge.isEnabled || this.#identities.root !== undefined) return;
    if ((await this.#logIn('root')) === undefined) throw new Error('root cannot log in any more');
    await this.#learnRevision();
  }

  async #logInAsSomeone(): Promise<unknown> {
    const { passwords } = this.#knowledge;
    if (passwords.size === 0) return await this.#ask(authOp.authenticate('alice', 'one'), nobody);
    return await this.#logIn(this.#dice.pick([...passwords.keys()]));
  }

  /** With the right password; undefined when there is none, or nobody needs to log in. */
  async #logIn(user: string): Promise<Identity | undefined> {
    const password = this.#knowledge.passwords.get(user);
    if (password === undefined) return undefined;
    const operation = authOp.authenticate(user, password);
    const replies = await this.#running.send(operation);
    this.#count(operation.method);
    if (!this.#agree(operation, replies, nobody)) return undefined;
    if (replies.etcd.code !== 0) {
      if (this.#knowledge.isEnabled) throw new Error(`${user} cannot log in: ${replies.etcd.message}`);
      return undefined;
    }
    const { quorate, etcd } = replies;
    const identity = {
      name: `${user}, logged in at auth revision ${this.#knowledge.revision}`,
      login: { user, revision: this.#knowledge.revision },
      shows: this.#tokensOf(user, { quorate: quorate.bytes, etcd: etcd.bytes }),
    };
    this.#identities.add(identity);
    return identity;
  }

  /** What to show: now and then in the other place, and where tokens are signed, the other server's. */
  #tokensOf(user: string, responses: Readonly<Record<SideName, Uint8Array>>): Identity['shows'] {
    const tokenOf = (side: SideName) => rpcpb.AuthenticateResponse.decode(responses[side]).token;
    const isCrossed = this.#options.tokens === 'jwt' && this.#dice.perMille(300);
    const [ours, theirs] = isCrossed
      ? [tokenOf('etcd'), tokenOf('quorate')]
      : [tokenOf('quorate'), tokenOf('etcd')];
    switch (this.#dice.weighted({ token: 8, authorization: 1, bearer: user === 'root' ? 0 : 1 })) {
      case 'token':
        return { quorate: { token: ours }, etcd: { token: theirs } };
      case 'authorization':
        return { quorate: { authorization: ours }, etcd: { authorization: theirs } };
      case 'bearer':
        return { quorate: { authorization: `Bearer ${ours}` }, etcd: { authorization: `Bearer ${theirs}` } };
    }
  }

  async #logInWrongly(): Promise<void> {
    const user = this.#requests.user();
    const ofUser = this.#wrongLogins.get(user) ?? 0;
    const inAll = this.#wrongLogins.values().reduce((sum, count) => sum + count, 0);
    if (ofUser >= wrongLoginsMax.ofUser || inAll >= wrongLoginsMax.inAll) return;
    const password = this.#dice.perMille(200) ? '' : this.#requests.password();
    if (this.#knowledge.passwords.get(user) === password) return;
    this.#wrongLogins.set(user, ofUser + 1);
    await this.#ask(authOp.authenticate(user, password), nobody);
  }

  /** Sends an operation to both in the name of somebody, and compares what they answer; returns the status. */
  async #ask(
    operation: Operation,
    who: Identity,
    options: { readonly deadlineMs?: number } = {},
  ): Promise<number | undefined> {
    if (!this.#mayAsk(operation, who)) return undefined;
    this.#count(operation.method);
    const replies = await this.#running.send(operation, who.shows, options);
    if (!this.#agree(operation, replies, who)) return undefined;
    const { bytes, code } = replies.etcd;
    if (code !== 0) return code;
    const revision = rpcpb.PutResponse.decode(bytes.subarray(0, headerEnd(bytes))).header?.revision ?? 0n;
    if (revision > this.#view.revision) this.#view.revision = revision;
    if (operation.method.startsWith('Auth/') && !operation.isRead) await this.#learn(operation);
    return code;
  }

  /** Whether nobody does what the other one refuses: from then on they would not be the same. */
  #mayAsk({ method, isRead }: Operation, { login, shows }: Identity): boolean {
    if (isRead || !this.#knowledge.isEnabled) return true;
    if (shows.quorate.authorization?.startsWith('Bearer ')) return false;
    if (this.#options.tokens === 'simple' || login === undefined) return true;
    if (!this.#knowledge.holds(login)) return false;
    const isOfKeys = method.startsWith('KV/') || method.startsWith('Lease/');
    return !isOfKeys || login.revision === this.#knowledge.revision;
  }

  /** Whether the answers are the same; false where they may differ. @throws Error when they may not */
  #agree(operation: Operation, replies: Replies, who: Identity): boolean {
    const compared = {
      quorate: comparable(replies.quorate, operation),
      etcd: comparable(replies.etcd, operation),
    };
    const difference = differenceOf(operation, compared);
    if (difference === undefined) {
      this.#countError(replies.etcd);
      return true;
    }
    this.#running.checkRunning();
    const { quorate, etcd } = replies;
    const asAnswers = (end: Reply): StreamAnswers => ({ answers: [], end });
    const both = { quorate: asAnswers(quorate), etcd: asAnswers(etcd) };
    if (!this.#isIntended(operation, both, who)) throw new Error(`as ${who.name}: ${difference}`);
    return false;
  }

  /** What this changes for those who log in. */
  async #learn(operation: Operation): Promise<void> {
    this.#knowledge.learn(operation);
    if (endsLoginsOfRoot(operation)) this.#identities.forgetRoot();
    await this.#becomeRoot();
    await this.#learnRevision();
  }

  async #learnRevision(): Promise<void> {
    const operation = authOp.status();
    this.#count(operation.method);
    const replies = await this.#running.send(operation, this.#root.shows);
    if (!this.#agree(operation, replies, this.#root) || replies.etcd.code !== 0) {
      throw new Error(`root is not told the auth revision: ${replies.etcd.message}`);
    }
    this.#knowledge.revision = rpcpb.AuthStatusResponse.decode(replies.etcd.bytes).authRevision;
  }

  async #compact(who: Identity): Promise<void> {
    const { revision, compacted } = this.#view;
    const wrong = [compacted, revision + 1n, -1n];
    const at = this.#dice.perMille(300) ? this.#dice.pick(wrong) : revision - BigInt(this.#dice.below(50));
    const code = await this.#ask(op.compact({ revision: at, physical: this.#dice.perMille(500) }), who);
    if (code === 0) this.#view.compacted = at;
  }

  async #lease(who: Identity): Promise<void> {
    const dice = this.#dice;
    const ID = dice.pick([...leaseIds, 999n]);
    switch (dice.weighted({ grant: 8, revoke: 4, timeToLive: 8, leases: 6, keepAlive: 6 })) {
      case 'grant':
        // 999 stays unknown.
        await this.#ask(op.leaseGrant({ ID: ID === 999n ? 1n : ID, TTL: dice.pick(longTtls) }), who);
        return;
      case 'revoke':
        await this.#ask(op.leaseRevoke({ ID }), who);
        return;
      case 'timeToLive':
        await this.#ask(op.leaseTimeToLive({ ID, keys: dice.perMille(600) }), who);
        return;
      case 'leases':
        await this.#ask(op.leases(), who);
        return;
      case 'keepAlive':
        return await this.#keepAlive(
          dice.list(dice.between(1, 3), () => dice.pick([...leaseIds, 999n])),
          who,
        );
    }
  }

  async #keepAlive(ids: readonly bigint[], who: Identity): Promise<void> {
    const path = '/etcdserverpb.Lease/LeaseKeepAlive';
    const requests = ids.map((ID) => rpcpb.LeaseKeepAliveRequest.encode({ ID }).finish());
    this.#count('Lease/LeaseKeepAlive');
    const told = await this.#bothStreams(path, who, async (stream) => {
      for (const request of requests) stream.write(request);
      stream.end();
      return await answersOf(stream, rpcpb.LeaseKeepAliveResponse);
    });
    this.#agreeOnStream('Lease/LeaseKeepAlive', ids, told, who);
  }

  /** Creates a watcher on a stream of its own; where that is not refused, cancels it. */
  async #watch(who: Identity): Promise<void> {
    const dice = this.#dice;
    const create = {
      ...rpcpb.WatchCreateRequest.create(),
      ...{ key: this.#kv.key(), rangeEnd: this.#kv.rangeEnd() },
      ...{ prevKv: dice.perMille(500), watchId: dice.pick([0n, 0n, 5n, -1n]) },
      startRevision: dice.pick([0n, 0n, 0n, -1n, this.#view.revision + 100n]),
    };
    this.#count('Watch/Watch');
    const told = await this.#bothStreams('/etcdserverpb.Watch/Watch', who, async (stream) => {
      const send = (requestUnion: rpcpb.WatchRequest['requestUnion']): void => {
        stream.write(rpcpb.WatchRequest.encode({ requestUnion }).finish());
      };
      send({ $case: 'createRequest', value: create });
      return await answersOf(stream, rpcpb.WatchResponse, ({ created, canceled, watchId }) => {
        if (canceled) return 'enough';
        if (created) send({ $case: 'cancelRequest', value: { watchId } });
        return 'more';
      });
    });
    this.#agreeOnStream('Watch/Watch', create, told, who);
  }

  async #bothStreams(
    path: string,
    who: Identity,
    talk: (stream: RawStream) => Promise<StreamAnswers>,
  ): Promise<BothAnswers> {
    const [quorate, etcd] = await Promise.all(
      sides.map(async (side) => {
        const stream = this.#running.callers[side].stream(path, who.shows[side]);
        try {
          return await talk(stream);
        } finally {
          stream.cancel();
        }
      }),
    );
    return { quorate: quorate!, etcd: etcd! };
  }

  #agreeOnStream(method: string, request: unknown, both: BothAnswers, who: Identity): void {
    const [quorate, etcd] = [show(both.quorate), show(both.etcd)];
    this.#countError(both.etcd.end);
    if (quorate === etcd || this.#isIntended({ method, request }, both, who)) return;
    throw new Error(`as ${who.name}: ${method} ${show(request)}\nquorate: ${quorate}\netcd:    ${etcd}`);
  }

  #isIntended(
    { method, request }: Pick<Operation, 'method' | 'request'>,
    both: BothAnswers,
    { login, shows }: Identity,
  ): boolean {
    const { tokens } = this.#options;
    const differing = { method, request, ...both, shows, login, tokens, knowledge: this.#knowledge };
    const name = intendedDifference(differing);
    if (name === undefined) return false;
    this.#differences.set(name, (this.#differences.get(name) ?? 0) + 1);
    return true;
  }

  /** Says that there is no space, and takes it back. */
  async #raiseAndClear(who: Identity): Promise<void> {
    const fields = { alarm: 1, memberID: this.#dice.pick([0n, 7n]) } as const;
    if ((await this.#ask(op.alarm({ action: 1, ...fields }), who)) !== 0) return;
    await this.#ask(op.put(this.#kv.put()), who);
    await this.#becomeRoot();
    await this.#ask(op.alarm({ action: 2, ...fields }), this.#root);
  }

  /** Whether it is given; what is in it is compared elsewhere. */
  async #snapshot(who: Identity): Promise<void> {
    this.#count('Maintenance/Snapshot');
    const [quorate, etcd] = await Promise.all(
      sides.map(async (side) => {
        const path = '/etcdserverpb.Maintenance/Snapshot';
        const { reply } = await this.#running.callers[side].serverStream(
          path,
          new Uint8Array(),
          who.shows[side],
        );
        return { answers: [], end: reply };
      }),
    );
    this.#agreeOnStream('Maintenance/Snapshot', {}, { quorate: quorate!, etcd: etcd! }, who);
  }

  /** A token that names an entry of the log which is far away. */
  async #showFutureToken(): Promise<void> {
    if (!this.#knowledge.isEnabled || this.#options.tokens === 'jwt') return;
    const who = {
      name: 'somebody with a token of the future',
      shows: sameForBoth({ token: futureToken }),
    };
    await this.#ask(op.range({ key: fromLatin1('a') }), who, { deadlineMs: futureTokenMs });
  }

  /** Users, roles and settings are the same in both files. */
  async #compareStores(): Promise<void> {
    await this.#becomeRoot();
    const { shows } = this.#root;
    const [quorate, etcd] = await Promise.all(
      sides.map(async (side) => withoutSalts(await storedAuth(this.#running.callers[side], shows[side]))),
    );
    if (show(quorate) !== show(etcd)) {
      throw new Error(`what is stored differs\nquorate: ${show(quorate)}\netcd:    ${show(etcd)}`);
    }
    this.#storesCompared++;
  }

  get #running(): ServerPair {
    if (this.#pair === undefined) throw new Error('the servers are not running');
    return this.#pair;
  }

  #count(method: string): void {
    this.#operations++;
    this.#byMethod.set(method, (this.#byMethod.get(method) ?? 0) + 1);
  }

  #countError({ code, message }: Reply): void {
    if (code === 0) return;
    const text = `${code} ${message}`;
    this.#errors.set(text, (this.#errors.get(text) ?? 0) + 1);
  }
}

const nobody: Identity = { name: 'nobody', shows: sameForBoth({}) };

const weights = {
  login: 40,
  wrongLogin: 8,
  change: 190,
  read: 60,
  turn: 6,
  range: 110,
  put: 110,
  deleteRange: 50,
  txn: 100,
  compact: 6,
  lease: 90,
  watch: 50,
  cluster: 70,
  alarm: 6,
  snapshot: 2,
  future: 1,
} as const;

type BothAnswers = Readonly<Record<SideName, StreamAnswers>>;

/** Whether no token of root is good after this. */
function endsLoginsOfRoot({ method, request }: Operation): boolean {
  if (method === 'Auth/AuthDisable') return true;
  if (method !== 'Auth/UserChangePassword' && method !== 'Auth/UserDelete') return false;
  // The method says the type of the request, and both have a name.
  return (request as rpcpb.AuthUserDeleteRequest).name === 'root';
}

/** The end of a response's first field when that is its header, which is shorter than 128 bytes; else 0. */
function headerEnd(bytes: Uint8Array): number {
  return bytes[0] === 0x0a ? 2 + (bytes[1] ?? 0) : 0;
}
