/** A script as it stands, but for `\${` and the quote that TypeScript needs a backslash before. */
export function shellText({ raw }: TemplateStringsArray): string {
  return raw.join('').replaceAll('\\${', '${').replaceAll('\\`', '`');
}
