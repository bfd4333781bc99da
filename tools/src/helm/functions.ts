import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { TemplateError } from './syntax.ts';
import { areEqual, isDict, isTrue, printed } from './values.ts';

type TemplateFunction = (...args: readonly unknown[]) => unknown;

/** The functions of Go, Sprig and Helm that our charts use; a template that names another one is refused. */
export const functions: Readonly<Record<string, TemplateFunction>> = {
  quote: (...args) => args.map((arg) => JSON.stringify(printed(arg))).join(' '),
  default: (fallback, value) => (isTrue(value) ? value : fallback),
  ternary: (yes, no, condition) => (condition === true ? yes : no),
  required: (message, value) => {
    if (value === undefined || value === null || value === '') throw new TemplateError(printed(message));
    return value;
  },
  fail: (message) => {
    throw new TemplateError(printed(message));
  },
  printf: (format, ...args) => formatted(printed(format), args),
  toString: (value: unknown) => printed(value),
  trunc: (length, text) => printed(text).slice(0, Number(int(length))),
  trimSuffix: (suffix, text) => without(printed(text), printed(suffix)),
  contains: (part, text) => printed(text).includes(printed(part)),
  hasPrefix: (prefix, text) => printed(text).startsWith(printed(prefix)),
  replace: (from, to, text) => printed(text).replaceAll(printed(from), printed(to)),
  upper: (text) => printed(text).toUpperCase(),
  join: (separator, list) => listOf(list).map(printed).join(printed(separator)),
  sha256sum: (text) => createHash('sha256').update(printed(text)).digest('hex'),

  indent: (width, text) => indented(int(width), printed(text)),
  nindent: (width, text) => `\n${indented(int(width), printed(text))}`,
  toYaml: (value) => stringify(value ?? null, { sortMapEntries: true, lineWidth: 0 }).trimEnd(),

  eq: (a, ...others) => others.some((other) => areEqual(a, other)),
  ne: (a, b) => !areEqual(a, b),
  lt: (a, b) => int(a, 'strict') < int(b, 'strict'),
  gt: (a, b) => int(a, 'strict') > int(b, 'strict'),
  ge: (a, b) => int(a, 'strict') >= int(b, 'strict'),
  not: (value) => !isTrue(value),
  empty: (value) => !isTrue(value),
  int: (value) => int(value),
  int64: (value) => int(value),
  add: (...args) => args.reduce<bigint>((sum, arg) => sum + int(arg), 0n),
  sub: (a, b) => int(a) - int(b),
  div: (a, b) => int(a) / int(b),
  until: (end) => Array.from({ length: Number(int(end)) }, (_, index) => BigInt(index)),

  list: (...args) => args,
  append: (list, value) => [...listOf(list), value],
  has: (value, list) => listOf(list).includes(value),
  dict: (...args) => dictOf(args),
  hasKey: (value, key) => isDict(value) && Object.hasOwn(value, printed(key)),
};

/** A whole number; `strict` takes only what is an int64 already, as Go's comparisons do. */
function int(value: unknown, mode?: 'strict'): bigint {
  if (typeof value === 'bigint') return value;
  if (mode === 'strict')
    throw new TemplateError(`${JSON.stringify(value)} is no int64: "int" makes one of it`);
  if (typeof value === 'number') return BigInt(Math.trunc(value));
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return BigInt(value);
  return 0n;
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TemplateError(`${JSON.stringify(value)} is no list`);
  return value;
}

function dictOf(args: readonly unknown[]): Record<string, unknown> {
  const entries: Record<string, unknown> = {};
  for (let at = 0; at < args.length; at += 2) entries[printed(args[at])] = args[at + 1] ?? '';
  return entries;
}

function without(text: string, suffix: string): string {
  return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
}

function indented(width: bigint, text: string): string {
  const pad = ' '.repeat(Number(width));
  return text
    .split('\n')
    .map((line) => pad + line)
    .join('\n');
}

/** `%s` and `%d`, each for a value of its kind, and `%%`. */
function formatted(format: string, args: readonly unknown[]): string {
  let at = 0;
  const text = format.replaceAll(/%(.)/g, (verb, letter: string) => {
    if (letter === '%') return '%';
    const value = args[at++];
    const fits = letter === 's' ? typeof value === 'string' : letter === 'd' && typeof value === 'bigint';
    if (!fits) throw new TemplateError(`printf: ${verb} does not fit ${JSON.stringify(printed(value))}`);
    return printed(value);
  });
  if (at !== args.length) throw new TemplateError(`printf: ${args.length} values for "${format}"`);
  return text;
}
