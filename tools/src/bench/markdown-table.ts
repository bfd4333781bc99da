import type { Spread } from './measure.ts';

/** A table whose columns hold text on the left and numbers on the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { textColumns = 1 }: { readonly textColumns?: number } = {},
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column < textColumns ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** A number for readers: three digits that count, and thousands apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** `median (min..max)`. */
export function spread({ median, min, max }: Spread): string {
  return `${figure(median)} (${figure(min)}..${figure(max)})`;
}

/** How many times better Quorate is; a ratio below 1 says that it is worse. */
export function ratio(value: number): string {
  const text = `${value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}x`;
  return value < 1 ? `**${text}, worse**` : text;
}

export function mebibytes(bytes: number): string {
  return `${figure(bytes / 2 ** 20)} MiB`;
}
