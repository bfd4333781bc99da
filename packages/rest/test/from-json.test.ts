import { rpcpb } from '@quorate/wire';
import { describe, expect, test } from 'vitest';
import { fromJson, routes, type MessageShape } from '../src/index.ts';

function requestOf(path: string): MessageShape {
  const route = routes.find((candidate) => candidate.path === path);
  if (route === undefined) throw new Error(`no route ${path}`);
  return route.method.request;
}

const range = requestOf('/v3/kv/range');
const txn = requestOf('/v3/kv/txn');
const userAdd = requestOf('/v3/auth/user/add');

function rangeOf(json: string): rpcpb.RangeRequest {
  return rpcpb.RangeRequest.decode(fromJson(range, Buffer.from(json), 'base64'));
}

const foo = rpcpb.RangeRequest.fromPartial({ key: Buffer.from('foo') });

describe('what etcd takes', () => {
  test.each([
    ['base64 without padding', '{"key":"Zm8"}', { key: Buffer.from('fo') }],
    ['base64 for URLs', '{"key":"Zm-_"}', { key: Buffer.from('Zm+/', 'base64') }],
    ['base64 with line breaks', '{"key":"Zm9\\nv"}', { key: foo.key }],
    ['integers as numbers', '{"limit":7}', { limit: 7n }],
    ['integers as text', '{"limit":"7"}', { limit: 7n }],
    ['integers with a fraction of zero', '{"limit":7.0}', { limit: 7n }],
    ['integers with an exponent', '{"limit":"1e3"}', { limit: 1000n }],
    ['the largest of them, exactly', '{"limit":9223372036854775807}', { limit: 2n ** 63n - 1n }],
    ['the smallest of them, exactly', '{"limit":-9223372036854775808}', { limit: -(2n ** 63n) }],
    ['more than JavaScript can count', '{"limit":9007199254740993}', { limit: 9007199254740993n }],
    ['null for nothing', '{"key":null,"limit":null}', {}],
    ['names of JSON', '{"rangeEnd":"Zm9v","sortOrder":"DESCEND"}', { rangeEnd: foo.key, sortOrder: 2 }],
    ['names of protobuf', '{"range_end":"Zm9v","sort_order":2}', { rangeEnd: foo.key, sortOrder: 2 }],
    ['names of enums that it does not know', '{"sort_order":"SIDEWAYS"}', {}],
    ['numbers of enums that it does not know', '{"sort_order":77}', { sortOrder: 77 }],
    ['fields that it does not know', '{"x":[{"y":null}],"limit":1,"__proto__":{"z":1}}', { limit: 1n }],
    ['names with escapes', '{"\\u006cimit":1}', { limit: 1n }],
  ])('%s', (_, json, expected) => {
    // The generated type has numbers for enums, of which not all have names.
    const fields = expected as Partial<rpcpb.RangeRequest>;
    expect(rangeOf(json)).toEqual(rpcpb.RangeRequest.decode(encoded(fields)));
  });

  test('which field of a group is set, even to zero', () => {
    const json = '{"compare":[{"target":"VERSION","version":"0","value":null}]}';
    const { compare } = rpcpb.TxnRequest.decode(fromJson(txn, Buffer.from(json), 'base64'));
    expect(compare[0]?.targetUnion).toEqual({ $case: 'version', value: 0n });
  });
});

function encoded(fields: Partial<rpcpb.RangeRequest>): Uint8Array {
  return rpcpb.RangeRequest.encode(rpcpb.RangeRequest.fromPartial(fields)).finish();
}

describe('what etcd refuses, with its words', () => {
  test.each([
    [range, '[]', 'proto: syntax error (line 1:1): unexpected token ['],
    [range, 'null', 'proto: syntax error (line 1:1): unexpected token null'],
    [range, '"abc"', 'proto: syntax error (line 1:1): unexpected token "abc"'],
    [range, '12', 'proto: syntax error (line 1:1): unexpected token 12'],
    [range, '{"key":[102]}', 'proto: (line 1:8): invalid value for bytes field key: ['],
    [range, '{"key":{}}', 'proto: (line 1:8): invalid value for bytes field key: {'],
    [range, '{"key":5}', 'proto: (line 1:8): invalid value for bytes field key: 5'],
    [range, '{"key":"Zm+_"}', 'proto: (line 1:8): invalid value for bytes field key: "Zm+_"'],
    [range, '{"key":"Zm9vY"}', 'proto: (line 1:8): invalid value for bytes field key: "Zm9vY"'],
    [
      range,
      '{"key":"Zm9v","limit":"9223372036854775808"}',
      'proto: (line 1:23): invalid value for int64 field limit: "9223372036854775808"',
    ],
    [range, '{"limit":" 1"}', 'proto: (line 1:10): invalid value for int64 field limit: " 1"'],
    [range, '{"limit":1.5}', 'proto: (line 1:10): invalid value for int64 field limit: 1.5'],
    [range, '{"keysOnly":"true"}', 'proto: (line 1:13): invalid value for bool field keysOnly: "true"'],
    [range, '{"sort_order":true}', 'proto: (line 1:15): invalid value for enum field sortOrder: true'],
    [
      range,
      '{"sort_order":99999999999}',
      'proto: (line 1:15): invalid value for enum field sortOrder: 99999999999',
    ],
    [range, '{"key":"YQ==",\n "key":"eA=="}', 'proto: (line 2:2): duplicate field "key"'],
    [range, '{"rangeEnd":"YQ==","range_end":"eA=="}', 'proto: (line 1:20): duplicate field "range_end"'],
    [
      txn,
      '{"compare":[{"key":"Zm9v","target":"VERSION","version":"1","value":"eA=="}]}',
      'proto: (line 1:60): error parsing "value", oneof etcdserverpb.Compare.target_union is already set',
    ],
    [txn, '{"compare":[null]}', 'proto: syntax error (line 1:13): unexpected token null'],
    [txn, '{"compare":{}}', 'proto: syntax error (line 1:12): unexpected token {'],
    [userAdd, '{"name":5}', 'proto: (line 1:9): invalid value for string field name: 5'],
    [userAdd, '{"name":"\\ud800"}', 'proto: unexpected EOF'],
    [
      userAdd,
      '{"name":"\\ud800x","password":"x"}',
      'proto: syntax error (line 1:9): invalid escape code "x\\",\\"pa" in string',
    ],
  ])('%#: %o', (shape, json, text) => {
    expect(() => fromJson(shape, Buffer.from(json), 'base64')).toThrow(
      expect.objectContaining({ status: 3, message: text }),
    );
  });

  test('text that is no UTF-8', () => {
    const json = Buffer.from('{"name":"a\xffb"}', 'latin1');
    expect(() => fromJson(userAdd, json, 'base64')).toThrow(
      'proto: syntax error (line 1:9): invalid UTF-8 in string',
    );
  });
});

test('messages within messages have an end', () => {
  const nested = (depth: number) =>
    Buffer.from(`${'{"success":[{"request_txn":'.repeat(depth)}{}${'}]}'.repeat(depth)}`);
  expect(fromJson(txn, nested(49), 'base64').length).toBeGreaterThan(0);
  expect(() => fromJson(txn, nested(50), 'base64')).toThrow('proto: exceeded max recursion depth');
});

describe('bytes as text', () => {
  test('a key is its UTF-8', () => {
    const bytes = fromJson(range, Buffer.from('{"key":"grün"}'), 'text');
    expect(rpcpb.RangeRequest.decode(bytes).key).toEqual(new TextEncoder().encode('grün'));
  });

  test('bytes that are no text are an object with base64', () => {
    const bytes = fromJson(range, Buffer.from('{"key":{"base64":"/w=="}}'), 'text');
    expect(rpcpb.RangeRequest.decode(bytes).key).toEqual(Uint8Array.of(255));
  });

  test.each([
    '{"key":{}}',
    '{"key":{"x":"/w=="}}',
    '{"key":{"base64":"/w==","x":1}}',
    '{"key":{"base64":1}}',
  ])('%s is refused', (json) => {
    expect(() => fromJson(range, Buffer.from(json), 'text')).toThrow('invalid value for bytes field key');
  });
});
