import type { Caller as AuthCaller } from '@quorate/auth';
import type { Replica } from '@quorate/replica';
import { toLatin1 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import type { AuthOperation, AuthRequest } from '../../history/auth.ts';
import type { Operation, Outcome, Request, Response } from '../../history/types.ts';
import type { LoginResult, Session } from '../auth/session.ts';
import { proofOf, type Token } from '../auth/token.ts';
import { Deposition } from '../auth/deposition.ts';
import type { Witness } from '../auth/witness.ts';
import type { Machine } from '../machine.ts';
import type { SimProcess } from '../process.ts';
import type { Wires } from '../wires.ts';
import { admitted } from './admission.ts';
import { authOutcomeOf, executeAuth, type AuthAnswer } from './auth-call.ts';
import { deleteRangeResponse, putResponse, rangeResponse, txnResponse } from './from-wire.ts';
import { outcomeOf } from './outcome-of.ts';
import { encodeDeleteRange, encodePut, encodeTxn, wireRange } from './to-wire.ts';

/** How a call ended. `unreachable`: it never arrived, so it was surely not carried out. */
export type Reply<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'timeout' };

/** Numbers that are unique in a simulation. */
export class Counters {
  #operations = 0;
  #connections = 0;

  nextOperation(): number {
    return this.#operations++;
  }

  nextConnection(): number {
    return this.#connections++;
  }
}

/** A client as a user of the cluster, and who knows what members know. */
export interface Credentials {
  readonly session: Session;
  readonly witness: Witness;
}

/** The connections of one client, and all it asked and heard. */
export class Caller {
  readonly id: number;
  readonly operations: Operation[] = [];
  readonly authOperations: AuthOperation[] = [];
  /** Undefined in a cluster without users. */
  credentials: Credentials | undefined;
  readonly #wires: Wires;
  readonly #counters: Counters;
  readonly #asksAtOnce: boolean;
  #connection: { readonly process: SimProcess; readonly number: number } | undefined;

  constructor(options: {
    readonly id: number;
    readonly wires: Wires;
    readonly counters: Counters;
    /** Whether renewals ask for an answer at once before they wait for one, as the gRPC service does. */
    readonly asksAtOnce: boolean;
  }) {
    this.id = options.id;
    this.#wires = options.wires;
    this.#counters = options.counters;
    this.#asksAtOnce = options.asksAtOnce;
  }

  /** Carries a request to a machine and writes down how it ended. Logs in before, if need be. Never rejects. */
  async call(
    machine: Machine,
    request: Request,
    options: { readonly timeoutMs: number },
  ): Promise<Operation> {
    await this.prepare(machine, options);
    const id = this.#counters.nextOperation();
    const calledAt = this.#wires.timeline.nowMs;
    const connection = this.#connectionTo(machine);
    const deposition = this.#depose(machine, this.credentials?.session.show());
    const reply = await this.ask(
      machine,
      (replica) =>
        deposition === undefined
          ? (this.#renewNow(replica, request) ?? execute(replica, request))
          : deposition.during(replica, async (token) =>
              execute(replica, request, await admitted(replica, pathOf[request.kind], token)),
            ),
      options,
    );
    const outcome = outcomeOfReply(reply);
    const operation: Operation = {
      ...{ id, client: this.id, connection, calledAt, request, outcome },
      returnedAt: outcome.kind === 'unknown' ? Infinity : this.#wires.timeline.nowMs,
      ...(deposition !== undefined && { context: deposition.end() }),
    };
    if (outcome.kind === 'refused') this.credentials?.session.hear(outcome.message);
    this.operations.push(operation);
    return operation;
  }

  #renewNow({ leases }: Replica, request: Request): Promise<Executed> | undefined {
    if (!this.#asksAtOnce || request.kind !== 'leaseKeepAlive') return undefined;
    const ttlSeconds = leases.keepAliveNow(request.id);
    if (ttlSeconds === undefined) return undefined;
    return Promise.resolve({ revision: 0, response: { kind: 'leaseKeepAlive', ttlSeconds } });
  }

  /** The same for a request about users. @throws Error without credentials */
  async callAuth(
    machine: Machine,
    request: AuthRequest,
    options: { readonly timeoutMs: number },
  ): Promise<AuthOperation> {
    if (request.kind !== 'login') await this.prepare(machine, options);
    return (await this.#callAuth(machine, request, options)).operation;
  }

  /** Logs in at a machine, if a member has asked for it. */
  prepare(machine: Machine, options: { readonly timeoutMs: number }): Promise<void> | undefined {
    const session = this.credentials?.session;
    return session?.prepare((password) => this.#logIn(machine, session.user, password, options));
  }

  async #logIn(
    machine: Machine,
    user: string,
    password: string,
    options: { readonly timeoutMs: number },
  ): Promise<LoginResult> {
    const request: AuthRequest = { kind: 'login', user, password };
    const { operation, answer } = await this.#callAuth(machine, request, options);
    const { outcome, calledAt } = operation;
    this.credentials?.witness.noteLogin(calledAt);
    if (answer?.kind === 'token')
      return { token: { text: answer.text, user, proof: proofOf(answer.text), loggedInAtMs: calledAt } };
    return outcome.kind === 'refused' ? outcome : { kind: 'unknown' };
  }

  async #callAuth(
    machine: Machine,
    request: AuthRequest,
    options: { readonly timeoutMs: number },
  ): Promise<{ readonly operation: AuthOperation; readonly answer: AuthAnswer | undefined }> {
    const id = this.#counters.nextOperation();
    const calledAt = this.#wires.timeline.nowMs;
    const isOpen = request.kind === 'login' || request.kind === 'authStatus';
    const deposition = this.#depose(machine, isOpen ? undefined : this.credentials?.session.show());
    if (deposition === undefined) throw new Error('a client without credentials knows of no users');
    const reply = await this.ask(
      machine,
      (replica) => deposition.during(replica, (token) => executeAuth(replica, request, token)),
      options,
    );
    const outcome = authOutcomeOf(reply);
    const operation: AuthOperation = {
      ...{ id, client: this.id, calledAt, request, outcome, context: deposition.end() },
      returnedAt: outcome.kind === 'unknown' ? Infinity : this.#wires.timeline.nowMs,
    };
    if (outcome.kind === 'refused') this.credentials?.session.hear(outcome.code);
    this.authOperations.push(operation);
    return { operation, answer: reply.kind === 'answer' ? reply.value : undefined };
  }

  #depose(machine: Machine, token: Token | undefined): Deposition | undefined {
    const { credentials } = this;
    const { nowMs } = this.#wires.timeline;
    return credentials && new Deposition(credentials.witness, { machine, token, calledAtMs: nowMs });
  }

  /** Asks the member on a machine for anything, over the network, with patience for so long. Never rejects. */
  ask<T>(
    machine: Machine,
    work: (replica: Replica) => Promise<T>,
    { timeoutMs }: { readonly timeoutMs: number },
  ): Promise<Reply<T>> {
    const { timeline, troubles, chance } = this.#wires;
    const known = machine.process;
    return new Promise((resolve) => {
      const patience = timeline.after(timeoutMs, 'client timeout', () => resolve({ kind: 'timeout' }));
      const end = (reply: Reply<T>): void => {
        patience.action = undefined;
        resolve(reply);
      };
      const refuse = (): void =>
        void timeline.after(troubles.delay().ms, 'client refused', () => end({ kind: 'unreachable' }));
      timeline.after(troubles.delay().ms, 'client call', () => {
        const { process, replica } = machine;
        if (troubles.isCutFromClients(machine.name)) return chance.happens(0.5) ? refuse() : undefined;
        if (process === undefined || replica === undefined) return refuse();
        // The connection went with the process; a new one knows nothing of it.
        if (known !== undefined && process !== known) return refuse();
        const answer = (reply: Reply<T>): void => {
          // The connection is cut when the process goes before its answer has left.
          if (process.isGone) return;
          timeline.after(troubles.delay().ms, 'client answer', () => {
            if (!troubles.isCutFromClients(machine.name)) end(reply);
          });
        };
        process.later(0, 'client request', () => {
          work(replica).then(
            (value) => answer({ kind: 'answer', value }),
            (error: unknown) => answer({ kind: 'error', error }),
          );
        });
      });
    });
  }

  #connectionTo({ process }: Machine): number {
    if (process === undefined) return this.#counters.nextConnection();
    if (this.#connection?.process !== process) {
      this.#connection = { process, number: this.#counters.nextConnection() };
    }
    return this.#connection.number;
  }
}

/** The RPC of each request: whose rule applies. */
const pathOf: Readonly<Record<Request['kind'], string>> = {
  range: '/etcdserverpb.KV/Range',
  put: '/etcdserverpb.KV/Put',
  deleteRange: '/etcdserverpb.KV/DeleteRange',
  txn: '/etcdserverpb.KV/Txn',
  compact: '/etcdserverpb.KV/Compact',
  leaseGrant: '/etcdserverpb.Lease/LeaseGrant',
  leaseRevoke: '/etcdserverpb.Lease/LeaseRevoke',
  leaseKeepAlive: '/etcdserverpb.Lease/LeaseKeepAlive',
  leaseTimeToLive: '/etcdserverpb.Lease/LeaseTimeToLive',
};

interface Executed {
  readonly revision: number;
  readonly response: Response;
}

function outcomeOfReply(reply: Reply<Executed>): Outcome {
  switch (reply.kind) {
    case 'answer':
      return { kind: 'ok', ...reply.value };
    case 'error':
      return outcomeOf(reply.error);
    case 'unreachable':
      return { kind: 'refused', code: 'other', message: 'unreachable' };
    case 'timeout':
      return { kind: 'unknown' };
  }
}

async function execute(replica: Replica, request: Request, caller?: AuthCaller): Promise<Executed> {
  const { kv, leases } = replica;
  switch (request.kind) {
    case 'range': {
      const parts = await kv.range(wireRange(request), caller);
      return { revision: parts.header?.revision ?? 0, response: rangeResponse(parts) };
    }
    case 'put': {
      const parts = await kv.put(encodePut(request), caller);
      return { revision: parts.header?.revision ?? 0, response: putResponse(parts) };
    }
    case 'deleteRange': {
      const parts = await kv.deleteRange(encodeDeleteRange(request), caller);
      return { revision: parts.header?.revision ?? 0, response: deleteRangeResponse(parts) };
    }
    case 'txn': {
      const parts = await kv.txn(encodeTxn(request), caller);
      return { revision: parts.header?.revision ?? 0, response: txnResponse(parts) };
    }
    case 'compact': {
      const encoded = rpcpb.CompactionRequest.encode({ revision: BigInt(request.revision), physical: false });
      const header = await kv.compact(encoded.finish(), caller);
      return { revision: header.revision, response: { kind: 'compact' } };
    }
    case 'leaseGrant': {
      const { id, ttlSeconds } = request;
      const granted = await leases.grant({ ID: id, TTL: BigInt(ttlSeconds) }, caller);
      return {
        revision: revisionOf(granted.header),
        response: { kind: 'leaseGrant', id: granted.ID, ttlSeconds: Number(granted.TTL) },
      };
    }
    case 'leaseRevoke': {
      const { header } = await leases.revoke({ ID: request.id }, caller);
      return { revision: revisionOf(header), response: { kind: 'leaseRevoke' } };
    }
    case 'leaseKeepAlive': {
      const ttlSeconds = await leases.keepAlive(request.id, caller);
      return { revision: 0, response: { kind: 'leaseKeepAlive', ttlSeconds } };
    }
    case 'leaseTimeToLive': {
      const keys = request.keys ?? false;
      const found = await leases.timeToLive({ ID: request.id, keys }, caller);
      return {
        revision: revisionOf(found.header),
        response: {
          ...{ kind: 'leaseTimeToLive', ttlSeconds: Number(found.TTL) },
          grantedTtlSeconds: Number(found.grantedTTL),
          ...(keys && { keys: found.keys.map((key) => toLatin1(key)) }),
        },
      };
    }
  }
}

function revisionOf(header: rpcpb.ResponseHeader | undefined): number {
  return Number(header?.revision ?? 0n);
}
