import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Output } from '../src/output.ts';
import { Pages } from '../src/pages.ts';

/** What is done to one of some outputs that share their pages. */
const step = fc.record({
  of: fc.integer({ min: 0, max: 2 }),
  act: fc.oneof(
    { weight: 4, arbitrary: fc.record({ push: fc.integer({ min: 0, max: 9000 }) }) },
    { weight: 2, arbitrary: fc.record({ copy: fc.integer({ min: 0, max: 20_000 }) }) },
    { weight: 2, arbitrary: fc.constant({ frame: true }) },
    { weight: 3, arbitrary: fc.constant({ take: true }) },
    { weight: 2, arbitrary: fc.constant({ sent: true }) },
  ),
});

test('what is taken stays as it was written until it is sent, whoever writes to the pages in between', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pages = new Pages();
      const sides = [0, 1, 2].map(() => ({
        output: new Output(pages),
        written: [] as number[],
        onItsWay: [] as { readonly parts: readonly Uint8Array[]; readonly expected: Buffer }[],
      }));
      let seed = 0;
      for (const { of, act } of steps) {
        const side = sides[of]!;
        const bytes = (count: number): Uint8Array => new Uint8Array(count).fill(++seed & 0xff);
        if ('push' in act) {
          const piece = bytes(act.push);
          side.output.push(piece);
          side.written.push(...piece);
        } else if ('copy' in act) {
          const piece = bytes(act.copy);
          side.output.copy(piece);
          side.written.push(...piece);
          piece.fill(0);
        } else if ('frame' in act) {
          side.output.frameHead(0x01_02_03, 4, 5, 0x7f_ff_ff_fe);
          side.output.uint32(0xff_00_00_01);
          side.written.push(1, 2, 3, 4, 5, 0x7f, 0xff, 0xff, 0xfe, 0xff, 0, 0, 1);
        } else if ('take' in act) {
          expect(side.output.bytes).toBe(side.written.length);
          side.onItsWay.push({ parts: side.output.take(), expected: Buffer.from(side.written.splice(0)) });
        } else {
          for (const { parts, expected } of side.onItsWay.splice(0)) {
            expect(Buffer.concat(parts).equals(expected)).toBe(true);
          }
          side.output.sent();
        }
      }
      for (const { onItsWay } of sides) {
        for (const { parts, expected } of onItsWay) expect(Buffer.concat(parts).equals(expected)).toBe(true);
      }
    }),
  );
});

test('pages come back, and no more than are of use are kept', () => {
  const pages = new Pages();
  const output = new Output(pages);
  output.uint32(1);
  const [first] = output.take();
  output.sent();
  output.uint32(2);
  const [second] = output.take();
  expect(second?.buffer).toBe(first?.buffer);
  const silent = new Output(pages);
  silent.uint32(3);
  expect(silent.take()[0]?.buffer).not.toBe(second?.buffer);
});

test('of a connection that never has all sent, pages are left to the collector', () => {
  const output = new Output(new Pages());
  const pages = new Set<ArrayBufferLike>();
  for (let turn = 0; turn < 200; turn++) {
    output.uint32(turn);
    pages.add(output.take()[0]!.buffer);
  }
  expect(pages.size).toBe(200);
  output.sent();
  output.uint32(0);
  expect(pages.has(output.take()[0]!.buffer)).toBe(true);
});
