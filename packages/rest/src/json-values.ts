/** More digits than any 64-bit number has. */
const digitsMax = 20;

const ranges = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const;

/** Integers of protobuf that come as JSON numbers, or as strings that hold one. */
export type IntegerKind = keyof typeof ranges;

/**
 * The integer that a JSON number stands for, exactly; undefined when it has a fraction or is out of range. 1.0 and
 * 1e3 are integers too.
 */
export function parseInteger(text: string, kind: IntegerKind): bigint | undefined {
  const match = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match;
  const digits = shift(whole === '0' ? '' : whole, fraction.replace(/0+$/, ''), Number(exponentText));
  if (digits === undefined) return undefined;
  const value = BigInt(sign + digits);
  const [min, max] = ranges[kind];
  return value >= min && value <= max ? value : undefined;
}

/** The digits of an integer; undefined when it is none, or has more digits than any that fits. */
function shift(whole: string, fraction: string, exponent: number): string | undefined {
  if (whole === '' && fraction === '') return '0';
  if (exponent >= 0) {
    if (fraction.length > exponent || whole.length + exponent > digitsMax) return undefined;
    return whole + fraction + '0'.repeat(exponent - fraction.length);
  }
  const end = whole.length + exponent;
  if (fraction !== '' || end <= 0 || /[1-9]/.test(whole.slice(end))) return undefined;
  return whole.slice(0, end);
}

/**
 * The bytes that a text in base64 stands for; undefined when it is none. Both alphabets are taken, with padding and
 * without, and line breaks are passed over, as by etcd.
 */
export function parseBase64(text: string): Buffer | undefined {
  const isPadded = text.length % 4 === 0;
  const isUrl = text.includes('-') || text.includes('_');
  const plain = text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]/g, '') : text;
  const unpadded = isPadded ? plain.replace(/={1,2}$/, '') : plain;
  if (isPadded && plain.length % 4 !== 0) return undefined;
  if (unpadded.length % 4 === 1) return undefined;
  if ((isUrl ? /[^A-Za-z0-9\-_]/ : /[^A-Za-z0-9+/]/).test(unpadded)) return undefined;
  return Buffer.from(unpadded, 'base64');
}
