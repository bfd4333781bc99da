import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MessageAssembly, messageHeadSize } from '../src/bench/message-assembly.ts';

test('messages are put together whatever parts they come in, one after the other in the same memory', () => {
  const cuts = fc.array(fc.nat({ max: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 60 }), cuts), { minLength: 1 }), (messages) => {
      const assembly = new MessageAssembly();
      for (const [message, sizes] of messages) {
        assembly.begin();
        let rest = Buffer.concat([framed(message), Buffer.from('what follows')]);
        for (const size of [...sizes, rest.length, rest.length]) {
          const taken = assembly.add(rest.subarray(0, size));
          expect(taken).toBeLessThanOrEqual(size);
          rest = rest.subarray(taken);
        }
        expect(assembly.isWhole).toBe(true);
        expect([...assembly.message]).toEqual([...message]);
        expect(rest.toString()).toBe('what follows');
      }
    }),
  );
});

function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(messageHeadSize);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
