import { TemplateError } from './syntax.ts';

/**
 * Values are those of YAML, with what Go tells apart told apart: a number of the values of a chart is a `number` (Go's
 * float64), one that a template counts with is a `bigint` (an int64).
 */
export type Dict = Readonly<Record<string, unknown>>;

/** What a template calls by a path: `.Files.Get "name"`. */
export class Method {
  readonly call: (...args: readonly unknown[]) => unknown;

  constructor(call: (...args: readonly unknown[]) => unknown) {
    this.call = call;
  }
}

/** Whether it has entries by name. */
export function isDict(value: unknown): value is Dict {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Method);
}

/** Whether `if` takes it for true: it is not nothing, false, zero or empty. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isDict(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

/**
 * A value as a template prints it.
 *
 * @throws TemplateError for large numbers of the values, which Go would print as 1e+06: they need `int64`; and for lists
 *   and dictionaries, which need `toYaml`
 */
export function printed(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') {
    if (!Number.isInteger(value) || Math.abs(value) >= 1e6) {
      throw new TemplateError(`${value} would not be printed as it is written: use int64, or a text`);
    }
    return String(value);
  }
  if (typeof value === 'string' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  throw new TemplateError(`${JSON.stringify(value)} is no text: use toYaml`);
}

/** The entry of a name; of what has none, undefined. @throws TemplateError when the value is nothing, as in Go */
export function fieldOf(value: unknown, name: string): unknown {
  if (isDict(value)) return Object.hasOwn(value, name) ? value[name] : undefined;
  if (value === null || value === undefined) {
    throw new TemplateError(`nil pointer evaluating interface {}.${name}`);
  }
  throw new TemplateError(`can't evaluate field ${name} in ${JSON.stringify(value)}`);
}

/** One value for another, where they are of one type. @throws TemplateError as Go, when they are not */
export function areEqual(a: unknown, b: unknown): boolean {
  if (isNothing(a) || isNothing(b)) return isNothing(a) && isNothing(b);
  if (typeof a !== typeof b || typeof a === 'object') {
    throw new TemplateError(
      `${JSON.stringify(String(a))} and ${JSON.stringify(String(b))} cannot be compared`,
    );
  }
  return a === b;
}

function isNothing(value: unknown): boolean {
  return value === null || value === undefined;
}
