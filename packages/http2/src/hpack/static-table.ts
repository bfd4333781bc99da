import { HeaderField } from './header-field.ts';

/** The fields that both sides know (RFC 7541 appendix A), from index 1 on: name, or name and value. */
const known = [
  [':authority'],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset'],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language'],
  ['accept-ranges'],
  ['accept'],
  ['access-control-allow-origin'],
  ['age'],
  ['allow'],
  ['authorization'],
  ['cache-control'],
  ['content-disposition'],
  ['content-encoding'],
  ['content-language'],
  ['content-length'],
  ['content-location'],
  ['content-range'],
  ['content-type'],
  ['cookie'],
  ['date'],
  ['etag'],
  ['expect'],
  ['expires'],
  ['from'],
  ['host'],
  ['if-match'],
  ['if-modified-since'],
  ['if-none-match'],
  ['if-range'],
  ['if-unmodified-since'],
  ['last-modified'],
  ['link'],
  ['location'],
  ['max-forwards'],
  ['proxy-authenticate'],
  ['proxy-authorization'],
  ['range'],
  ['referer'],
  ['refresh'],
  ['retry-after'],
  ['server'],
  ['set-cookie'],
  ['strict-transport-security'],
  ['transfer-encoding'],
  ['user-agent'],
  ['vary'],
  ['via'],
  ['www-authenticate'],
] as const;

/** `staticFields[index - 1]` is the field with that index. */
export const staticFields: readonly HeaderField[] = known.map(
  ([name, value = '']) => new HeaderField(name, value),
);
/** The first index of a name. */
export const staticNames: ReadonlyMap<string, number> = new Map(
  staticFields.map(({ name }, index) => [name, index + 1] as const).toReversed(),
);
/** The index of a field whose value is known, too, by `name` NUL `value`. */
export const staticPairs: ReadonlyMap<string, number> = new Map(
  staticFields.map(({ name, value }, index) => [`${name}\0${value}`, index + 1] as const),
);
