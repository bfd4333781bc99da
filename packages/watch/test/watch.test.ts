import { describe, expect, test } from 'vitest';
import { World } from './harness.ts';

describe('creating watchers', () => {
  test('a watcher without a start revision gets what happens from now on', () => {
    const world = new World();
    world.put('k');
    const client = world.open();
    client.create({ key: 'k' });
    expect(client.lines()).toEqual(['#0 @2 created']);
    world.put('k');
    world.put('other');
    world.delete('k');
    expect(client.lines()).toEqual(['#0 @3 +k@3', '#0 @5 -k@5']);
  });

  test('a watcher from an old revision gets history in one response, after its created response', () => {
    const world = new World();
    for (let i = 0; i < 4; i++) world.put('k');
    const client = world.open();
    client.create({ key: 'k', start: 3 });
    expect(client.lines()).toEqual(['#0 @5 created', '#0 @5 +k@3 +k@4 +k@5']);
    world.put('k');
    expect(client.lines()).toEqual(['#0 @6 +k@6']);
  });
});
