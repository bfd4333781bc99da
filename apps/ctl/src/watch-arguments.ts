import type { KeySelector } from '@quorate/client';
import type { ByteString } from './byte-string.ts';
import type { Flags } from './cli/flags.ts';
import { argumentBytes } from './commands/key-range.ts';
import { ExitError } from './exit.ts';

/** What a watch is asked for on the command line, or on a line of the interactive form. */
export interface WatchArguments {
  readonly selector: KeySelector;
  readonly startRevision: bigint;
  readonly prevKv: boolean;
  readonly progressNotify: boolean;
  /** Show how values change, rather than print events as etcdctl does. */
  readonly diff: boolean;
  /** The program to run for each event; empty when none is. */
  readonly command: readonly ByteString[];
}

/** The key and the end of the range as the environment may give them. */
export interface WatchEnvironment {
  readonly key: ByteString;
  readonly rangeEnd: ByteString;
}

/**
 * Understands `[key or prefix] [range_end] [--] [command …]`. What is to be watched comes from the arguments or
 * from the environment, never from both.
 *
 * @throws ExitError
 */
export function parseWatchArguments(flags: Flags, environment: WatchEnvironment): WatchArguments {
  const { args, argsBeforeDash } = flags;
  const keys = args.slice(0, argsBeforeDash ?? args.length);
  const command = args.slice(argsBeforeDash ?? args.length);
  const fromEnvironment = environment.key !== '';
  if (fromEnvironment && keys.length > 0) {
    throw badArguments('bad number of arguments (found conflicting environment key)');
  }
  if (!fromEnvironment && keys.length === 0) throw badArguments('bad number of arguments');
  if (argsBeforeDash !== undefined && command.length === 0) {
    throw badArguments('bad number of arguments (found separator --, but no commands)');
  }
  return {
    selector: watchSelector(fromEnvironment ? keysOf(environment) : keys, flags),
    startRevision: flags.int64('rev'),
    // What was there before is half of a difference.
    prevKv: flags.bool('prev-kv') || flags.bool('diff'),
    progressNotify: flags.bool('progress-notify'),
    diff: flags.bool('diff'),
    command,
  };
}

function keysOf({ key, rangeEnd }: WatchEnvironment): ByteString[] {
  return rangeEnd === '' ? [key] : [key, rangeEnd];
}

/** Of two arguments the second is the end of the range; more than two are one key, as etcdctl has it. */
function watchSelector(keys: readonly ByteString[], flags: Flags): KeySelector {
  const [key = '', rangeEnd] = keys;
  const bytes = argumentBytes(key);
  const prefix = flags.bool('prefix');
  if (keys.length === 2 && rangeEnd !== undefined) {
    if (prefix) throw badArguments('`range_end` and `--prefix` are mutually exclusive');
    return { range: { from: bytes, endExclusive: argumentBytes(rangeEnd) } };
  }
  return prefix ? { prefix: bytes } : { key: bytes };
}

function badArguments(text: ByteString): ExitError {
  return new ExitError('badArguments', text);
}
