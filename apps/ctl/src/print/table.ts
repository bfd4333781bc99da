import { bytesOfText, type ByteString } from '../byte-string.ts';

/** A table in a frame: header centred and in capitals, cells to the right. Cells are texts of one line. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): ByteString {
  const titles = header.map((title) => title.toUpperCase());
  const widths = titles.map((title, column) =>
    Math.max(textWidth(title), ...rows.map((row) => textWidth(row[column] ?? ''))),
  );
  const rule = (left: string, middle: string, right: string) =>
    `${left}${widths.map((width) => '─'.repeat(width + 2)).join(middle)}${right}\n`;
  const line = (cells: readonly string[], align: (text: string, width: number) => string) =>
    `│${widths.map((width, column) => ` ${align(cells[column] ?? '', width)} `).join('│')}│\n`;
  return bytesOfText(
    rule('┌', '┬', '┐') +
      line(titles, centre) +
      rule('├', '┼', '┤') +
      rows.map((row) => line(row, toTheRight)).join('') +
      rule('└', '┴', '┘'),
  );
}

function centre(text: string, width: number): string {
  const free = width - textWidth(text);
  const left = Math.floor(free / 2);
  return `${' '.repeat(left)}${text}${' '.repeat(free - left)}`;
}

function toTheRight(text: string, width: number): string {
  return `${' '.repeat(width - textWidth(text))}${text}`;
}

/** How many columns a text takes; wide scripts are not accounted for. */
function textWidth(text: string): number {
  return [...text].length;
}
