import type { Replica } from '@quorate/replica';
import { toLatin1 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import type { Operation, Outcome, Request, Response } from '../../history/types.ts';
import type { Machine } from '../machine.ts';
import type { SimProcess } from '../process.ts';
import type { Wires } from '../wires.ts';
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

/** The connections of one client, and all it asked and heard. */
export class Caller {
  readonly id: number;
  readonly operations: Operation[] = [];
  readonly #wires: Wires;
  readonly #counters: Counters;
  #connection: { readonly process: SimProcess; readonly number: number } | undefined;

  constructor(options: { readonly id: number; readonly wires: Wires; readonly counters: Counters }) {
    this.id = options.id;
    this.#wires = options.wires;
    this.#counters = options.counters;
  }

  /** Carries a request to a machine and writes down how it ended. Never rejects. */
  async call(
    machine: Machine,
    request: Request,
    options: { readonly timeoutMs: number },
  ): Promise<Operation> {
    const id = this.#counters.nextOperation();
    const calledAt = this.#wires.timeline.nowMs;
    const connection = this.#connectionTo(machine);
    const reply = await this.ask(machine, (replica) => execute(replica, request), options);
    const outcome = outcomeOfReply(reply);
    const operation: Operation = {
      ...{ id, client: this.id, connection, calledAt, request, outcome },
      returnedAt: outcome.kind === 'unknown' ? Infinity : this.#wires.timeline.nowMs,
    };
    this.operations.push(operation);
    return operation;
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

async function execute(replica: Replica, request: Request): Promise<Executed> {
  const { kv, leases } = replica;
  switch (request.kind) {
    case 'range': {
      const parts = await kv.range(wireRange(request));
      return { revision: parts.header?.revision ?? 0, response: rangeResponse(parts) };
    }
    case 'put': {
      const parts = await kv.put(encodePut(request));
      return { revision: parts.header?.revision ?? 0, response: putResponse(parts) };
    }
    case 'deleteRange': {
      const parts = await kv.deleteRange(encodeDeleteRange(request));
      return { revision: parts.header?.revision ?? 0, response: deleteRangeResponse(parts) };
    }
    case 'txn': {
      const parts = await kv.txn(encodeTxn(request));
      return { revision: parts.header?.revision ?? 0, response: txnResponse(parts) };
    }
    case 'compact': {
      const encoded = rpcpb.CompactionRequest.encode({ revision: BigInt(request.revision), physical: false });
      const header = await kv.compact(encoded.finish());
      return { revision: header.revision, response: { kind: 'compact' } };
    }
    case 'leaseGrant': {
      const { id, ttlSeconds } = request;
      const granted = await leases.grant({ ID: id, TTL: BigInt(ttlSeconds) });
      return {
        revision: revisionOf(granted.header),
        response: { kind: 'leaseGrant', id: granted.ID, ttlSeconds: Number(granted.TTL) },
      };
    }
    case 'leaseRevoke': {
      const { header } = await leases.revoke({ ID: request.id });
      return { revision: revisionOf(header), response: { kind: 'leaseRevoke' } };
    }
    case 'leaseKeepAlive': {
      const ttlSeconds = await leases.keepAlive(request.id);
      return { revision: 0, response: { kind: 'leaseKeepAlive', ttlSeconds } };
    }
    case 'leaseTimeToLive': {
      const keys = request.keys ?? false;
      const found = await leases.timeToLive({ ID: request.id, keys });
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
