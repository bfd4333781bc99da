import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromUtf8, toUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { GrpcCaller } from '../differential/grpc-caller.ts';
import { op, type Operation } from '../differential/operation.ts';
import { startQuorate, type MemberProcess } from '../member-process.ts';

/** A member that is treated badly, in a process of its own, and must live through it. */
export class Victim implements AsyncDisposable {
  readonly member: MemberProcess;
  readonly caller: GrpcCaller;
  readonly #folder: string;

  private constructor(member: MemberProcess, folder: string) {
    this.member = member;
    this.caller = new GrpcCaller(member.endpoint);
    this.#folder = folder;
  }

  static async start(): Promise<Victim> {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-hostile-'));
    return new Victim(await startQuorate({ dataDir: folder, flags: ['--unsafe-no-fsync'] }), folder);
  }

  get host(): { readonly host: string; readonly port: number } {
    const [host = '', port = ''] = this.member.endpoint.split(':');
    return { host, port: Number(port) };
  }

  /** @throws Error when a put and a get, over a new connection and the old one, do not work as ever */
  async checkAlive(): Promise<void> {
    const value = randomUUID();
    using fresh = new GrpcCaller(this.member.endpoint);
    const put = op.put({ key: fromUtf8('alive'), value: fromUtf8(value) });
    await this.#succeed(fresh, put);
    const { kvs } = rpcpb.RangeResponse.decode(
      await this.#succeed(this.caller, op.range({ key: fromUtf8('alive') })),
    );
    if (kvs[0] === undefined || toUtf8(kvs[0].value) !== value) throw new Error('a value was not read back');
  }

  /** Memory that the process holds in RAM, in MiB. */
  async residentMiB(): Promise<number> {
    const status = await readFile(`/proc/${this.member.pid}/status`, 'utf8');
    return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
  }

  async #succeed(caller: GrpcCaller, operation: Operation): Promise<Uint8Array> {
    const { code, message, bytes } = await caller.unary(operation.path, operation.bytes, {
      deadlineMs: 20_000,
    });
    if (code !== 0) throw new Error(`${operation.method} was answered with ${code}, "${message}"`);
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.caller[Symbol.dispose]();
    await this.member[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
