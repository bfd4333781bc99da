import { fromLatin1 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { goQuote } from '../src/go/quote.ts';
import { parseCompare, parseOperation } from '../src/txn-language.ts';

const { EQUAL, GREATER, LESS, NOT_EQUAL } = rpcpb.Compare_CompareResult;
const { VERSION, CREATE, MOD, VALUE, LEASE } = rpcpb.Compare_CompareTarget;
const bytes = (text: string) => new Uint8Array(fromLatin1(text));

describe('comparisons', () => {
  test.each([
    ['ver("k") = "1"', EQUAL, VERSION, { $case: 'version', value: 1n }],
    ['version("k") != "1"', NOT_EQUAL, VERSION, { $case: 'version', value: 1n }],
    ['c("k") > "2"', GREATER, CREATE, { $case: 'createRevision', value: 2n }],
    ['create("k") < "2"', LESS, CREATE, { $case: 'createRevision', value: 2n }],
    ['m("k") = "-1"', EQUAL, MOD, { $case: 'modRevision', value: -1n }],
    ['mod(`k`)  =\t "3" and more', EQUAL, MOD, { $case: 'modRevision', value: 3n }],
    ['val("k") = "a\\tb"', EQUAL, VALUE, { $case: 'value', value: bytes('a\tb') }],
    ['value( "k") = ""', EQUAL, VALUE, { $case: 'value', value: bytes('') }],
    ['lease("k") = "1f"', EQUAL, LEASE, { $case: 'lease', value: 31n }],
  ])('%s', (line, result, target, targetUnion) => {
    expect(parseCompare(line)).toEqual({ result, target, targetUnion, key: bytes('k'), rangeEnd: bytes('') });
  });

  test('hold any bytes when quoted', () => {
    const text = fc.uint8Array().map((values) => Buffer.from(values).toString('latin1'));
    fc.assert(
      fc.property(text, text, (key, value) => {
        const compare = parseCompare(`val(${goQuote(key)}) = ${goQuote(value)}`);
        expect(compare.key).toEqual(bytes(key));
        expect(compare.targetUnion).toEqual({ $case: 'value', value: bytes(value) });
      }),
    );
  });

  test.each([
    ['x', 'malformed comparison: x'],
    ['mod(k) > "0"', 'malformed comparison: mod(k) > "0"; got mod("")  ""'],
    ['mod("k" > "0"', 'malformed comparison: mod("k" > "0"; got mod("k")  ""'],
    ['mod("k")="0"', 'malformed comparison: mod("k")="0"; got mod("k")  ""'],
    ['mod("k") = 5', 'malformed comparison: mod("k") = 5; got mod("k") = ""'],
    ['foo("k") = "1"', 'malformed comparison: foo("k") = "1" (unknown target foo)'],
    ['mod("k") ~ "1"', 'malformed comparison: mod("k") ~ "1" (unknown operator ~)'],
    ['mod("k") = "x"', 'invalid txn compare request: mod("k") = "x"'],
    ['lease("k") = "xyz"', 'invalid txn compare request: lease("k") = "xyz"'],
  ])('%s is refused', (line, text) => {
    expect(() => parseCompare(line)).toThrow(
      expect.objectContaining({ code: 'invalidInput', text }) as Error,
    );
  });
});

describe('operations', () => {
  test('are commands with their flags', async () => {
    const put = await parseOperation('put --prev-kv "a b" "1\\n" --lease=10');
    expect(put.request).toMatchObject({
      $case: 'requestPut',
      value: { key: bytes('a b'), value: bytes('1\n'), prevKv: true, lease: 16n },
    });
    const get = await parseOperation('get a --prefix --limit 3');
    expect(get.request).toMatchObject({
      $case: 'requestRange',
      value: { key: bytes('a'), rangeEnd: bytes('b'), limit: 3n },
    });
    const del = await parseOperation('del a c');
    expect(del.request).toMatchObject({
      $case: 'requestDeleteRange',
      value: { key: bytes('a'), rangeEnd: bytes('c') },
    });
  });

  test.each([
    ['foo a', 'invalidInput', 'invalid txn request: foo a'],
    ['get', 'invalidInput', 'invalid txn compare request: get'],
    ['get a --no', 'invalidInput', 'invalid txn request: get a --no'],
    ['put a', 'badArguments', 'put command needs 1 argument and input from stdin or 2 arguments'],
    ['get a --order=up', 'badFeature', 'bad sort order up'],
  ])('%s is refused', async (line, code, text) => {
    await expect(parseOperation(line)).rejects.toMatchObject({ code, text });
  });
});
