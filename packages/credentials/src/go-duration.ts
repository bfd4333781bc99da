const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  '\u00b5s': 1e-3, // Micro sign.
  '\u03bcs': 1e-3, // Greek mu; Go reads both.
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds of a duration in Go's notation (`10m`, `1h30m`, `1.5s`, `-2ms`); undefined when it is none. */
export function parseGoDuration(text: string): number | undefined {
  const { sign = '', amount = '' } = /^(?<sign>[-+]?)(?<amount>.+)$/s.exec(text)?.groups ?? {};
  if (amount === '0') return 0;
  if (!/^((\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/.test(amount)) return undefined;
  let totalMs = 0;
  for (const [, number, unit = ''] of amount.matchAll(/([\d.]+)([^\d.]+)/g)) {
    totalMs += Number(number) * (unitsMs[unit] ?? NaN);
  }
  return sign === '-' ? -totalMs : totalMs;
}
