import { rpcpb } from '@quorate/wire';
import { EtcdError } from './errors.ts';
import { encodeMessage, methodPath } from './method.ts';

/** Who a client says it is. */
export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** A unary call that carries no token. */
type PlainCall = (path: string, request: Uint8Array) => Promise<Uint8Array>;

/**
 * The token of a client with a name and a password: asked for when first needed, and again after a member has
 * refused it. Calls that need it at the same time share one question.
 */
export class TokenSource {
  readonly #credentials: Credentials;
  readonly #call: PlainCall;
  #token: Promise<string | undefined> | undefined;

  constructor(credentials: Credentials, call: PlainCall) {
    this.#credentials = credentials;
    this.#call = call;
  }

  /** The token; undefined while the cluster has authentication switched off. @throws EtcdError */
  get(): Promise<string | undefined> {
    if (this.#token === undefined) {
      const asked = this.#authenticate();
      this.#token = asked;
      // A question that failed is asked again by whoever comes next.
      asked.catch(() => this.drop(asked));
    }
    return this.#token;
  }

  /** Drops the token that `get` has returned, unless there is a newer one: the next call asks for a new one. */
  drop(token: Promise<string | undefined> | undefined): void {
    if (this.#token === token) this.#token = undefined;
  }

  async #authenticate(): Promise<string | undefined> {
    const { methods } = rpcpb.AuthDefinition;
    const request = encodeMessage(rpcpb.AuthenticateRequest, this.#credentials);
    try {
      const response = await this.#call(methodPath(rpcpb.AuthDefinition, methods.authenticate), request);
      return rpcpb.AuthenticateResponse.decode(response).token;
    } catch (error) {
      if (error instanceof EtcdError && error.message === 'etcdserver: authentication is not enabled') {
        return undefined;
      }
      throw error;
    }
  }
}

/** Whether an error says that a new token would help: the old one is unknown, or older than a change of rights. */
export function isStaleToken(error: unknown): boolean {
  if (!(error instanceof EtcdError)) return false;
  return (
    error.message === 'etcdserver: invalid auth token' ||
    error.message === 'etcdserver: revision of auth store is old' ||
    error.message === 'etcdserver: user name is empty'
  );
}
