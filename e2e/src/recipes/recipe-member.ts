import { PlainPasswords } from '@quorate/credentials/testing';
import { openTestMember, type TestMember } from '@quorate/replica/testing';
import { LocalCalls, methodTable, RpcError, type Member } from '@quorate/rpc';
import { electionpb } from '@quorate/wire';
import type { Reply } from '../differential/grpc-caller.ts';
import { observePath, observeRequest, RecipeCalls, type AskOptions } from './recipe-calls.ts';

/** The calls of a member in this process. */
export function callsOf(member: Member): RecipeCalls {
  const local = new LocalCalls(methodTable(member));
  return new RecipeCalls((path, request, options) =>
    replyOf(local.unary(path, request, localOptions(options))),
  );
}

/** One member in memory whose time a test moves, and the calls of its services. */
export class RecipeMember implements AsyncDisposable {
  readonly test: TestMember;
  readonly calls: RecipeCalls;

  private constructor(test: TestMember) {
    this.test = test;
    this.calls = callsOf(test.replica);
  }

  static async open(): Promise<RecipeMember> {
    return new RecipeMember(await openTestMember({ passwords: new PlainPasswords() }));
  }

  /** Moves time and lets everything happen that it starts. */
  advance(ms: number): Promise<void> {
    return this.test.advance(ms);
  }

  /** Runs `work` to its end while time moves on. */
  during<T>(work: Promise<T>): Promise<T> {
    return this.test.during(work);
  }

  /** The keys that begin so, as `key=value`. */
  async keys(prefix: string): Promise<string[]> {
    const { kvs } = await this.during(this.calls.keys(prefix));
    return kvs.map(({ key, value }) => `${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.during(this.test.replica.close());
  }
}

/** Somebody who observes an election; what was heard is gathered as it comes. */
export class Observer {
  readonly heard: electionpb.LeaderResponse[] = [];
  /** What the stream ended with; undefined when it ended well. */
  readonly ended: Promise<RpcError | undefined>;
  readonly #left = new AbortController();

  constructor(member: Member, name: string, options: AskOptions = {}) {
    this.ended = this.#listen(member, name, options);
  }

  /** The values heard, in order. */
  get values(): string[] {
    return this.heard.map(({ kv }) => Buffer.from(kv?.value ?? []).toString());
  }

  leave(): void {
    this.#left.abort(new RpcError(1, 'context canceled'));
  }

  async #listen(member: Member, name: string, options: AskOptions): Promise<RpcError | undefined> {
    const request = observeRequest(name);
    async function* requests(): AsyncGenerator<Uint8Array> {
      yield request;
    }
    const local = new LocalCalls(methodTable(member));
    const all = localOptions({ ...options, signal: this.#left.signal });
    try {
      for await (const bytes of local.stream(observePath, requests(), all)) {
        this.heard.push(electionpb.LeaderResponse.decode(bytes));
      }
      return undefined;
    } catch (error) {
      if (error instanceof RpcError) return error;
      throw error;
    }
  }
}

function localOptions({ signal = new AbortController().signal, token }: AskOptions): {
  readonly signal: AbortSignal;
  readonly metadata: ReadonlyMap<string, string>;
} {
  return { signal, metadata: new Map(token === undefined ? [] : [['token', token]]) };
}

async function replyOf(work: Promise<Uint8Array>): Promise<Reply> {
  try {
    return { code: 0, message: '', bytes: await work };
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return { code: error.status, message: error.message, bytes: new Uint8Array(0) };
  }
}
