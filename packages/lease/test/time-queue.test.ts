import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TimeQueue, type QueueEntry } from '../src/time-queue.ts';

test('entries come out by time, among equals by when they got it', () => {
  const step = fc.record({
    what: fc.constantFrom('add', 'add', 'move', 'remove', 'takeFirst'),
    which: fc.nat({ max: 50 }),
    timeMs: fc.nat({ max: 20 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const queue = new TimeQueue<number>();
      let model: { entry: QueueEntry<number>; timeMs: number; order: number }[] = [];
      steps.forEach(({ what, which, timeMs }, order) => {
        const chosen = model[which % Math.max(1, model.length)];
        if (what === 'add') {
          model.push({ entry: queue.add(order, timeMs), timeMs, order });
        } else if (what === 'move' && chosen !== undefined) {
          queue.move(chosen.entry, timeMs);
          Object.assign(chosen, { timeMs, order });
        } else if (what === 'remove' && chosen !== undefined) {
          queue.remove(chosen.entry);
          model = model.filter((row) => row !== chosen);
        }
        queue.checkInvariants();
        const first = model.toSorted((a, b) => a.timeMs - b.timeMs || a.order - b.order)[0];
        expect(queue.first()).toBe(first?.entry);
        expect(queue.size).toBe(model.length);
        if (what === 'takeFirst' && first !== undefined) {
          queue.remove(first.entry);
          model = model.filter((row) => row !== first);
        }
      });
    }),
  );
});

test('an entry that has left the queue is refused', () => {
  const queue = new TimeQueue<string>();
  const gone = queue.add('gone', 1);
  queue.add('other', 2);
  queue.remove(gone);
  expect(() => queue.move(gone, 3)).toThrow('the entry is in this queue');
  const cleared = queue.add('cleared', 1);
  queue.clear();
  expect(() => queue.remove(cleared)).toThrow('the entry is in this queue');
});
