const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const;

/** A size for people, in powers of 1000: `0 B`, `512 B`, `2.1 MB`, `20 kB`. */
export function humanSize(bytes: bigint): string {
  if (bytes < 10n) return `${bytes} B`;
  const size = Number(bytes);
  const power = Math.min(Math.floor(Math.log(size) / Math.log(1000)), units.length - 1);
  const value = Math.floor((size / 1000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : roundToEven(value)} ${units[power] ?? ''}`;
}

/** Go rounds halves to the even neighbour, where `toFixed` rounds them up: 20.5 is 20. */
function roundToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
