import { globSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { apiPage } from '../src/docs/api-page.ts';
import { compatibilityTable } from '../src/docs/compatibility-page.ts';
import { ctlPage } from '../src/docs/ctl-page.ts';
import { errorsPage } from '../src/docs/errors-page.ts';
import { gatewayPage } from '../src/docs/gateway-page.ts';
import { MarkdownReader } from '../src/docs/markdown.ts';
import { metricsOf, metricsPage } from '../src/docs/metrics-page.ts';
import { packageGraph } from '../src/docs/package-graph.ts';
import { packagesPage } from '../src/docs/package-pages.ts';
import { addressOf, pagedDocuments, pageOf } from '../src/docs/site-map.ts';
import { root, workspacePackages } from '../src/docs/workspace.ts';

const packages = workspacePackages();

test('every package of the workspace is known, with its floor and its doors', () => {
  const folders = globSync(['packages/*/package.json', 'apps/*/package.json'], { cwd: root });
  expect(packages).toHaveLength(folders.length);
  expect(packages.find(({ project }) => project === 'raft')).toMatchObject({
    ...{ name: '@quorate/raft', folder: 'packages/raft', layer: '1', needs: ['std', 'wire'] },
    doors: [
      { name: '@quorate/raft', source: 'packages/raft/src/index.ts' },
      { name: '@quorate/raft/testing', source: 'packages/raft/src/testing/index.ts' },
    ],
  });
});

describe('the drawing of the packages', () => {
  const graph = packageGraph(packages);

  test('has each of them once, none upon another, and all inside', () => {
    expect(graph.nodes.map(({ name }) => name).toSorted()).toEqual(
      packages.map(({ project }) => project).toSorted(),
    );
    for (const [i, a] of graph.nodes.entries()) {
      expect(a.x - a.width / 2).toBeGreaterThan(0);
      expect(a.x + a.width / 2).toBeLessThan(graph.width);
      for (const b of graph.nodes.slice(i + 1))
        if (a.y === b.y) expect(Math.abs(a.x - b.x)).toBeGreaterThanOrEqual((a.width + b.width) / 2);
    }
  });

  test('has arrows that go down, or sideways on the ground, and no others', () => {
    const byName = new Map(graph.nodes.map((node) => [node.name, node]));
    const upwards = graph.edges.filter(
      ({ from, to }) => (byName.get(from)?.y ?? 0) > (byName.get(to)?.y ?? 0),
    );
    const sideways = graph.edges.filter(({ from, to }) => byName.get(from)?.y === byName.get(to)?.y);
    expect(upwards).toEqual([]);
    expect(sideways.map(({ from, to }) => `${from} ${to}`)).toContain('wire std');
  });

  test('leaves out what comes along by another arrow, and nothing else', () => {
    const arrows = new Set(graph.edges.map(({ from, to }) => `${from} ${to}`));
    expect(arrows).toContain('raft wire');
    expect(arrows).not.toContain('raft std');
    const reach = (name: string): string[] => [
      name,
      ...graph.edges.filter(({ from }) => from === name).flatMap(({ to }) => reach(to)),
    ];
    for (const { project, needs } of packages)
      expect(reach(project)).toEqual(expect.arrayContaining([...needs]));
  });
});

describe('metrics', () => {
  const text = [
    '# HELP etcd_server_has_leader Whether a leader exists.',
    '# TYPE etcd_server_has_leader gauge',
    'etcd_server_has_leader 1',
    '# HELP grpc_server_handled_total RPCs.\\nMore.',
    '# TYPE grpc_server_handled_total counter',
    'grpc_server_handled_total{grpc_method="Put",grpc_code="OK"} 1',
    '# HELP a_seconds Time.',
    '# TYPE a_seconds histogram',
    'a_seconds_bucket{le="1",op="x"} 1',
    'a_seconds_sum{op="x"} 1',
  ].join('\n');

  test('are read with their type, their help and their labels', () => {
    expect(metricsOf(text)).toEqual([
      { name: 'a_seconds', type: 'histogram', help: 'Time.', labels: ['op'] },
      { name: 'etcd_server_has_leader', type: 'gauge', help: 'Whether a leader exists.', labels: [] },
      {
        name: 'grpc_server_handled_total',
        type: 'counter',
        help: 'RPCs. More.',
        labels: ['grpc_method', 'grpc_code'],
      },
    ]);
  });

  test('are put into groups', () => {
    const page = metricsPage([{ title: 'A member', where: 'There.', text }]);
    const titles = [...page.matchAll(/^###? (.*)$/gm)].map(([, title]) => title);
    expect(titles).toEqual(['A member', 'Raft and requests', 'gRPC', 'Process and Node']);
    expect(page).toContain(
      '| `grpc_server_handled_total` | counter | `grpc_method`, `grpc_code` | RPCs. More. |',
    );
  });
});

describe('pages that are made of code', () => {
  test('quoratectl has every command once, each with its flags', async () => {
    const page = ctlPage();
    expect(page).toContain('\n## member add\n');
    expect(page).toContain('| `--prefix` |');
    expect(page).toContain('| `--endpoints` | `ETCDCTL_ENDPOINTS` | `127.0.0.1:2379` |');
    await expectOwnLinks(page);
  });

  test('calls have their routes and messages, which are linked', async () => {
    const page = apiPage();
    expect(page).toContain(
      '| `/etcdserverpb.KV/Put` | `POST /v3/kv/put` | [etcdserverpb.PutRequest](#etcdserverpbputrequest) |',
    );
    expect(page).toContain('\n### mvccpb.KeyValue\n');
    await expectOwnLinks(page);
  });

  test('the gateway has its flags with their variables and defaults', () => {
    expect(gatewayPage()).toContain('| `--max-streams` | `QUORATE_GATEWAY_MAX_STREAMS` | `10000` |');
  });

  test('errors have the texts that clients compare, and the classes of packages', () => {
    const page = errorsPage(
      [{ from: '@quorate/raft', name: 'XError', code: '"A" | "B"', summary: 'It failed.' }],
      packages,
    );
    expect(page).toContain(
      '| `MVCC_COMPACTED` | `OUT_OF_RANGE` | etcdserver: mvcc: required revision has been compacted |',
    );
    expect(page).toContain('| `XError` | [@quorate/raft](/packages/raft/api) | `A`, `B` | It failed. |');
  });

  test('the list of packages has all of them', () => {
    const page = packagesPage(packages);
    for (const { name } of packages) expect(page).toContain(`| \`${name}\` |`);
  });

  test('the table of compatibility has every feature once, with a state', () => {
    const ids = compatibilityTable().flatMap(({ features }) => features.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(200);
  });
});

test('no two documents have one page, and pages have addresses without endings', () => {
  const pages = pagedDocuments().map(pageOf);
  expect(new Set(pages).size).toBe(pages.length);
  expect(['index', 'packages/raft/index', 'start'].map(addressOf)).toEqual([
    '/',
    '/packages/raft/',
    '/start',
  ]);
});

/** Links of a page to itself lead to its headings. */
async function expectOwnLinks(page: string): Promise<void> {
  const { anchors, links } = (await MarkdownReader.open()).read(page);
  const own = links.filter(({ href }) => href.startsWith('#')).map(({ href }) => href.slice(1));
  expect(own.length).toBeGreaterThan(30);
  expect(own.filter((anchor) => !anchors.has(anchor))).toEqual([]);
}
