/** Why something failed, in one line: the first cause, without what is put around it, and without control characters. */
export function reasonOf(error: unknown): string {
  let last = error;
  while (last instanceof Error && last.cause instanceof Error) last = last.cause;
  const text = last instanceof Error ? last.message || last.name : String(last);
  const code = last instanceof Error && 'code' in last ? String(last.code) : '';
  const shown = text === '' ? code : text;
  return shown
    .replace(/^(?:no connection to \S+|\d+ [A-Z_]+): /, '')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim();
}
