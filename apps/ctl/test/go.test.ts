import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOfText } from '../src/byte-string.ts';
import { formatDuration, parseDuration } from '../src/go/duration.ts';
import { goJson, omitEmpty } from '../src/go/json.ts';
import { parseInt64, parseUint64 } from '../src/go/parse-int.ts';
import { goQuote, goUnquotePrefix } from '../src/go/quote.ts';

describe('quoting as %q does', () => {
  test.each([
    ['plain', '"plain"'],
    ['', '""'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['\x07\b\f\n\r\t\v', '"\\a\\b\\f\\n\\r\\t\\v"'],
    ['\x00\x1f\x7f', '"\\x00\\x1f\\x7f"'],
    ['\xff\xc3', '"\\xff\\xc3"'],
    [bytesOfText('é日\u{1f600}'), `"${bytesOfText('é日\u{1f600}')}"`],
    [bytesOfText('\u00a0\u2028'), '"\\u00a0\\u2028"'],
    [bytesOfText('\u{e0001}'), '"\\U000e0001"'],
  ])('%j', (text, quoted) => {
    expect(goQuote(text)).toBe(quoted);
  });

  test('any bytes come back when unquoted', () => {
    const byteString = fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1'));
    const text = fc.oneof(byteString, fc.string({ unit: 'grapheme' }).map(bytesOfText));
    fc.assert(
      fc.property(text, (original) => {
        const quoted = goQuote(original);
        expect(goUnquotePrefix(`${quoted} and more`)).toEqual({ value: original, size: quoted.length });
      }),
    );
  });
});

describe('unquoting', () => {
  test.each([
    ['"\\x41\\101\\u0041\\U00000041"', 'AAAA'],
    ['`raw \\n`', 'raw \\n'],
    ['"é"', 'é'],
  ])('%s', (quoted, value) => {
    expect(goUnquotePrefix(quoted)).toEqual({ value, size: quoted.length });
  });

  test.each([
    'plain',
    '"open',
    '`open',
    '"\\q"',
    '"\\x4"',
    '"\\777"',
    '"\\ud800"',
    '"line\nbreak"',
    "'a'",
    '',
  ])('%j is no quotation', (text) => {
    expect(goUnquotePrefix(text)).toBeUndefined();
  });
});

describe('JSON as Go writes it', () => {
  test('64-bit numbers are bare, bytes are base64, and angle brackets are escaped', () => {
    const value = {
      id: 18446744073709551615n,
      key: new Uint8Array([1, 2, 255]),
      text: '<&>\u2028"',
      none: null,
    };
    expect(goJson(value)).toBe(
      '{"id":18446744073709551615,"key":"AQL/","text":"\\u003c\\u0026\\u003e\\u2028\\"","none":null}',
    );
  });

  test('what is empty is left out of a message, and nothing else', () => {
    const message = {
      a: 0n,
      b: '',
      c: false,
      d: [],
      e: new Uint8Array(),
      f: undefined,
      g: 1n,
      h: [0],
      i: {},
    };
    expect(goJson(omitEmpty(message))).toBe('{"g":1,"h":[0],"i":{}}');
  });
});

describe('durations', () => {
  test.each([
    [0n, '0s'],
    [1n, '1ns'],
    [1_500n, '1.5\xc2\xb5s'],
    [882_979n, '882.979\xc2\xb5s'],
    [2_791_916n, '2.791916ms'],
    [1_000_834_089n, '1.000834089s'],
    [60_000_000_000n, '1m0s'],
    [3_661_500_000_000n, '1h1m1.5s'],
    [-1_500_000n, '-1.5ms'],
  ])('%d ns', (ns, text) => {
    expect(formatDuration(ns)).toBe(text);
  });

  test.each([
    ['5s', 5_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['100ms', 100],
    ['.5s', 500],
    ['-2ms', -2],
    ['0', 0],
    ['250us', 0.25],
  ])('%s is read', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each([
    ['x', 'time: invalid duration "x"'],
    ['', 'time: invalid duration ""'],
    ['5', 'time: missing unit in duration "5"'],
    ['5y', 'time: unknown unit "y" in duration "5y"'],
  ])('%j is refused', (text, message) => {
    expect(() => parseDuration(text)).toThrow(message);
  });

  test('what is printed can be read', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), (ns) => {
        expect(parseDuration(formatDuration(ns))).toBeCloseTo(Number(ns) / 1e6, 3);
      }),
    );
  });
});

describe('whole numbers', () => {
  test('bases are read as Go reads them', () => {
    expect(parseInt64('ff', 16)).toBe(255n);
    expect(parseInt64('-10', 10)).toBe(-10n);
    expect(parseInt64('+7', 10)).toBe(7n);
    expect(['0x1F', '0b11', '0o17', '017', '1_000', '0'].map((text) => parseInt64(text, 0))).toEqual([
      31n,
      3n,
      15n,
      15n,
      1000n,
      0n,
    ]);
    expect(parseUint64('ffffffffffffffff', 16)).toBe(2n ** 64n - 1n);
  });

  test.each([
    [() => parseInt64('x', 10), 'strconv.ParseInt: parsing "x": invalid syntax'],
    [() => parseInt64('', 0), 'strconv.ParseInt: parsing "": invalid syntax'],
    [() => parseInt64('1__0', 0), 'strconv.ParseInt: parsing "1__0": invalid syntax'],
    [
      () => parseInt64('8000000000000000', 16),
      'strconv.ParseInt: parsing "8000000000000000": value out of range',
    ],
    [() => parseUint64('-1', 16), 'strconv.ParseUint: parsing "-1": invalid syntax'],
  ])('%s', (parse, message) => {
    expect(parse).toThrow(message);
  });
});
