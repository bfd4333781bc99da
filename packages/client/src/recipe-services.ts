import { electionpb, lockpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { encodeMessage, methodPath, unaryMethod, type UnaryMethod } from './method.ts';
import type { CallOptions } from './options.ts';

/**
 * etcd's `v3lockpb.Lock`, message for message. Waiting for a lock has no time limit unless `timeoutMs` gives one. The
 * lease is the caller's to keep alive: `session.lock` does all of that, by the same keys.
 */
export class LockService {
  /** Waits for a lock; its key is in the answer. */
  readonly lock: UnaryMethod<lockpb.LockRequest, lockpb.LockResponse>;
  /** Gives a lock back, by its key. */
  readonly unlock: UnaryMethod<lockpb.UnlockRequest, lockpb.UnlockResponse>;

  constructor(connections: Connections) {
    const service = lockpb.LockDefinition;
    const { methods } = service;
    this.lock = patient(unaryMethod(connections, service, methods.lock, { repeatable: false }));
    this.unlock = unaryMethod(connections, service, methods.unlock, { repeatable: false });
  }
}

/** etcd's `v3electionpb.Election`, message for message. Campaigning has no time limit unless `timeoutMs` gives one. */
export class ElectionService {
  /** Waits to be elected; the answer says as whom. */
  readonly campaign: UnaryMethod<electionpb.CampaignRequest, electionpb.CampaignResponse>;
  /** Says something else as the leader. */
  readonly proclaim: UnaryMethod<electionpb.ProclaimRequest, electionpb.ProclaimResponse>;
  /** The leader and what it says. */
  readonly leader: UnaryMethod<electionpb.LeaderRequest, electionpb.LeaderResponse>;
  /** Lets the next candidate lead. */
  readonly resign: UnaryMethod<electionpb.ResignRequest, electionpb.ResignResponse>;
  readonly #connections: Connections;

  constructor(connections: Connections) {
    const service = electionpb.ElectionDefinition;
    const { methods } = service;
    this.#connections = connections;
    this.campaign = patient(unaryMethod(connections, service, methods.campaign, { repeatable: false }));
    this.proclaim = unaryMethod(connections, service, methods.proclaim, { repeatable: false });
    this.leader = unaryMethod(connections, service, methods.leader, { repeatable: true });
    this.resign = unaryMethod(connections, service, methods.resign, { repeatable: false });
  }

  /** The leaders and what they proclaim, one after the other, until the stream breaks: that is an error. */
  async *observe(
    request: Partial<electionpb.LeaderRequest>,
    options: CallOptions = {},
  ): AsyncGenerator<electionpb.LeaderResponse, void, undefined> {
    const { observe } = electionpb.ElectionDefinition.methods;
    const path = methodPath(electionpb.ElectionDefinition, observe);
    const bytes = encodeMessage(electionpb.LeaderRequest, request);
    for await (const message of this.#connections.serverMessages(path, bytes, options)) {
      yield electionpb.LeaderResponse.decode(message);
    }
  }
}

/** A call that waits for its turn, as long as it takes. */
function patient<Request, Response>(call: UnaryMethod<Request, Response>): UnaryMethod<Request, Response> {
  return (request, options) => call(request, { ...options, timeoutMs: options?.timeoutMs ?? Infinity });
}
