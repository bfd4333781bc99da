/** A table in Markdown; what is in a cell is Markdown too, but for bars and line ends. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Text as code within a line; nothing stays nothing. */
export function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

/** Text that is shown as it is: what Markdown or the site's templates would take for theirs is put aside. */
export function plain(text: string): string {
  return text
    .replace(/[\\`*_[\]<>&]/g, (char) =>
      char === '<' ? '&lt;' : char === '>' ? '&gt;' : char === '&' ? '&amp;' : `\\${char}`,
    )
    .replaceAll('{{', '&#123;&#123;');
}
