import { routes, type Route } from '@quorate/rest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ServerPair, sides, type SideName } from '../src/differential/server-pair.ts';
import { etcdBin } from '../src/member-process.ts';
import { restCall, type RestAnswer, type RestRequest } from '../src/rest/rest-call.ts';
import { comparable } from '../src/rest/rest-comparison.ts';
import { allMalformed } from '../src/rest/rest-requests.ts';
import { restStory, StoryMemory, type RestStep } from '../src/rest/rest-story.ts';

/** Every route of etcd's API as JSON, one by one, of Quorate and of a real etcd. */
describe.skipIf(etcdBin === undefined)('every route, one by one (QUORATE_ETCD_BIN)', () => {
  let folder: string;
  let pair: ServerPair;
  /** Routes that both have answered with success, and alike. */
  const succeeded = new Set<string>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-routes-'));
    pair = await ServerPair.start({ folder, flags: ['--unsafe-no-fsync'] });
  });
  afterAll(async () => {
    await pair[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function askBoth(
    requestOf: (side: SideName) => RestRequest,
    linesMax = Infinity,
  ): Promise<Record<SideName, RestAnswer>> {
    const [quorate, etcd] = await Promise.all(
      sides.map((side) => restCall(pair.members[side].endpoint, requestOf(side), { linesMax })),
    );
    pair.checkRunning();
    return { quorate: quorate!, etcd: etcd! };
  }

  async function same(request: RestRequest): Promise<RestAnswer> {
    const { quorate, etcd } = await askBoth(() => request);
    expect({ request, ...comparable(quorate, request.path) }).toEqual({
      request,
      ...comparable(etcd, request.path),
    });
    return quorate;
  }

  /** What a change would show in. */
  async function stateOfBoth(): Promise<string> {
    const questions = [
      ['/v3/maintenance/hashkv', {}],
      ['/v3/maintenance/alarm', {}],
      ['/v3/cluster/member/list', {}],
      ['/v3/lease/leases', {}],
      ['/v3/auth/user/list', {}],
      ['/v3/auth/role/list', {}],
      ['/v3/auth/status', {}],
      ['/v3/kv/range', { key: 'AA==', range_end: 'AA==' }],
    ] as const;
    const answers: string[] = [];
    for (const [path, body] of questions) {
      const { quorate, etcd } = await askBoth(() => ({ path, body: JSON.stringify(body) }));
      answers.push(quorate.body, etcd.body);
    }
    // The term may change by itself; what is asked about may not.
    return answers.join('\n').replace(/"raft_term":"\d+"/g, '');
  }

  test('each does what it is for, and answers alike', async () => {
    const memory = new StoryMemory();
    for (const tell of restStory) {
      const stepOf = (side: SideName): RestStep =>
        typeof tell === 'function' ? tell(memory.of(side)) : tell;
      const { path, status = 200, linesMax } = stepOf('quorate');
      const { quorate, etcd } = await askBoth((side) => {
        const token = memory.tokenOf(side);
        const headers = token === undefined ? {} : { Authorization: token };
        return { path, body: JSON.stringify(stepOf(side).body), headers };
      }, linesMax);
      const step = { path, body: stepOf('quorate').body };
      expect({ ...step, ...comparable(quorate, path) }).toEqual({ ...step, ...comparable(etcd, path) });
      if (!isRecipe(path)) expect({ ...step, status: quorate.status }).toEqual({ ...step, status });
      if (quorate.status === 200) succeeded.add(path);
      memory.note('quorate', path, quorate);
      memory.note('etcd', path, etcd);
    }
    // Of the bytes of a store, and of how many lines they are, two programs can only agree on the form.
    const { quorate, etcd } = await askBoth(() => ({ path: '/v3/maintenance/snapshot', body: '' }));
    for (const { status, headers, body } of [quorate, etcd]) {
      expect([status, headers['content-type']]).toEqual([200, 'application/json']);
      const lines = body.trimEnd().split('\n');
      expect(lines.every((line) => /^\{"result":\{.*"blob":"[\w+/=]+"/.test(line))).toBe(true);
    }
    succeeded.add('/v3/maintenance/snapshot');
  }, 120_000);

  test('none was left out, and there is no other', () => {
    // Two succeed with several members only: they are refused alike.
    const refused = ['/v3/cluster/member/promote', '/v3/maintenance/downgrade'];
    expect([...succeeded, ...refused].sort()).toEqual(routes.map(({ path }) => path).sort());
    expect(routes).toHaveLength(51);
  });

  test('each refuses alike whatever its fields can’t be, and nothing is changed by it', async () => {
    const before = await stateOfBoth();
    for (const route of routes) {
      // etcd 3.5 never answers a watch of which it understands nothing; Quorate says what is wrong (rest's own tests).
      if (route.method.clientStreams) continue;
      for (const body of allMalformed(route)) {
        const { status } = await same({ path: route.path, body });
        expect({ path: route.path, body, status }).toMatchObject({ status: 400 });
      }
    }
    expect(await stateOfBoth()).toBe(before);
  }, 300_000);

  test('each passes over names that nobody knows', async () => {
    for (const { path, method } of routes) {
      if (method.serverStreams || changesSomething(path)) continue;
      await same({ path, body: '{"nobody_knows":[{"this":null}],"nor":{"that":1e999}}' });
    }
  });

  test.each(['GET', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'])(
    'each answers %s alike, and nothing is changed by it',
    async (method) => {
      const before = await stateOfBoth();
      for (const { path } of routes) await same({ path, method, body: '' });
      expect(await stateOfBoth()).toBe(before);
    },
    60_000,
  );

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'nonsense',
  ])(
    'each takes a body that is said to be %s for the JSON that it is',
    async (contentType) => {
      const headers = { 'Content-Type': contentType, Accept: 'text/html' };
      for (const { path, method } of routes) {
        if (method.serverStreams || changesSomething(path)) continue;
        await same({ path, body: '{}', headers });
        await same({ path, body: '{', headers });
      }
    },
    60_000,
  );
});

/** etcd 3.5 says nothing of the codes of the errors of these. */
function isRecipe(path: string): boolean {
  return path.startsWith('/v3/lock/') || path.startsWith('/v3/election/');
}

/** What does something even when nothing is said. */
function changesSomething(path: Route['path']): boolean {
  const changing = [
    '/v3/lease/grant',
    '/v3/lock/lock',
    '/v3/election/campaign',
    '/v3/auth/enable',
    '/v3/auth/disable',
  ];
  return changing.includes(path);
}
