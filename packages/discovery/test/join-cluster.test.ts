import { memberId } from '@quorate/membership';
import { idToHex, type Clock } from '@quorate/std';
import { ManualClock } from '@quorate/std/testing';
import { describe, expect, test } from 'vitest';
import { joinCluster, registryKeys, type DiscoveryError, type DiscoveryEvent } from '../src/index.ts';
import { FakeRegistry } from './fake-registry.ts';

const token = 'a-token';
const keys = registryKeys(token);
const urlOf = (n: number): string => `http://10.0.0.${n}:2380`;
const idOf = (n: number): bigint => memberId({ peerUrls: [urlOf(n)], clusterToken: token });
const keyOf = (n: number): string => keys.memberOf(idOf(n));

/** Every pause is over at once, and written down. */
function impatientClock(): Clock & { readonly pausesMs: number[] } {
  const pausesMs: number[] = [];
  const manual = new ManualClock();
  return {
    pausesMs,
    now: () => manual.now(),
    wallMs: () => manual.wallMs(),
    soon: (action) => manual.soon(action),
    after(delayMs, action) {
      pausesMs.push(delayMs);
      queueMicrotask(action);
      return { cancel() {} };
    },
  };
}

function registryOf(size?: string): FakeRegistry {
  const registry = new FakeRegistry();
  if (size !== undefined) registry.set(keys.size, size);
  return registry;
}

/** Member `n` joins. */
function join(client: FakeRegistry, n: number, options: Partial<Parameters<typeof joinCluster>[0]> = {}) {
  return joinCluster({
    client,
    clock: impatientClock(),
    token,
    memberId: idOf(n),
    registration: `m${n}=${urlOf(n)}`,
    ...options,
  });
}

const codeOf = (joining: Promise<string>): Promise<string> =>
  joining.then(
    (text) => `joined ${text}`,
    (error: DiscoveryError) => `${error.code}: ${error.message}`,
  );

const cluster = (...ns: number[]): string => ns.map((n) => `m${n}=${urlOf(n)}`).join(',');

describe('a cluster of three', () => {
  test('forms when three have registered, the same for all of them', async () => {
    const registry = registryOf('3');
    const all = await Promise.all([join(registry, 2), join(registry, 1), join(registry, 3)]);
    expect(all).toEqual([cluster(1, 2, 3), cluster(1, 2, 3), cluster(1, 2, 3)]);
  });

  test('lies under the keys that etcd has for it', async () => {
    const registry = registryOf('1');
    await join(registry, 1);
    expect(registry.keys()).toEqual([
      '/_etcd/registry/a-token/_config/size',
      `/_etcd/registry/a-token/members/${idToHex(idOf(1))}`,
    ]);
    expect(registry.value(keyOf(1))).toBe('m1=http://10.0.0.1:2380');
  });

  test('refuses a fourth, who leaves no trace', async () => {
    const registry = registryOf('3');
    await Promise.all([join(registry, 1), join(registry, 2), join(registry, 3)]);
    expect(await codeOf(join(registry, 4))).toMatch(/^DISCOVERY_CLUSTER_FULL: discovery: cluster is full/);
    expect(registry.value(keyOf(4))).toBeUndefined();
  });

  test('refuses the one of four who registered last, when all saw room', async () => {
    const registry = registryOf('3');
    const all = await Promise.all([1, 2, 3, 4].map((n) => codeOf(join(registry, n))));
    expect(all.filter((outcome) => outcome === `joined ${cluster(1, 2, 3)}`)).toHaveLength(3);
    expect(all[3]).toMatch(/^DISCOVERY_CLUSTER_FULL/);
  });

  test('takes a member back that crashed while it waited', async () => {
    const registry = registryOf('2');
    const aborting = new AbortController();
    const first = join(registry, 1, { signal: aborting.signal });
    await registry.watched();
    aborting.abort(new Error('crashed'));
    await expect(first).rejects.toThrow('crashed');
    expect(await Promise.all([join(registry, 2), join(registry, 1)])).toEqual([cluster(1, 2), cluster(1, 2)]);
  });

  test('goes by the create revision, not by the order of keys', async () => {
    const registry = registryOf('2');
    const [last = 0, first = 0] = [1, 2].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    registry.set(keyOf(first), `m${first}=${urlOf(first)}`);
    registry.set(keyOf(3), `m3=${urlOf(3)}`);
    expect(await codeOf(join(registry, last))).toMatch(/^DISCOVERY_CLUSTER_FULL/);
  });
});

describe('the size key', () => {
  test('that is not there is named', async () => {
    expect(await codeOf(join(registryOf(), 1))).toBe(
      'DISCOVERY_SIZE_NOT_FOUND: discovery: size key not found (put the number of members at ' +
        '/_etcd/registry/a-token/_config/size first)',
    );
  });

  test.each(['-1', '0', '-0', '+0', '1.5', '1e1', '0x3', ' 3', '3 ', '', 'three', 'NaN', 'Infinity', '101'])(
    '%j is refused, and nothing is written',
    async (size) => {
      const registry = registryOf(size);
      const outcome = await codeOf(join(registry, 1));
      expect(outcome).toMatch(/^DISCOVERY_BAD_SIZE: discovery: size key is bad \(/);
      expect(outcome).toContain(JSON.stringify(size));
      expect(registry.value(keyOf(1))).toBeUndefined();
    },
  );

  test.each(['9223372036854775808', '9'.repeat(100_000), '-9223372036854775809'])(
    'that is beyond all reason is refused in a short sentence',
    async (size) => {
      const outcome = await codeOf(join(registryOf(size), 1));
      expect(outcome).toMatch(/^DISCOVERY_BAD_SIZE/);
      expect(outcome.length).toBeLessThan(200);
    },
  );

  test.each(['1', '+1', '01'])('%j is one, as etcd reads it', async (size) => {
    expect(await join(registryOf(size), 1)).toBe(cluster(1));
  });
});

describe('errors of the registry', () => {
  test('are waited out, twice as long each time up to 256 seconds', async () => {
    const registry = registryOf('1');
    const clock = impatientClock();
    let failures = 10;
    registry.fault = ({ verb }) => (verb === 'get' && failures-- > 0 ? new Error('down') : undefined);
    expect(await join(registry, 1, { clock })).toBe(cluster(1));
    expect(clock.pausesMs).toEqual(
      [2, 4, 8, 16, 32, 64, 128, 256, 256, 256].map((seconds) => seconds * 1_000),
    );
  });

  test('that follow a success begin again at two seconds', async () => {
    const registry = registryOf('1');
    const clock = impatientClock();
    const down = ['get', 'get', 'put', 'list'];
    registry.fault = ({ verb }) => (verb === down[0] ? new Error(`${down.shift()}`) : undefined);
    expect(await join(registry, 1, { clock })).toBe(cluster(1));
    expect(clock.pausesMs).toEqual([2_000, 4_000, 2_000, 2_000]);
  });

  test('end it after as many tries as are allowed', async () => {
    const registry = registryOf('1');
    registry.fault = ({ verb }) => (verb === 'put' ? new Error('down') : undefined);
    expect(await codeOf(join(registry, 1, { retryCountMax: 3 }))).toBe(
      'DISCOVERY_TOO_MANY_RETRIES: discovery: too many retries (register member itself)',
    );
    expect(registry.calls.filter((call) => call.startsWith('put'))).toHaveLength(4);
  });

  test('that the client calls final are thrown as they are', async () => {
    const registry = registryOf('1');
    const wrong = new Error('authentication failed');
    registry.fault = () => wrong;
    registry.isFinal = (error) => error === wrong;
    await expect(join(registry, 1)).rejects.toBe(wrong);
  });

  test('of the watch lead to a new look at everything', async () => {
    const registry = registryOf('2');
    let isCompacted = false;
    registry.fault = ({ verb }) => (verb === 'watching' && isCompacted ? new Error('compacted') : undefined);
    const events: DiscoveryEvent[] = [];
    const joining = join(registry, 1, {
      onEvent: (event) => {
        events.push(event);
        if (event.kind !== 'retry') return;
        isCompacted = false;
        registry.set(keyOf(2), `m2=${urlOf(2)}`);
      },
    });
    await registry.watched();
    isCompacted = true;
    registry.wake();
    expect(await joining).toBe(cluster(1, 2));
    expect(events.map(({ kind }) => kind)).toEqual([
      'registered',
      'found',
      'waiting',
      'retry',
      'found',
      'found',
    ]);
  });

  test('do not keep it from ending when it is told to', async () => {
    const registry = registryOf('1');
    registry.fault = () => new Error('down');
    const aborting = new AbortController();
    const clock = new ManualClock(); // Nobody moves it: the pause would never end.
    const joining = join(registry, 1, {
      clock,
      signal: aborting.signal,
      onEvent: () => queueMicrotask(() => aborting.abort(new Error('told to'))),
    });
    await expect(joining).rejects.toThrow('told to');
  });
});

describe('what others have written', () => {
  test('and is no registration does not count', async () => {
    const registry = registryOf('2');
    registry.set(`${keys.membersPrefix}junk`, 'no equals sign');
    registry.set('/_etcd/registry/a-token/membersX', 'x=http://10.9.9.9:1');
    const events: DiscoveryEvent[] = [];
    const joined = Promise.all([
      join(registry, 1, { onEvent: (event) => void events.push(event) }),
      join(registry, 2),
    ]);
    expect(await joined).toEqual([cluster(1, 2), cluster(1, 2)]);
    expect(events).toContainEqual({
      kind: 'skipped',
      key: `${keys.membersPrefix}junk`,
      reason: 'not name=url',
    });
  });

  test.each([
    ['m2=nonsense', 'DISCOVERY_BAD_REGISTRATION: discovery: invalid peer URL'],
    ['=http://10.0.0.2:2380', 'DISCOVERY_BAD_REGISTRATION: discovery: invalid peer URL'],
    ['m2=http://10.0.0.2:1,m3=http://10.0.0.3:1', 'DISCOVERY_BAD_REGISTRATION: discovery: invalid peer URL'],
    ['m1=http://10.0.0.2:2380', 'DISCOVERY_DUPLICATE_NAME: discovery: found duplicate name ("m1"'],
    ['m2=http://10.0.0.1:2380', 'DISCOVERY_DUPLICATE_URL: discovery cluster m1=http://10.0.0.1:2380,m2='],
    [
      'm2=http://10.0.0.1:2380,m2=http://10.0.0.2:2380',
      'DISCOVERY_DUPLICATE_URL: discovery cluster m1=http://10.0.0.1:2380,m2=',
    ],
  ])('as %j is refused by name rather than made a cluster of', async (value, sentence) => {
    const registry = registryOf('2');
    registry.set(keyOf(2), value);
    expect((await codeOf(join(registry, 1))).startsWith(sentence)).toBe(true);
  });

  test('over the registration, by removing it, is put right', async () => {
    const registry = registryOf('2');
    let isRemoved = false;
    const joining = join(registry, 1, {
      onEvent: ({ kind }) => {
        if (kind === 'registered' && !isRemoved) {
          isRemoved = true;
          queueMicrotask(() => registry.delete(keyOf(1)));
        }
      },
    });
    expect(await Promise.all([joining, join(registry, 2)])).toEqual([cluster(1, 2), cluster(1, 2)]);
  });
});

describe('a token', () => {
  test.each(['', '/', '.', '..', 'a/../b', '../registry'])('%j is refused', (bad) => {
    expect(() => registryKeys(bad)).toThrow(
      expect.objectContaining({ code: 'DISCOVERY_BAD_TOKEN' }) as Error,
    );
  });

  test('may have slashes; those too many do not count', () => {
    expect(registryKeys('a//b/').size).toBe('/_etcd/registry/a/b/_config/size');
  });
});

test('a registration that nobody could read is not written', async () => {
  const registry = registryOf('1');
  expect(await codeOf(join(registry, 1, { registration: 'm1' }))).toMatch(/^DISCOVERY_BAD_REGISTRATION/);
  expect(registry.calls).toEqual([]);
});
