import { CompactedError, EtcdError, type Client } from '@quorate/client';
import { systemClock } from '@quorate/std';
import { constants } from 'node:os';
import { textOf } from '../byte-string.ts';
import type { Action } from '../cli/command.ts';
import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { listenForInterrupts, type Interruption } from '../interruption.ts';
import { mirror, type MirrorEnd, type MirrorOptions } from '../mirror.ts';
import { startProgress, type Progress } from '../progress.ts';
import { argumentBytes } from './key-range.ts';

/** How often is printed how many keys and changes have been mirrored so far. */
const countEveryMs = 30_000;

/** Copies keys to another cluster, and repeats there what happens to them, until it is interrupted or cannot go on. */
export const makeMirror = mirrorCounting(countEveryMs);

/** `make-mirror` that prints its count at other intervals, for tests. */
export function mirrorCounting(everyMs: number): Action {
  return async (context) => {
    const [destinationEndpoints = ''] = context.args;
    if (destinationEndpoints === '' || context.args.length !== 1) {
      throw new ExitError('badArguments', 'make-mirror takes one destination argument');
    }
    const destination = await context.destinationClient(destinationEndpoints.split(','));
    const source = await context.client();
    const ends = { source, destination, ...prefixesOf(context) };
    using interruption = listenForInterrupts(context.terminal);
    using report = await MirrorReport.open(context, source, { prefix: ends.prefix, everyMs });
    try {
      await mirror({
        ...ends,
        fromRevision: fromRevisionOf(context),
        txnOpsMax: Number(context.flags.uint64('max-txn-ops')),
        timeoutMs: context.timeoutMs,
        clock: systemClock,
        onMirrored: (count) => report.mirrored(count),
        onCopied: () => report.copied(),
        onTrouble: (end, error) => report.trouble(end, error),
        signal: interruption.signal,
      });
    } catch (error) {
      if (interruption.signal.aborted) throw killed(interruption);
      if (isCompacted(error)) report.compacted(error);
      throw error;
    }
  };
}

/** What a shell sees of a program that the signal has killed, as it does etcdctl. */
function killed({ terminated }: Interruption): ExitError {
  const { SIGINT, SIGTERM } = constants.signals;
  return new ExitError('interrupted', undefined, { status: 128 + (terminated.aborted ? SIGTERM : SIGINT) });
}

function prefixesOf({ flags }: Context): Pick<MirrorOptions, 'prefix' | 'destinationPrefix'> {
  const [prefix, destinationPrefix] = [flags.string('prefix'), flags.string('dest-prefix')];
  const isRemoved = flags.bool('no-dest-prefix');
  if (isRemoved && destinationPrefix !== '') {
    const text = '`--dest-prefix` and `--no-dest-prefix` cannot be set at the same time, choose one';
    throw new ExitError('badArguments', text);
  }
  const kept = isRemoved ? '' : prefix;
  return {
    prefix: argumentBytes(prefix),
    destinationPrefix: argumentBytes(destinationPrefix === '' ? kept : destinationPrefix),
  };
}

/** The first revision of all is one where nothing is there yet: from it on, everything is copied. */
function fromRevisionOf({ flags }: Context): bigint {
  const revision = flags.int64('rev');
  return revision > 1n ? revision : 0n;
}

function isCompacted(error: unknown): error is EtcdError {
  return error instanceof EtcdError && error.code === 'OUT_OF_RANGE' && /compacted/.test(error.message);
}

/** What is said while a mirror is made. */
class MirrorReport implements Disposable {
  readonly #context: Context;
  readonly #timer: NodeJS.Timeout;
  /** How many keys there are to copy, where somebody looks on. */
  readonly #total: number | undefined;
  /** Of these is known that they do not answer. */
  readonly #silent = new Set<MirrorEnd>();
  #progress: Progress | undefined;
  #count = 0;

  private constructor(context: Context, everyMs: number, total?: number) {
    this.#context = context;
    this.#total = total;
    if (total !== undefined) this.#showProgress();
    this.#timer = setInterval(() => {
      this.#say(() => context.printText(`${this.#count}\n`));
    }, everyMs);
  }

  /** Looks how much there is to do, if somebody wants to see that. */
  static async open(
    context: Context,
    source: Client,
    { prefix, everyMs }: { readonly prefix: Uint8Array; readonly everyMs: number },
  ): Promise<MirrorReport> {
    const { terminal, timeoutMs } = context;
    if (terminal.errorTerminal === undefined || fromRevisionOf(context) > 0n) {
      return new MirrorReport(context, everyMs);
    }
    return new MirrorReport(context, everyMs, Number(await source.count({ prefix }, { timeoutMs })));
  }

  mirrored(count: number): void {
    this.#count += count;
    this.#silent.clear();
    this.#progress?.set(this.#count);
  }

  copied(): void {
    this.#progress?.done();
    this.#progress = undefined;
  }

  trouble(end: MirrorEnd, error: EtcdError): void {
    if (this.#silent.has(end)) return;
    this.#silent.add(end);
    const text = `the ${end} does not answer (${errorText(error)}); going on as soon as it does`;
    this.#say(() => this.#context.terminal.err(`${text}\n`));
  }

  compacted(error: EtcdError): void {
    const { flags } = this.#context;
    const oldest = error instanceof CompactedError ? ` (its history begins at ${error.compactRevision})` : '';
    const prefix = textOf(flags.string('prefix')) === '' ? 'all keys' : 'these keys';
    this.#say(() => {
      this.#context.terminal.err(
        `the source has compacted changes that were not mirrored yet${oldest}: ` +
          `start again${flags.int64('rev') > 1n ? ' without --rev' : ''}, which copies ${prefix} anew; ` +
          `what was deleted meanwhile stays at the destination\n`,
      );
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.copied();
  }

  /** Lines come where the bar was, which is drawn again below them. */
  #say(print: () => void): void {
    const isShown = this.#progress !== undefined;
    this.copied();
    print();
    if (isShown) this.#showProgress();
  }

  #showProgress(): void {
    this.#progress = startProgress(this.#context.terminal, {
      label: 'copying',
      total: this.#total,
      unit: 'keys',
    });
    this.#progress.set(this.#count);
  }
}
