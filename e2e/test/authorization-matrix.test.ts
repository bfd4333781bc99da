import { electionpb, healthpb, lockpb, rpcpb } from '@quorate/wire';
import { afterAll, describe, expect, test } from 'vitest';
import type { Ask } from '../src/authorization/ask.ts';
import type { Identity } from '../src/authorization/identities.ts';
import {
  describeDifference,
  Matrix,
  smallestDifference,
  type MatrixReport,
} from '../src/authorization/matrix.ts';
import { randomHouse } from '../src/authorization/people.ts';
import { randomAsks } from '../src/authorization/random-asks.ts';
import { enumeratedAsks, fewAsks } from '../src/authorization/shapes.ts';
import { World, type WorldOptions } from '../src/authorization/world.ts';

/** `QUORATE_SEED` replays one. */
const seeds = process.env['QUORATE_SEED']?.split(',').map(Number) ?? [20261122, 20261123, 20261124];

const all = enumeratedAsks();
const few = fewAsks();
const reports: MatrixReport[] = [];

async function expectNoDifference(
  options: WorldOptions,
  asksOf: (identity: Identity) => readonly Ask[],
): Promise<void> {
  const report = await Matrix.run(options, asksOf);
  reports.push(report);
  const some = report.differences.slice(0, 20);
  const smallest = await Promise.all(some.map((difference) => smallestDifference(options, difference)));
  expect(smallest.map(describeDifference)).toEqual([]);
}

/** Whoever has a token is what his roles are; for all others a few requests of each kind tell. */
function byToken({ who, shown }: Identity): readonly Ask[] {
  return who.kind === 'named' && shown.token !== undefined && shown.commonName === undefined ? all : few;
}

describe('every RPC, as everybody, in every shape, is decided as by the oracle', { timeout: 600_000 }, () => {
  test('with simple tokens and certificates', () =>
    expectNoDifference({ tokens: 'simple', isEnabled: true }, byToken));

  test('with signed tokens and certificates', () =>
    expectNoDifference({ tokens: 'signed', isEnabled: true }, ({ name }) =>
      name.startsWith('certificate') ? [] : few,
    ));

  test('with certificates alone', () => expectNoDifference({ tokens: 'none', isEnabled: true }, () => few));

  test('and by nobody while authentication is off', () =>
    expectNoDifference({ tokens: 'simple', isEnabled: false }, ({ name }) =>
      name === 'off: nobody' ? all : few,
    ));

  test.each(seeds)('with permissions and requests by chance (QUORATE_SEED=%i replays)', (seed) => {
    const asks = randomAsks(seed, 300);
    const house = randomHouse(seed, 12);
    return expectNoDifference({ tokens: 'simple', isEnabled: true, house, identities: 'users' }, () => asks);
  });
});

describe('the table of methods', () => {
  const definitions = [
    ...[rpcpb.KVDefinition, rpcpb.WatchDefinition, rpcpb.LeaseDefinition, rpcpb.ClusterDefinition],
    ...[rpcpb.MaintenanceDefinition, rpcpb.AuthDefinition, lockpb.LockDefinition],
    ...[electionpb.ElectionDefinition, healthpb.HealthDefinition],
  ];
  const paths = definitions.flatMap(({ fullName, methods }) =>
    Object.values<{ readonly name: string }>(methods).map(({ name }) => `/${fullName}/${name}`),
  );

  test('has what the definitions have, and nothing by another spelling', async () => {
    await using world = await World.open({ tokens: 'none', isEnabled: true });
    expect([...world.paths].sort()).toEqual([...paths].sort());
    const table = new Set(world.paths);
    for (const path of paths) {
      const [, service = '', method = ''] = path.split('/');
      const others = [
        ...[path.slice(1), `/${path}`, `${path}/`, path.toLowerCase(), path.toUpperCase(), ` ${path}`],
        ...[`${path} `, `${path}\0`, `${path}?`, `/${service}//${method}`, `/${service}%2f${method}`],
        ...[`/./${service}/${method}`, `/${service}/../${service}/${method}`, `/${service}.${method}`],
        ...[`/${service}/`, `/${service}`, `/${method}`, `/${service}/__proto__`],
      ];
      for (const other of others) expect(table.has(other), other).toBe(false);
    }
  });

  test('has no method of which no case was asked', () => {
    const asked = new Set(reports.flatMap(({ countByRpc }) => [...countByRpc.keys()]));
    expect(paths.filter((path) => !asked.has(path))).toEqual([]);
  });
});

test('there were 20,000 cases at least', () => {
  expect(total(reports.map(({ countByRpc }) => countByRpc))).toBeGreaterThan(20_000);
});

afterAll(() => {
  const counts = (by: 'countByRpc' | 'countByIdentity'): string =>
    Object.entries(summed(reports.map((report) => report[by])))
      .map(([name, count]) => `${name.slice(name.lastIndexOf('.') + 1)} ${count}`)
      .join(', ');
  const cases = total(reports.map(({ countByRpc }) => countByRpc));
  process.stdout.write(
    `${cases} cases; by RPC: ${counts('countByRpc')}; by who asks: ${counts('countByIdentity')}\n`,
  );
});

function summed(maps: readonly ReadonlyMap<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const map of maps) for (const [name, count] of map) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

function total(maps: readonly ReadonlyMap<string, number>[]): number {
  return Object.values(summed(maps)).reduce((sum, count) => sum + count, 0);
}
