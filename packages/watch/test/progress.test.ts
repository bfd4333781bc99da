import { describe, expect, test } from 'vitest';
import { World } from './harness.ts';

const progressIntervalMs = 1000;
/** Longer than the interval with the most jitter, shorter than two intervals. */
const oneTickMs = 1100;

describe('progress notices', () => {
  test('an idle watcher that asked for them gets one at every interval, with its own ID', () => {
    const world = new World();
    const client = world.open({ progressIntervalMs });
    client.create({ progress: true });
    client.create({ progress: false });
    client.read();
    world.put('other');
    world.hub.tick(oneTickMs);
    expect(client.lines()).toEqual(['#0 @2']);
    world.hub.tick(2 * oneTickMs);
    expect(client.lines()).toEqual(['#0 @2']);
  });

  test('nothing happens before the interval has passed', () => {
    const world = new World();
    const client = world.open({ progressIntervalMs });
    client.create({ progress: true });
    client.read();
    world.hub.tick(progressIntervalMs - 1);
    expect(client.lines()).toEqual([]);
  });

  test('a watcher that got events since the last interval is passed over once', () => {
    const world = new World();
    const client = world.open({ progressIntervalMs });
    client.create({ progress: true });
    world.put('k');
    client.read();
    world.hub.tick(oneTickMs);
    expect(client.lines()).toEqual([]);
    world.hub.tick(2 * oneTickMs);
    expect(client.lines()).toEqual(['#0 @2']);
  });

  test('a watcher with events on their way gets none, since it could promise too much', () => {
    const world = new World();
    const client = world.open({ progressIntervalMs });
    client.create({ progress: true });
    client.read();
    world.hub.tick(oneTickMs);
    world.put('k');
    expect(client.lines()).toEqual(['#0 @2 +k@2']);
  });

  test('a watcher whose start revision has not come gets none', () => {
    const world = new World();
    const client = world.open({ progressIntervalMs });
    client.create({ progress: true, start: 3 });
    client.read();
    world.hub.tick(oneTickMs);
    expect(client.lines()).toEqual([]);
    world.put('other');
    world.put('other');
    world.hub.tick(2 * oneTickMs);
    expect(client.lines()).toEqual(['#0 @3']);
  });

  test('a stream that is not read owes one notice a watcher, not one an interval', () => {
    const world = new World();
    const client = world.open({ progressIntervalMs });
    client.create({ progress: true });
    client.read();
    for (let i = 1; i <= 50; i++) world.hub.tick(i * oneTickMs);
    expect(client.lines()).toEqual(['#0 @1']);
  });

  test('intervals that were slept through are not made up for', () => {
    const world = new World();
    const client = world.open({ progressIntervalMs });
    client.create({ progress: true });
    client.read();
    world.hub.tick(1_000_000);
    expect(client.lines()).toEqual(['#0 @1']);
    world.hub.tick(1_000_001);
    expect(client.lines()).toEqual([]);
  });

  test('streams spread their intervals by up to a tenth', () => {
    const world = new World();
    const clients = Array.from({ length: 50 }, () => world.open({ progressIntervalMs }));
    for (const client of clients) {
      client.create({ progress: true });
      client.read();
    }
    const reached = [999, 1050, 1100].map((nowMs) => {
      world.hub.tick(nowMs);
      return clients.filter(({ stream }) => stream.hasPending).length;
    });
    expect(reached[0]).toBe(0);
    expect(reached[1]).toBeGreaterThan(5);
    expect(reached[1]).toBeLessThan(45);
    expect(reached[2]).toBe(50);
  });
});

describe('progress requests', () => {
  test('an answer waits behind the events it speaks of', () => {
    const world = new World();
    const client = world.open();
    client.create({});
    client.read();
    world.put('k');
    client.progress();
    world.put('k');
    expect(client.lines()).toEqual(['#0 @2 +k@2', '#-1 @2', '#0 @3 +k@3']);
  });

  test('while a watcher reads history there is no answer', () => {
    const world = new World();
    world.put('k');
    const client = world.open();
    client.create({ start: 2 });
    client.progress();
    expect(client.lines()).toEqual(['#0 @2 created', '#0 @2 +k@2']);
    client.progress();
    expect(client.lines()).toEqual(['#-1 @2']);
  });

  test('an answer comes before a watcher that is created after it', () => {
    const world = new World();
    world.put('k');
    const client = world.open();
    client.create({});
    client.progress();
    client.create({ start: 1 });
    expect(client.lines()).toEqual(['#0 @2 created', '#-1 @2', '#1 @2 created', '#1 @2 +k@2']);
  });

  test('an accepted answer is taken back when the stream loses its place before it is sent', () => {
    const world = new World({ liveQueueMax: 0 });
    const client = world.open();
    client.create({});
    client.read();
    world.put('k');
    client.progress();
    for (let i = 0; i < 3; i++) world.put('k');
    expect(world.hub.metrics.demotionsTotal).toBe(1);
    expect(client.lines()).toEqual(['#0 @2 +k@2', '#0 @5 +k@3 +k@4 +k@5']);
  });

  test('a watcher whose history is gone does not hold back the answers of the others', () => {
    const world = new World();
    for (let i = 0; i < 3; i++) world.put('k');
    world.source.compact(4);
    const client = world.open();
    client.create({ start: 1 });
    client.create({ key: 'other' });
    client.read();
    client.progress();
    expect(client.lines()).toEqual(['#-1 @4']);
  });
});
