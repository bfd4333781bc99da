import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type RunningServer } from '../src/index.ts';
import { ProtobufMessage } from './protobuf-message.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({ enablePprof: true });
});
afterAll(() => server.close());

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${server.endpoint}${path}`, { headers, method });

/** The names of functions in a profile that came compressed. */
async function namesIn(response: Response): Promise<string[]> {
  return ProtobufMessage.of(gunzipSync(Buffer.from(await response.arrayBuffer()))).texts(6);
}

describe('profiles', () => {
  test('of processor time have what the member did meanwhile, and one is taken at a time', async () => {
    const first = get('/debug/pprof/profile?seconds=1');
    // The first has begun when the second is refused; until then that one may be the one that begins.
    const second = await get('/debug/pprof/profile?seconds=1');
    const [taken, refused] = second.ok ? [second, await first] : [await first, second];
    expect(taken.status).toBe(200);
    expect(taken.headers.get('content-disposition')).toBe('attachment; filename="profile"');
    expect(await namesIn(taken)).toEqual(expect.arrayContaining(['samples', 'cpu', 'nanoseconds']));
    expect(refused.status).toBe(500);
    expect(await refused.text()).toBe('Could not enable CPU profiling: cpu profiling already in use\n');
  });

  test('of memory tell what is in use, also for the tools of browsers', async () => {
    const heap = await get('/debug/pprof/heap');
    expect(heap.status).toBe(200);
    expect(await namesIn(heap)).toContain('inuse_space');
    const forBrowsers = await get('/debug/pprof/heap?format=v8');
    expect(await forBrowsers.json()).toMatchObject({ head: { callFrame: { functionName: '(root)' } } });
  });

  test('that are listed are there, and those of Go alone are not', async () => {
    const index = await (await get('/debug/pprof/')).text();
    expect(index).toContain('/debug/pprof/profile?seconds=30');
    for (const name of ['goroutine', 'cmdline', 'nosuch']) {
      const answer = await get(`/debug/pprof/${name}`);
      expect([answer.status, await answer.text()]).toEqual([404, 'Unknown profile\n']);
    }
    expect((await get('/debug/pprof/profile?seconds=301')).status).toBe(400);
    expect((await get('/debug/pprof/heap', {}, 'POST')).status).toBe(405);
  });

  test('are ended by the end of the member', async () => {
    const short = await startServer({ enablePprof: true });
    const profile = fetch(`${short.endpoint}/debug/pprof/profile?seconds=300`).catch(() => 'cut off');
    await fetch(`${short.endpoint}/health`);
    await short.close();
    await profile;
    // And leave the profiler to others.
    expect((await get('/debug/pprof/profile?seconds=1')).status).toBe(200);
  });

  test('are not there without the flag', async () => {
    await using plain = await startServer();
    for (const path of ['/debug/pprof/', '/debug/pprof/heap'])
      expect((await fetch(`${plain.endpoint}${path}`)).status).toBe(404);
  });
});

test.each(['//', '//:', '/\\\\'])(
  'a target that is no URL is found nowhere, and harms nobody: %s',
  async (target) => {
    const { hostname, port } = new URL(server.endpoint);
    const socket = connect(Number(port), hostname);
    socket.end(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 404 /);
    expect((await get('/debug/vars')).status).toBe(200);
  },
);

test('variables of the process are told by their names in etcd, without the command line', async () => {
  const response = await get('/debug/vars');
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  const vars = (await response.json()) as Record<string, unknown>; // What is expected of it, the next lines say.
  expect(Object.keys(vars)).toEqual(['cmdline', 'file_descriptor_limit', 'memstats', 'raft.status']);
  expect(vars['cmdline']).toEqual(['quorate']);
  expect(vars['raft.status']).toMatchObject({
    ...{ id: '8e9e05c52164694d', lead: '8e9e05c52164694d', raftState: 'StateLeader', leadtransferee: '0' },
    progress: { '8e9e05c52164694d': { state: 'StateReplicate' } },
  });
});

test('where users log in, all of it is for administrators alone', async () => {
  await using secured = await startServer({ enablePprof: true });
  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const init = { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`${secured.endpoint}/v3/auth/${path}`, init);
    return (await response.json()) as Record<string, unknown>; // The API answers with objects.
  };
  for (const name of ['root', 'bob']) await post('user/add', { name, password: `${name}pw` });
  await post('role/add', { name: 'root' });
  await post('user/grant', { user: 'root', role: 'root' });
  await post('enable', {});
  const tokenOf = async (name: string): Promise<string> =>
    String((await post('authenticate', { name, password: `${name}pw` }))['token']);
  const statusFor = async (path: string, token?: string): Promise<number> => {
    const headers = token === undefined ? {} : { authorization: token };
    return (await fetch(`${secured.endpoint}${path}`, { headers })).status;
  };
  const [root, bob] = [await tokenOf('root'), await tokenOf('bob')];
  for (const path of ['/debug/vars', '/debug/pprof/', '/debug/pprof/heap']) {
    expect([
      path,
      await statusFor(path),
      await statusFor(path, 'made.up'),
      await statusFor(path, bob),
      await statusFor(path, root),
    ]).toEqual([path, 401, 401, 403, 200]);
  }
});
