import { rpcpb } from '@quorate/wire';
import { bytesOfText, type ByteString } from './byte-string.ts';
import { FlagError, Flags, type FlagDefinition } from './cli/flags.ts';
import { deleteRequest } from './commands/del.ts';
import { rangeRequest } from './commands/get.ts';
import { argumentBytes } from './commands/key-range.ts';
import { putRequest } from './commands/put.ts';
import { delFlags, getFlags, putFlags } from './commands.ts';
import { ExitError } from './exit.ts';
import { parseInt64 } from './go/parse-int.ts';
import { goQuote, goUnquotePrefix } from './go/quote.ts';
import { words } from './words.ts';

const { VERSION, CREATE, MOD, VALUE, LEASE } = rpcpb.Compare_CompareTarget;
const { EQUAL, GREATER, LESS, NOT_EQUAL } = rpcpb.Compare_CompareResult;

const signs: Readonly<Record<string, rpcpb.Compare_CompareResult>> = {
  '=': EQUAL,
  '!=': NOT_EQUAL,
  '>': GREATER,
  '<': LESS,
};

/** Parts of `target("key") sign "value"` as far as they were understood. */
interface CompareParts {
  readonly target: ByteString;
  readonly key: ByteString;
  readonly sign: ByteString;
  readonly value: ByteString;
  readonly complete: boolean;
}

/**
 * A comparison as users write it: `mod("key") > "0"`. Targets are `ver` or `version`, `c` or `create`, `m` or
 * `mod`, `val` or `value`, and `lease` with its ID in hex. etcdctl 3.5 crashes on a sign it does not know and on
 * every lease; here the one is an error and the other works.
 *
 * @throws ExitError
 */
export function parseCompare(line: ByteString): rpcpb.Compare {
  const { target, key, sign, value, complete } = compareParts(line);
  if (!complete) {
    const got = `${target}(${goQuote(key)}) ${sign} ${goQuote(value)}`;
    throw new ExitError('invalidInput', `malformed comparison: ${line}; got ${got}`);
  }
  const compareTarget = targetOf(target);
  if (compareTarget === undefined) {
    throw new ExitError('invalidInput', `malformed comparison: ${line} (unknown target ${target})`);
  }
  const result = signs[sign];
  if (result === undefined) {
    throw new ExitError('invalidInput', `malformed comparison: ${line} (unknown operator ${sign})`);
  }
  const targetUnion = operand(compareTarget, value, line);
  return { result, target: compareTarget, key: argumentBytes(key), targetUnion, rangeEnd: new Uint8Array(0) };
}

/** An operation as users write it: a `get`, `put` or `del` with its flags. @throws ExitError */
export async function parseOperation(line: ByteString): Promise<rpcpb.RequestOp> {
  const [command = '', ...argv] = words(line);
  if (argv.length === 0) throw new ExitError('invalidInput', `invalid txn compare request: ${line}`);
  switch (command) {
    case 'get': {
      const flags = parseOperationFlags(line, argv, getFlags);
      return { request: { $case: 'requestRange', value: rangeRequest(flags) } };
    }
    case 'put': {
      const flags = parseOperationFlags(line, argv, putFlags);
      return { request: { $case: 'requestPut', value: await putRequest(flags, noInput) } };
    }
    case 'del': {
      const flags = parseOperationFlags(line, argv, delFlags);
      return { request: { $case: 'requestDeleteRange', value: deleteRequest(flags) } };
    }
    default:
      throw new ExitError('invalidInput', `invalid txn request: ${line}`);
  }
}

/** stdin has the lines of the transaction; no value comes from there. */
const noInput = () => Promise.resolve('');

function parseOperationFlags(
  line: ByteString,
  argv: readonly ByteString[],
  definitions: readonly FlagDefinition[],
): Flags {
  const flags = new Flags(definitions);
  try {
    flags.parse(argv);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    throw new ExitError('invalidInput', `invalid txn request: ${line}`, { cause: error });
  }
  return flags;
}

/** Takes a comparison apart as etcdctl's scanner does: a space must follow `)` and the sign, more may. */
function compareParts(line: ByteString): CompareParts {
  const open = line.indexOf('(');
  if (open < 0) throw new ExitError('invalidInput', `malformed comparison: ${line}`);
  const parts = { target: line.slice(0, open), key: '', sign: '', value: '', complete: false };
  const afterOpen = line.slice(open + 1).replace(/^[ \t]+/, '');
  const key = goUnquotePrefix(afterOpen);
  if (key === undefined) return parts;
  parts.key = key.value;
  const sign = /^\)[ \t]+([^ \t]+)/.exec(afterOpen.slice(key.size));
  if (sign === null) return parts;
  parts.sign = sign[1] ?? '';
  const afterSign = afterOpen.slice(key.size + sign[0].length);
  const value = /^[ \t]/.test(afterSign) ? goUnquotePrefix(afterSign.replace(/^[ \t]+/, '')) : undefined;
  if (value === undefined) return parts;
  return { ...parts, value: value.value, complete: true };
}

function targetOf(name: ByteString): rpcpb.Compare_CompareTarget | undefined {
  switch (name) {
    case 'ver':
    case 'version':
      return VERSION;
    case 'c':
    case 'create':
      return CREATE;
    case 'm':
    case 'mod':
      return MOD;
    case 'val':
    case 'value':
      return VALUE;
    case 'lease':
      return LEASE;
    default:
      return undefined;
  }
}

function operand(
  target: rpcpb.Compare_CompareTarget,
  value: ByteString,
  line: ByteString,
): NonNullable<rpcpb.Compare['targetUnion']> {
  if (target === VALUE) return { $case: 'value', value: argumentBytes(value) };
  const number = operandNumber(value, target === LEASE ? 16 : 10, line);
  switch (target) {
    case VERSION:
      return { $case: 'version', value: number };
    case CREATE:
      return { $case: 'createRevision', value: number };
    case MOD:
      return { $case: 'modRevision', value: number };
    case LEASE:
      return { $case: 'lease', value: number };
  }
}

function operandNumber(value: ByteString, base: 10 | 16, line: ByteString): bigint {
  try {
    return parseInt64(value, base);
  } catch (error) {
    const text = bytesOfText('invalid txn compare request: ') + line;
    throw new ExitError('invalidInput', text, { cause: error });
  }
}
