import type { ChannelCredentials } from '@grpc/grpc-js';
import { fromUtf8 } from '@quorate/std';
import { GrpcCaller } from '../differential/grpc-caller.ts';
import { op } from '../differential/operation.ts';

/** Time from one call to the next, whether that has been answered or not. */
const paceMs = 5;

/**
 * A client that does nothing wrong: puts and gets in turns at a fixed pace, over a connection of its own. A call that
 * the member holds up does not hold up the next, so each of them is counted.
 */
export class Bystander implements Disposable {
  readonly #caller: GrpcCaller;
  readonly #token: { readonly token?: string };

  constructor(
    endpoint: string,
    { token, channel }: { token?: string | undefined; channel?: ChannelCredentials | undefined } = {},
  ) {
    this.#caller = new GrpcCaller(endpoint, channel);
    this.#token = token === undefined ? {} : { token };
  }

  /** Latencies in milliseconds of the calls of that time, sorted. @throws Error when one of them fails */
  async measure(durationMs: number): Promise<number[]> {
    const calls: Promise<number>[] = [];
    const beganAt = performance.now();
    for (let i = 0; i * paceMs < durationMs; i++) {
      const waitMs = beganAt + i * paceMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      const call = this.#call(i);
      call.catch(() => {}); // Told below, when all have ended.
      calls.push(call);
    }
    return (await Promise.all(calls)).sort((a, b) => a - b);
  }

  async #call(index: number): Promise<number> {
    const key = fromUtf8(`bystander/${index % 100}`);
    const operation = index % 2 === 0 ? op.put({ key, value: key }) : op.range({ key });
    const beganAt = performance.now();
    const { code, message } = await this.#caller.unary(operation.path, operation.bytes, {
      deadlineMs: 20_000,
      ...this.#token,
    });
    if (code !== 0) throw new Error(`a bystander was answered with ${code}, "${message}"`);
    return performance.now() - beganAt;
  }

  [Symbol.dispose](): void {
    this.#caller[Symbol.dispose]();
  }
}
