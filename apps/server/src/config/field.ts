import { z } from 'zod';

/** What a field of the configuration says of itself; flags, environment, file, checks and docs are made of it. */
export interface FieldMeta {
  /** Name of the flag without dashes; the environment's follows from it. */
  readonly flag: string;
  readonly description: string;
  readonly section: 'member' | 'clustering' | 'security' | 'logging' | 'behaviour';
  readonly kind: 'text' | 'boolean' | 'integer' | 'duration' | 'urls' | 'choice';
  /** What stands behind a flag of etcd's that this version knows but cannot serve; another value is refused. */
  readonly notBuilt?: string;
  /** Accepted for compatibility; there is nothing here that it would change. */
  readonly ignored?: string;
}

type Meta = Omit<FieldMeta, 'kind'>;

/** A text as it is. */
export function text(defaultValue: string, meta: Meta) {
  return z.coerce
    .string()
    .default(defaultValue)
    .meta({ ...meta, kind: 'text' });
}

/** `true` or `false`, as Go's flag package reads them. */
export function boolean(defaultValue: boolean, meta: Meta) {
  return z
    .union([z.boolean(), z.string()])
    .transform((value, context) => {
      if (typeof value === 'boolean') return value;
      if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
      if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
      return refuse(context, `"${value}" is neither true nor false`);
    })
    .default(defaultValue)
    .meta({ ...meta, kind: 'boolean' });
}

/** A whole number within bounds. */
export function integer(defaultValue: number, meta: Meta & { readonly min?: number; readonly max?: number }) {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER, ...rest } = meta;
  return z
    .union([z.number(), z.string()])
    .transform((value, context) => {
      const number = typeof value === 'number' ? value : /^[+-]?\d+$/.test(value) ? Number(value) : NaN;
      if (!Number.isSafeInteger(number)) return refuse(context, `"${value}" is not a whole number`);
      if (number < min || number > max) return refuse(context, `${number} is not within ${min} .. ${max}`);
      return number;
    })
    .default(defaultValue)
    .meta({ ...rest, kind: 'integer' });
}

/** Milliseconds; written as a Go duration (`1h30m`, `500ms`), in a file also as nanoseconds. */
export function duration(defaultText: string, meta: Meta) {
  return z
    .union([z.number(), z.string()])
    .transform((value, context) => {
      if (typeof value === 'number') return value / 1e6;
      return (
        parseDuration(value) ?? refuse(context, `"${value}" is not a duration such as 500ms, 10s or 1h30m`)
      );
    })
    .prefault(defaultText)
    .meta({ ...meta, kind: 'duration' });
}

/** A comma-separated list of URLs with a scheme that etcd knows, and no path. */
export function urls(defaultText: string, meta: Meta & { readonly listen?: boolean }) {
  const { listen = false, ...rest } = meta;
  return z
    .string()
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
    .meta({ ...rest, kind: 'urls' });
}

/** One of a few words. */
export function choice<const T extends readonly [string, ...string[]]>(
  values: T,
  defaultValue: T[number],
  meta: Meta,
) {
  return z
    .enum(values, {
      error: (issue) => `"${String(issue.input)}" is none of ${values.filter(Boolean).join(', ')}`,
    })
    .default(defaultValue as never) // zod's default wants its own inferred union, which is T[number]
    .meta({ ...meta, kind: 'choice' });
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
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    return `"${value}" is not a URL such as http://127.0.0.1:2379`;
  }
  if (url.protocol === 'unix:' || url.protocol === 'unixs:') return undefined;
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `"${value}" has the scheme ${url.protocol.slice(0, -1)}, which is none of http, https, unix, unixs`;
  }
  if (url.pathname !== '/' || value.endsWith('/')) return `"${value}" must not have a path`;
  if (!/:\d+$/.test(value)) return `"${value}" has no port`;
  if (listen && !/^(\d+\.\d+\.\d+\.\d+|\[.*\]|localhost)$/.test(url.hostname)) {
    return `"${value}" has the host name ${url.hostname}: listen on an IP address or localhost`;
  }
  return undefined;
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}
