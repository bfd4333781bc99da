import type { ByteString } from '../byte-string.ts';
import { goQuote } from './quote.ts';

const unitsNs: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  '\xc2\xb5s': 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** A duration as Go prints it: `0s`, `1.5µs`, `2.79ms`, `1m0.5s`. The micro sign comes as its UTF-8 bytes. */
export function formatDuration(nanoseconds: bigint): ByteString {
  const sign = nanoseconds < 0n ? '-' : '';
  const ns = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (ns === 0n) return '0s';
  if (ns < 1_000n) return `${sign}${ns}ns`;
  if (ns < 1_000_000n) return `${sign}${decimal(ns, 3)}\xc2\xb5s`;
  if (ns < 1_000_000_000n) return `${sign}${decimal(ns, 6)}ms`;
  const minutes = ns / 60_000_000_000n;
  const seconds = `${decimal(ns % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return sign + seconds;
  if (minutes < 60n) return `${sign}${minutes}m${seconds}`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** `value / 10^places`, without zeros at the end. */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  const whole = digits.slice(0, -places);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** Milliseconds of a duration as Go reads it: `5s`, `1m30s`, `1.5h`, `-2ms`. @throws Error with Go's text */
export function parseDuration(text: ByteString): number {
  const unsigned = text.replace(/^[-+]/, '');
  if (unsigned === '0') return 0;
  let totalNs = 0;
  let rest = unsigned;
  if (rest === '') throw invalid(text);
  while (rest !== '') {
    const part = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest);
    if (part === null) throw invalid(text);
    const [whole, number = '', unit = ''] = part;
    if (unit === '') throw new Error(`time: missing unit in duration ${goQuote(text)}`);
    const unitNs = unitsNs[unit];
    if (unitNs === undefined) {
      throw new Error(`time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`);
    }
    totalNs += Number(number) * unitNs;
    rest = rest.slice(whole.length);
  }
  return (text.startsWith('-') ? -totalNs : totalNs) / 1e6;
}

function invalid(text: ByteString): Error {
  return new Error(`time: invalid duration ${goQuote(text)}`);
}
