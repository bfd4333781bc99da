import { z } from 'zod';

/** What a field of the configuration says of itself; flags, environment, file, checks and docs are made of it. */
export interface FieldMeta {
  /** Name of the flag without dashes; the environment's follows from it. */
  readonly flag: string;
  readonly description: string;
  readonly section: 'member' | 'clustering' | 'security' | 'logging' | 'behaviour' | 'experimental';
  readonly kind: 'text' | 'boolean' | 'integer' | 'duration' | 'urls' | 'choice';
  /** The default as one would write it. */
  readonly defaultText: string;
  /** The words of a choice. */
  readonly choices?: readonly string[];
  /** Of a text that has commas in it: it may be given in several pieces, where the command takes such. */
  readonly isList?: boolean;
  /** It was called `experimental-<flag>` up to etcd 3.6, and that name is still taken. */
  readonly experimental?: boolean;
  /** What stands behind a flag of etcd's that this version knows but cannot serve; another value is refused. */
  readonly notBuilt?: string;
  /** Why another value than the default is refused for good: a sentence that says what to use instead. */
  readonly refused?: string;
  /** Of a choice that etcd reads as any text and refuses later, which tells by what the process ends with. */
  readonly isCheckedLater?: boolean;
  /** There is no such flag in etcd. */
  readonly own?: boolean;
  /** The feature gate that it switches, too. */
  readonly gate?: string;
  /** Accepted for compatibility; there is nothing here that it would change. */
  readonly ignored?: string;
}

type Meta = Omit<FieldMeta, 'kind' | 'defaultText' | 'choices'>;

/** Longest time that Node's timers can count, 24 days; a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/** A text as it is. */
export function text(defaultValue: string, meta: Meta) {
  return z
    .union([z.string(), z.number(), z.boolean()], { error: 'must be a text' })
    .transform(String)
    .default(defaultValue)
    .meta({ ...meta, kind: 'text', defaultText: defaultValue });
}

/** `true` or `false`, as Go's flag package reads them. */
export function boolean(defaultValue: boolean, meta: Meta) {
  return z
    .union([z.boolean(), z.string()], { error: 'must be true or false' })
    .transform((value, context) => {
      if (typeof value === 'boolean') return value;
      if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
      if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
      return refuse(context, `"${value}" is neither true nor false`);
    })
    .default(defaultValue)
    .meta({ ...meta, kind: 'boolean', defaultText: String(defaultValue) });
}

/** A whole number within bounds. */
export function integer(defaultValue: number, meta: Meta & { readonly min?: number; readonly max?: number }) {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER, ...rest } = meta;
  return z
    .union([z.number(), z.string()], { error: 'must be a whole number' })
    .transform((value, context) => {
      const number = typeof value === 'number' ? value : /^[+-]?\d+$/.test(value) ? Number(value) : NaN;
      if (!Number.isSafeInteger(number)) return refuse(context, `"${value}" is not a whole number`);
      if (number < min || number > max) {
        // Those that may not be negative are unsigned in etcd: they have no bound there.
        const isUnsigned = min >= 0 && number < 0;
        return refuse(context, `${number} is not within ${min} .. ${max}`, { isOutOfBounds: !isUnsigned });
      }
      return number;
    })
    .default(defaultValue)
    .meta({ ...rest, kind: 'integer', defaultText: String(defaultValue) });
}

/** Milliseconds, not negative; written as a Go duration (`1h30m`, `500ms`), in a file also as nanoseconds. */
export function duration(defaultText: string, meta: Meta & { readonly positive?: boolean }) {
  const { positive = false, ...rest } = meta;
  const example = 'a duration such as 500ms, 10s or 1h30m';
  return z
    .union([z.number(), z.string()], { error: `must be ${example}` })
    .transform((value, context) => {
      const ms = typeof value === 'number' ? value / 1e6 : parseDuration(value);
      if (ms === undefined) return refuse(context, `"${value}" is not ${example}`);
      const isOutOfBounds = true;
      if (positive && ms <= 0) return refuse(context, `"${value}" must be longer than 0`, { isOutOfBounds });
      if (ms < 0) return refuse(context, `"${value}" must not be negative`, { isOutOfBounds });
      return Math.min(ms, maxTimerMs);
    })
    .prefault(defaultText)
    .meta({ ...rest, kind: 'duration', defaultText });
}

/** A comma-separated list of URLs with a scheme that etcd knows, and no path. */
export function urls(defaultText: string, meta: Meta & { readonly listen?: boolean }) {
  const { listen = false, ...rest } = meta;
  return z
    .string({ error: 'must be a comma-separated list of URLs such as http://127.0.0.1:2379' })
    .transform((value, context) => {
      const parsed: string[] = [];
      for (const item of value.split(',').map((part) => part.trim())) {
        if (item === '') continue;
        const problem = urlProblem(item, listen);
        if (problem !== undefined) return refuse(context, problem);
        parsed.push(item);
      }
      return parsed;
    })
    .prefault(defaultText)
    .meta({ ...rest, kind: 'urls', defaultText });
}

/** Texts with commas between them. */
export function list(defaultText: string, meta: Meta) {
  return z
    .string({ error: 'must be a comma-separated list' })
    .transform((value) => (value === '' ? [] : value.split(',').map((item) => item.trim())))
    .prefault(defaultText)
    .meta({ ...meta, kind: 'text', defaultText, isList: true });
}

/** One of a few words. */
export function choice<const T extends readonly [string, ...string[]]>(
  values: T,
  defaultValue: T[number],
  meta: Meta,
) {
  return z
    .enum(values, {
      error: (issue) => `${JSON.stringify(issue.input)} is not ${values.join(' or ')}`,
    })
    .default(defaultValue as never) // zod's default wants its own inferred union, which is T[number]
    .meta({ ...meta, kind: 'choice', defaultText: defaultValue, choices: values });
}

/** Milliseconds of a Go duration; undefined when it is none. A bare 0 is allowed, as in Go. */
export function parseDuration(value: string): number | undefined {
  if (/^[+-]?0$/.test(value)) return 0;
  const match = /^([+-])?((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.exec(value);
  if (match === null) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    totalMs += Number(amount) * (unitMs[unit ?? ''] ?? NaN);
  }
  return match[1] === '-' ? -totalMs : totalMs;
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

function urlProblem(value: string, listen: boolean): string | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
  if (scheme === undefined) return `"${value}" is not a URL such as http://127.0.0.1:2379`;
  if (scheme === 'unix' || scheme === 'unixs') {
    return value.length > `${scheme}://`.length ? undefined : `"${value}" names no socket`;
  }
  if (scheme !== 'http' && scheme !== 'https') {
    return `"${value}" has the scheme ${scheme}, which is none of http, https, unix, unixs`;
  }
  const rest = value.slice(`${scheme}://`.length);
  if (/[/?#]/.test(rest)) return `"${value}" must not have a path`;
  const port = /:(\d+)$/.exec(rest)?.[1];
  if (port === undefined) return `"${value}" has no port`;
  if (Number(port) > 65_535) return `"${value}" has the port ${port}, which is above 65535`;
  if (!URL.canParse(value)) return `"${value}" is not a URL such as http://127.0.0.1:2379`;
  const { hostname } = new URL(value);
  if (listen && !/^(\d+\.\d+\.\d+\.\d+|\[.*\]|localhost)$/.test(hostname)) {
    return `"${value}" has the host name ${hostname}: listen on an IP address or localhost`;
  }
  return undefined;
}

/** Ends a transform with that sentence. A value may be what it should be, and yet out of bounds. */
export function refuse(
  context: z.RefinementCtx,
  message: string,
  { isOutOfBounds = false }: { readonly isOutOfBounds?: boolean } = {},
): never {
  context.addIssue({ code: 'custom', message, params: { isOutOfBounds } });
  return z.NEVER;
}

/** Whether a value was refused for its size alone. */
export function isOutOfBounds(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'custom' && issue.params?.['isOutOfBounds'] === true;
}
