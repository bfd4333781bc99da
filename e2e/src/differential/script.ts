import { fromLatin1 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { differenceOf } from './compare-replies.ts';
import { Dice } from './dice.ts';
import { endOf } from './grpc-caller.ts';
import { KvRequests } from './kv-requests.ts';
import { op, show, type Operation } from './operation.ts';
import { ServerPair, sides } from './server-pair.ts';
import { WatchScript } from './watch-script.ts';

export interface ScriptOptions {
  readonly seed: number;
  /** Requests to each server, at least; the script ends with the step that reaches it. */
  readonly operations: number;
  /** Holds the data directories. */
  readonly folder: string;
  readonly flags: readonly string[];
  /** The servers are stopped and started again so many times on the way. */
  readonly restarts: number;
}

export interface ScriptResult {
  /** Requests that each server got. */
  readonly operations: number;
  /** Of them by method. */
  readonly byMethod: ReadonlyMap<string, number>;
  /** How often each error came, by code and text. */
  readonly errors: ReadonlyMap<string, number>;
  readonly events: number;
  readonly revision: bigint;
}

/** Reads that are under way at a time; what writes is alone. */
const readsAtOnce = 8;
/** After so many operations all watchers are compared, and hashes at several revisions. */
const operationsPerCheck = 300;
/** So many operations pass under an alarm before it is disarmed. */
const alarmOperations = 25;
const leaseIds = [1n, 2n, 3n, 4n, -5n];
/** Leases that are not to expire on the way. */
const longTtls = [600n, 1200n, 3600n, 100_000n, 9_000_000_000n];

/**
 * Random operations, each sent to Quorate and to a real etcd at once, and every answer compared. What is asked
 * depends on the seed alone.
 */
export class Script {
  readonly #options: ScriptOptions;
  readonly #dice: Dice;
  readonly #view = { revision: 1n, compacted: -1n };
  readonly #requests: KvRequests;
  readonly #byMethod = new Map<string, number>();
  readonly #errors = new Map<string, number>();
  #pair: ServerPair | undefined;
  #watches: WatchScript | undefined;
  #reads: Promise<number>[] = [];
  #operations = 0;
  #events = 0;
  #nextCheck = operationsPerCheck;
  #alarm: { readonly disarm: Operation; readonly until: number } | undefined;

  private constructor(options: ScriptOptions) {
    this.#options = options;
    this.#dice = new Dice(options.seed);
    this.#requests = new KvRequests(this.#dice, this.#view);
  }

  /** @throws Error that tells the first difference, and how to see it again */
  static async run(options: ScriptOptions): Promise<ScriptResult> {
    const script = new Script(options);
    try {
      return await script.#run();
    } catch (error) {
      const { seed, operations, flags } = options;
      const replay = `QUORATE_SEED=${seed} npx vitest run --root e2e test/differential.test.ts`;
      const where = `operation ${script.#operations} of ${operations}, seed ${seed}, flags ${flags.join(' ')}`;
      const told = error instanceof Error ? error.message : String(error);
      throw new Error(`${where}\n${told}\nagain: ${replay}`, { cause: error });
    } finally {
      script.#watches?.close();
      await script.#pair?.[Symbol.asyncDispose]();
    }
  }

  async #run(): Promise<ScriptResult> {
    const { operations, restarts } = this.#options;
    for (let part = 1; part <= restarts + 1; part++) {
      await this.#start();
      const end = Math.ceil((operations * part) / (restarts + 1));
      while (this.#operations < end) {
        await this.#step();
        if (this.#operations >= this.#nextCheck) await this.#check();
      }
      await this.#stop();
    }
    return {
      operations: this.#operations,
      byMethod: this.#byMethod,
      errors: this.#errors,
      events: this.#events,
      revision: this.#view.revision,
    };
  }

  async #start(): Promise<void> {
    this.#pair = await ServerPair.start(this.#options);
    // What the restart left is compared before anything else.
    await this.#write(op.range({ key: new Uint8Array(1), rangeEnd: new Uint8Array(1) }));
    // Members count leases from when they began to lead, which is not the same moment.
    await this.#keepAlive(leaseIds);
    this.#watches = await WatchScript.open({
      dice: this.#dice,
      pair: this.#pair,
      requests: this.#requests,
      view: this.#view,
    });
    await this.#expire();
    await this.#check();
  }

  /** Lets a lease run out, and compares what the watcher of everything is told of its keys. */
  async #expire(): Promise<void> {
    const lease = 88n;
    // It becomes the shortest time there is.
    await this.#write(op.leaseGrant({ ID: lease, TTL: 1n }));
    for (const name of ['b', 'a', 'c']) {
      await this.#write(op.put({ key: fromLatin1(`expiring/${name}`), lease }));
    }
    this.#view.revision += 1n;
    await this.#watches?.settle();
    await this.#write(op.leaseTimeToLive({ ID: lease, keys: true }));
    await this.#write(op.range({ key: fromLatin1('expiring/'), rangeEnd: fromLatin1('expiring0') }));
  }

  async #stop(): Promise<void> {
    await this.#disarm();
    await this.#check();
    this.#events += this.#watches?.eventCount ?? 0;
    this.#watches?.close();
    this.#watches = undefined;
    await this.#pair?.stop();
    this.#pair = undefined;
  }

  async #step(): Promise<void> {
    if (this.#alarm !== undefined && this.#operations >= this.#alarm.until) await this.#disarm();
    const requests = this.#requests;
    const dice = this.#dice;
    const weights = {
      range: 330,
      put: 250,
      deleteRange: 50,
      txn: 200,
      compact: 5,
      lease: 60,
      watch: 40,
      other: 25,
    };
    switch (dice.weighted(weights)) {
      case 'range':
        return await this.#send(op.range(requests.range()));
      case 'put':
        return await this.#send(op.put(requests.put()));
      case 'deleteRange':
        return await this.#send(op.deleteRange(requests.deleteRange()));
      case 'txn':
        // Without space etcd 3.5 lets puts in nested transactions pass; later versions, and Quorate, do not.
        return await this.#send(op.txn(requests.txn({ mayNest: this.#alarm === undefined })));
      case 'compact':
        return await this.#compact();
      case 'lease':
        return await this.#lease();
      case 'watch':
        return await this.#watch();
      case 'other':
        return await this.#other();
    }
  }

  /** Reads may be under way together; anything else waits for them, and they for it. */
  async #send(operation: Operation): Promise<void> {
    if (!operation.isRead) {
      await this.#write(operation);
      return;
    }
    this.#reads.push(this.#ask(operation));
    if (this.#reads.length >= readsAtOnce) await this.#finishReads();
  }

  /** Returns the status, which is the same of both. */
  async #write(operation: Operation): Promise<number> {
    await this.#finishReads();
    return await this.#ask(operation);
  }

  async #finishReads(): Promise<void> {
    const reads = this.#reads;
    this.#reads = [];
    await Promise.all(reads);
  }

  async #ask(operation: Operation): Promise<number> {
    this.#count(operation.method);
    const replies = await this.#running.send(operation);
    const difference = differenceOf(operation, replies);
    if (difference !== undefined) throw new Error(difference);
    const { code, message, bytes } = replies.etcd;
    if (code !== 0) {
      const text = `${code} ${message}`;
      this.#errors.set(text, (this.#errors.get(text) ?? 0) + 1);
      return code;
    }
    // Every response but those of no content has the same header as its first field.
    const revision = rpcpb.PutResponse.decode(bytes.subarray(0, headerEnd(bytes))).header?.revision ?? 0n;
    if (revision > this.#view.revision) this.#view.revision = revision;
    return code;
  }

  async #watch(): Promise<void> {
    await this.#finishReads();
    const count = (await this.#watches?.step()) ?? 0;
    for (let i = 0; i < count; i++) this.#count('Watch/Watch');
  }

  async #compact(): Promise<void> {
    const dice = this.#dice;
    const { revision, compacted } = this.#view;
    const wrong = [compacted - 3n, compacted, revision + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
    const isWrong = dice.perMille(300);
    const at = isWrong ? dice.pick(wrong) : revision - BigInt(dice.below(50));
    await this.#finishReads();
    // A watcher that is behind would be canceled or served, whichever comes first.
    await this.#watches?.settle();
    const code = await this.#write(op.compact({ revision: at, physical: dice.perMille(500) }));
    if (code === 0) this.#view.compacted = at;
  }

  async #lease(): Promise<void> {
    const dice = this.#dice;
    const requests = this.#requests;
    const ID = dice.pick([...leaseIds, 999n]);
    switch (
      dice.weighted({ grant: 8, revoke: 3, timeToLive: 8, leases: 4, keepAlive: 3, brief: 1, tooLong: 1 })
    ) {
      case 'grant':
        // 999 stays unknown.
        return await this.#send(op.leaseGrant({ ID: ID === 999n ? 1n : ID, TTL: dice.pick(longTtls) }));
      case 'revoke':
        return await this.#send(op.leaseRevoke({ ID }));
      case 'timeToLive':
        return await this.#send(op.leaseTimeToLive({ ID, keys: dice.perMille(600) }));
      case 'leases':
        return await this.#send(op.leases());
      case 'keepAlive':
        return await this.#keepAlive(dice.list(dice.between(0, 4), () => requests.lease()));
      case 'brief':
        // These become the shortest time there is, and must not get to its end.
        await this.#send(op.leaseGrant({ ID: 77n, TTL: dice.pick([0n, -1n, 1n, -(2n ** 63n)]) }));
        return await this.#send(op.leaseRevoke({ ID: 77n }));
      case 'tooLong':
        return await this.#send(op.leaseGrant({ ID: 78n, TTL: dice.pick([9_000_000_001n, 2n ** 63n - 1n]) }));
    }
  }

  async #keepAlive(ids: readonly bigint[]): Promise<void> {
    await this.#finishReads();
    const outcomes = sides.map(async (side) => {
      const stream = this.#running.callers[side].stream('/etcdserverpb.Lease/LeaseKeepAlive');
      const answers: unknown[] = [];
      stream.on('data', (bytes: Buffer) => answers.push(rpcpb.LeaseKeepAliveResponse.decode(bytes)));
      for (const ID of ids) stream.write(rpcpb.LeaseKeepAliveRequest.encode({ ID }).finish());
      stream.end();
      const end = await endOf(stream);
      return show({ answers, end });
    });
    const [quorate, etcd] = await Promise.all(outcomes);
    for (const _ of ids) this.#count('Lease/LeaseKeepAlive');
    if (quorate !== etcd)
      throw new Error(`keepAlive ${ids.join(' ')}\nquorate: ${quorate}\netcd:    ${etcd}`);
  }

  async #other(): Promise<void> {
    const dice = this.#dice;
    const weights = { hashKv: 10, status: 4, memberList: 4, alarm: 4, arm: 1, hash: 2, defragment: 1 };
    switch (dice.weighted(weights)) {
      case 'hashKv':
        return await this.#send(op.hashKv({ revision: this.#requests.revision() }));
      case 'status':
        return await this.#send(op.status());
      case 'memberList':
        return await this.#send(op.memberList({ linearizable: dice.perMille(500) }));
      case 'alarm':
        return await this.#send(this.#someAlarm());
      case 'arm':
        return await this.#arm();
      case 'hash':
        return await this.#send(op.hash());
      case 'defragment':
        return await this.#send(op.defragment());
    }
  }

  /** Asks for alarms, activates none, or disarms one that is off. */
  #someAlarm(): Operation {
    const dice = this.#dice;
    const memberID = dice.pick([0n, 1n, 2n ** 64n - 1n]);
    // Unknown types come from newer clients; enums on the wire are open. To activate one crashes etcd 3.5.
    const anyType = dice.pick([0, 1, 2, 3]) as rpcpb.AlarmType;
    switch (dice.weighted({ get: 5, none: 1, disarm: 2 })) {
      case 'get':
        return op.alarm({ action: 0, alarm: anyType, memberID });
      case 'none':
        return op.alarm({ action: 1, alarm: 0, memberID });
      case 'disarm':
        return op.alarm({ action: 2, alarm: dice.pick([0, 2, 3] as rpcpb.AlarmType[]), memberID: 5n });
    }
  }

  async #arm(): Promise<void> {
    if (this.#alarm !== undefined) return;
    const fields = {
      alarm: this.#dice.pick([1, 1, 2] as const),
      memberID: this.#dice.pick([0n, 7n, 2n ** 64n - 1n]),
    };
    await this.#write(op.alarm({ action: 1, ...fields }));
    this.#alarm = { disarm: op.alarm({ action: 2, ...fields }), until: this.#operations + alarmOperations };
  }

  async #disarm(): Promise<void> {
    if (this.#alarm === undefined) return;
    await this.#write(this.#alarm.disarm);
    this.#alarm = undefined;
  }

  /** Compares what all watchers got, and the hashes of the store. */
  async #check(): Promise<void> {
    this.#nextCheck = this.#operations + operationsPerCheck;
    await this.#finishReads();
    await this.#watches?.settle();
    const { revision, compacted } = this.#view;
    const at = [0n, revision, compacted, compacted + 1n, compacted - 1n, revision + 1n];
    for (let i = 0; i < 4; i++) at.push(this.#requests.revision());
    for (const each of at) await this.#write(op.hashKv({ revision: each }));
  }

  get #running(): ServerPair {
    if (this.#pair === undefined) throw new Error('the servers are not running');
    return this.#pair;
  }

  #count(method: string): void {
    this.#operations++;
    this.#byMethod.set(method, (this.#byMethod.get(method) ?? 0) + 1);
  }
}

/** The end of a response's first field when that is its header, which is shorter than 128 bytes; else 0. */
function headerEnd(bytes: Uint8Array): number {
  return bytes[0] === 0x0a ? 2 + (bytes[1] ?? 0) : 0;
}
