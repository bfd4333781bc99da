import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonScanner } from '../src/json-scanner.ts';

/** The values in these pieces of text, and what was wrong in the end. */
function scan(
  pieces: readonly Uint8Array[],
  maxBytes = 1_000_000,
): { values: string[]; error: string | undefined } {
  const scanner = new JsonScanner({ maxBytes });
  const values: string[] = [];
  try {
    for (const piece of pieces) {
      for (const value of scanner.push(piece)) values.push(Buffer.from(value).toString());
    }
    const last = scanner.end();
    if (last !== undefined) values.push(Buffer.from(last).toString());
    return { values, error: undefined };
  } catch (error) {
    return { values, error: error instanceof Error ? error.message : String(error) };
  }
}

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

const cuts = fc.array(fc.nat(), { maxLength: 8 });

test('values that follow each other come out one by one, wherever the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.json(), { maxLength: 5 }), cuts, (texts, places) => {
      const body = Buffer.from(texts.join('\n'));
      const { values, error } = scan(cut(body, places));
      expect(error).toBeUndefined();
      expect(values.map((value): unknown => JSON.parse(value))).toEqual(
        texts.map((text): unknown => JSON.parse(text)),
      );
    }),
  );
});

test('what is no JSON is refused, and what is JSON is taken, as by JSON.parse', () => {
  const damaged = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom(...'{}[]",:\\0-.eE tfn\u0001'))
    .map(([text, place, character]) => {
      const at = place % (text.length + 1);
      return `[${text.slice(0, at)}${character}${text.slice(at + 1)}]`;
    });
  fc.assert(
    fc.property(damaged, cuts, (text, places) => {
      const { values, error } = scan(cut(Buffer.from(text), places));
      if (isJson(text)) expect({ values, error }).toEqual({ values: [text], error: undefined });
      // A value that ends early is one, though the text as a whole is none.
      else expect(error !== undefined || values.join('') !== text || values.length > 1).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('however the bytes are cut, the fault is the same', () => {
  fc.assert(
    fc.property(fc.string(), cuts, (text, places) => {
      const bytes = Buffer.from(text);
      expect(scan(cut(bytes, places))).toEqual(scan([bytes]));
    }),
  );
});

test('a value of more bytes than allowed is refused as soon as they are there', () => {
  const scanner = new JsonScanner({ maxBytes: 10 });
  expect([...scanner.push(Buffer.from('"12345'))]).toEqual([]);
  expect(() => [...scanner.push(Buffer.from('67890'))]).toThrow('received JSON larger than max (11 vs. 10)');
});

test('what is nested deeper than etcd takes is refused', () => {
  const open = (depth: number) => [Buffer.from('['.repeat(depth)), Buffer.from(']'.repeat(depth))];
  expect(scan(open(10_000)).error).toBeUndefined();
  expect(scan(open(10_001)).error).toBe("invalid character '[' exceeded max depth");
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
