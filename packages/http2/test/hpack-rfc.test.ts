import { describe, expect, test } from 'vitest';
import { HpackDecoder, HpackEncoder } from '../src/index.ts';
import { decodeHuffman, encodeHuffman, huffmanLength } from '../src/hpack/huffman.ts';

const decoder = (maxTableSize = 4096): HpackDecoder =>
  new HpackDecoder({ maxTableSize, maxListSize: 65_536, maxFields: 100 });
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const fieldsOf = (from: HpackDecoder, block: string): string[] =>
  from.decode(hex(block)).fields.map(({ name, value }) => `${name}: ${value}`);

describe('RFC 7541 appendix C', () => {
  test('C.2: each representation of a field', () => {
    expect(fieldsOf(decoder(), '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572')).toEqual([
      'custom-key: custom-header',
    ]);
    expect(fieldsOf(decoder(), '040c 2f73 616d 706c 652f 7061 7468')).toEqual([':path: /sample/path']);
    expect(fieldsOf(decoder(), '1008 7061 7373 776f 7264 0673 6563 7265 74')).toEqual(['password: secret']);
    expect(fieldsOf(decoder(), '82')).toEqual([':method: GET']);
  });

  const requests = [
    [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
    [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
    [
      ':method: GET',
      ':scheme: https',
      ':path: /index.html',
      ':authority: www.example.com',
      'custom-key: custom-value',
    ],
  ];

  test('C.3: requests without Huffman code, over one table', () => {
    const one = decoder();
    expect(fieldsOf(one, '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d')).toEqual(requests[0]);
    expect(fieldsOf(one, '8286 84be 5808 6e6f 2d63 6163 6865')).toEqual(requests[1]);
    expect(fieldsOf(one, '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65')).toEqual(
      requests[2],
    );
  });

  test('C.4: requests with Huffman code, over one table', () => {
    const one = decoder();
    expect(fieldsOf(one, '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff')).toEqual(requests[0]);
    expect(fieldsOf(one, '8286 84be 5886 a8eb 1064 9cbf')).toEqual(requests[1]);
    expect(fieldsOf(one, '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf')).toEqual(requests[2]);
  });

  const responses = [
    [
      ':status: 302',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ],
    [
      ':status: 307',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ],
    [
      ':status: 200',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:22 GMT',
      'location: https://www.example.com',
      'content-encoding: gzip',
      'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ],
  ];

  // The tables of these examples hold 256 bytes, so that fields go.
  test('C.5: responses without Huffman code, with fields that go', () => {
    const one = decoder(256);
    expect(
      fieldsOf(
        one,
        `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
         2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70
         6c65 2e63 6f6d`,
      ),
    ).toEqual(responses[0]);
    expect(fieldsOf(one, '4803 3330 37c1 c0bf')).toEqual(responses[1]);
    expect(
      fieldsOf(
        one,
        `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
         54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049
         5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e
         3d31`,
      ),
    ).toEqual(responses[2]);
  });

  test('C.6: responses with Huffman code, with fields that go', () => {
    const one = decoder(256);
    expect(
      fieldsOf(
        one,
        `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
         2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
      ),
    ).toEqual(responses[0]);
    expect(fieldsOf(one, '4883 640e ffc1 c0bf')).toEqual(responses[1]);
    expect(
      fieldsOf(
        one,
        `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
         77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
         9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
      ),
    ).toEqual(responses[2]);
  });
});

describe('Huffman code', () => {
  test('each symbol comes back, alone and between others', () => {
    for (let symbol = 0; symbol < 256; symbol++) {
      for (const text of [String.fromCharCode(symbol), `a${String.fromCharCode(symbol)}z\xff`]) {
        const bytes = new Uint8Array(huffmanLength(text));
        expect(encodeHuffman(text, bytes, 0)).toBe(bytes.length);
        expect(decodeHuffman(bytes, 0, bytes.length)).toBe(text);
      }
    }
  });

  test.each([
    ['the end of string', 'ffffffff'],
    ['eight bits of padding', '1fff'],
    ['a padding that is not of ones', '18'],
    ['a code that is cut off', 'ff'],
    ['a long code that is cut off', 'fffe'],
  ])('%s is refused', (_, bytes) => {
    expect(() => decodeHuffman(hex(bytes), 0, bytes.length / 2)).toThrow(/Huffman/);
  });
});

describe('blocks that are wrong', () => {
  test.each([
    ['index 0', '80'],
    ['an index that no table has', 'be'],
    ['a name that no table has', '7e 00'],
    ['a number that ends early', 'ff'],
    ['a number beyond 28 bits', 'ff ffff ffff 7f'],
    ['a number of endless zeros', 'ff 8080 8080 8080 8080 8000'],
    ['a name that ends early', '40 05 6162'],
    ['a value that ends early', '40 01 61 05 6162'],
    ['a field without a value', '40 01 61'],
    ['a literal without anything', '40'],
    ['a table that becomes too large', '3f e2 1f'],
    ['a table that changes behind a field', '82 20'],
    ['a string in a broken Huffman code', '40 01 61 82 ffff'],
  ])('%s', (_, block) => {
    expect(() => decoder().decode(hex(block))).toThrow(expect.objectContaining({ errorCode: 0x9 }));
  });

  test('the table may change its size twice in front of the fields', () => {
    expect(fieldsOf(decoder(), '20 3fe11f 82')).toEqual([':method: GET']);
  });

  test('a table of size 0 keeps nothing', () => {
    const one = decoder();
    one.decode(hex('20 40 0161 0162'));
    expect(() => one.decode(hex('be'))).toThrow(/no table has/);
  });
});

test('an encoder says each size of the table that it was told, the least and the last', () => {
  const encoder = new HpackEncoder();
  encoder.setMaxTableSize(0);
  encoder.setMaxTableSize(100);
  encoder.setMaxTableSize(1_000_000);
  const block = Buffer.from(encoder.encode([{ name: ':status', value: '200', isRepeated: true }]));
  expect(block.toString('hex')).toBe('203fe11f88');
});
