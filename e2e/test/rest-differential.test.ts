import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { routes } from '@quorate/rest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Dice } from '../src/differential/dice.ts';
import { ServerPair, sides, type SideName } from '../src/differential/server-pair.ts';
import { etcdBin } from '../src/member-process.ts';
import { restCall, type RestAnswer, type RestRequest } from '../src/rest/rest-call.ts';
import { comparable } from '../src/rest/rest-comparison.ts';
import { anyRequest, bodyFor, malformedRequest, ordinaryRoutes } from '../src/rest/rest-requests.ts';

const seed = Number(process.env['QUORATE_SEED'] ?? 20261122);
const requestCount = Number(process.env['QUORATE_REST_REQUESTS'] ?? 4_000);

/** The same is asked over HTTP of Quorate and of a real etcd, with the gateway of its own. */
describe.skipIf(etcdBin === undefined)('JSON over HTTP, as etcd has it (QUORATE_ETCD_BIN)', () => {
  let folder: string;
  let pair: ServerPair;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-rest-'));
    pair = await ServerPair.start({ folder, flags: ['--unsafe-no-fsync'] });
  });
  afterAll(async () => {
    await pair[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function ask(
    request: RestRequest | Readonly<Record<SideName, RestRequest>>,
    options?: { readonly linesMax?: number },
  ): Promise<Record<SideName, RestAnswer>> {
    const of = (side: SideName): RestRequest => ('path' in request ? request : request[side]);
    const [quorate, etcd] = await Promise.all(
      sides.map((side) => restCall(pair.members[side].endpoint, of(side), options)),
    );
    return { quorate: quorate!, etcd: etcd! };
  }

  /** @throws when the answers are not the same */
  async function same(request: RestRequest, options?: { readonly linesMax?: number }): Promise<RestAnswer> {
    const { quorate, etcd } = await ask(request, options);
    pair.checkRunning();
    const path = request.path.replace('/v3beta/', '/v3/');
    expect({ request, ...comparable(quorate, path) }).toEqual({ request, ...comparable(etcd, path) });
    return quorate;
  }

  test('every route is answered alike, whatever it is asked', async () => {
    const dice = new Dice(seed);
    const succeeded = new Set<string>();
    for (const { path } of ordinaryRoutes) {
      // Without a number, a lease gets one by chance.
      if (path !== '/v3/lease/grant') await same({ path, body: '' });
    }
    for (let i = 0; i < requestCount; i++) {
      const request = anyRequest(dice);
      const { status } = await same(request);
      if (status === 200) succeeded.add(request.path);
    }
    expect(succeeded.size).toBeGreaterThan(20);
  }, 600_000);

  test('every route refuses alike what it can’t read', async () => {
    const dice = new Dice(seed);
    const plain = routes.filter(({ method }) => !method.clientStreams);
    for (const route of plain) {
      for (let i = 0; i < 40; i++) {
        const { status } = await same(malformedRequest(route, dice));
        expect(status).toBe(400);
      }
    }
  }, 600_000);

  test.each([
    { path: '/v3/kv/range', method: 'GET' },
    { path: '/v3/kv/range', method: 'PUT' },
    { path: '/v3/kv/range', method: 'DELETE' },
    { path: '/v3/watch', method: 'GET' },
    { path: '/v3/kv/nope' },
    { path: '/v3/kv/range/' },
    { path: '/v3/kv/range:x' },
    { path: '/v3/' },
    { path: '/v3/kv/%72ange', body: '{"key":"YQ=="}' },
    { path: '/v3/kv/range%2f' },
    { path: '/v3/kv/range?limit=7', body: '{"key":"YQ=="}' },
    { path: '/v3alpha/kv/range' },
    { path: '/v3/kv/range', method: 'OPTIONS' },
    { path: '/v3/kv/range', headers: { 'Grpc-Timeout': 'x' } },
    { path: '/v3/kv/range', headers: { 'Grpc-Timeout': '1n' }, body: '{"key":"YQ=="}' },
    {
      path: '/v3/kv/range',
      headers: { 'Content-Type': 'text/plain', Accept: 'text/html' },
      body: '{"key":"YQ=="}',
    },
    { path: '/v3/kv/range', headers: { Origin: 'http://example.org' }, body: '{"key":"YQ=="}' },
    { path: '/v3/kv/range', body: '{"key":"YQ==","x":' + '['.repeat(9_990) + ']'.repeat(9_990) + '}' },
    { path: '/v3/kv/range', body: '{"key":"YQ==","x":' + '['.repeat(10_001) + ']'.repeat(10_001) + '}' },
    { path: '/v3/kv/put', body: JSON.stringify({ key: 'YQ==', value: 'YWFh'.repeat(530_000) }) },
    { path: '/v3/kv/put', body: JSON.stringify({ key: 'YQ==', value: 'YWFh'.repeat(800_000) }) },
  ] satisfies Partial<RestRequest>[])('$method $path with $headers is answered alike', async (request) => {
    await same({ body: '', ...request });
  });

  test('watches have the same lines', async () => {
    const at = (fields: object): string => JSON.stringify({ create_request: { key: 'YQ==', ...fields } });
    await same({ path: '/v3/kv/put', body: '{"key":"YQ==","value":"MQ=="}' });
    await same({ path: '/v3/kv/deleterange', body: '{"key":"YQ=="}' });
    await same({ path: '/v3/watch', body: at({}) }, { linesMax: 1 });
    await same({ path: '/v3/watch', body: at({ watch_id: '7' }) + at({ watchId: 7 }) }, { linesMax: 2 });
    await same({ path: '/v3/watch', body: at({ filters: ['NOPUT', 1] }) }, { linesMax: 1 });
    await same({ path: '/v3/watch', body: at({}) + '{"cancel_request":{"watch_id":"0"}}' }, { linesMax: 2 });
    // A watch in the past: after it was created, the events since then.
    const { body } = await same({ path: '/v3/maintenance/status', body: '' });
    const { header } = JSON.parse(body) as { header: { revision: string } };
    const past = { start_revision: String(Number(header.revision) - 1), prev_kv: true };
    const { body: lines } = await same({ path: '/v3/watch', body: at(past) }, { linesMax: 2 });
    expect(lines).toContain('"DELETE"');
  });

  test('lives of leases have the same lines', async () => {
    await same({ path: '/v3/lease/grant', body: '{"ID":77,"TTL":600}' });
    const { body } = await same({ path: '/v3/lease/keepalive', body: '{"ID":77}{"ID":"78"}\n{"ID":77}' });
    expect(body.split('\n')).toHaveLength(4);
    await same({ path: '/v3/lease/keepalive', body: '' });
  });

  test('locks and elections are the same, key by key', async () => {
    const say = (path: string, fields: object) => same({ path, body: JSON.stringify(fields) });
    const key = Buffer.from('door').toString('base64');
    await say('/v3/lease/grant', { ID: 99, TTL: 600 });
    const locked = await say('/v3/lock/lock', { name: key, lease: 99 });
    expect(locked.status).toBe(200);
    await say('/v3/lock/lock', { name: key, lease: '99' });
    await say('/v3/lock/unlock', JSON.parse(locked.body) as object);
    const { body } = await say('/v3/election/campaign', { name: key, lease: 99, value: 'YQ==' });
    const { leader } = JSON.parse(body) as { leader: object };
    await say('/v3/election/leader', { name: key });
    await same({ path: '/v3/election/observe', body: JSON.stringify({ name: key }) }, { linesMax: 1 });
    await say('/v3/election/proclaim', { leader, value: 'Yg==' });
    await say('/v3/election/proclaim', { value: 'Yg==' });
    await say('/v3/election/resign', { leader });
    await say('/v3/election/leader', { name: key });
  });

  test('a WebSocket has the same frames', async () => {
    const talk = async (path: string, frames: readonly string[], answers: number) => {
      const [quorate, etcd] = await Promise.all(
        sides.map((side) => framesOf(`ws://${pair.members[side].endpoint}${path}`, frames, answers)),
      );
      const ofSide = (body: string[] = []) =>
        comparable({ status: 200, headers: {}, body: body.join('\n') }, path).documents;
      expect(ofSide(quorate)).toEqual(ofSide(etcd));
      return ofSide(quorate);
    };
    await same({ path: '/v3/lease/grant', body: '{"ID":101,"TTL":600}' });
    const lives = await talk('/v3/lease/keepalive', ['{"ID":101}', '{"ID":"102"}{"ID":101}'], 3);
    expect(lives).toHaveLength(3);
    await talk('/v3/watch', ['{"create_request":{"key":"YQ==","start_revision":1}}'], 2);
    await talk('/v3/nope', [], 1);
  });

  test('a snapshot is lines of the same form', async () => {
    const { quorate, etcd } = await ask({ path: '/v3/maintenance/snapshot', body: '' });
    for (const { status, headers, body } of [quorate, etcd]) {
      expect(status).toBe(200);
      expect(headers['content-type']).toBe('application/json');
      const lines = body
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { result: object });
      const fields = new Set(lines.flatMap(({ result }) => Object.keys(result)));
      expect([...fields]).toEqual(expect.arrayContaining(['blob']));
    }
  });

  test('users are who their token says', async () => {
    const say = (path: string, fields: object) => same({ path, body: JSON.stringify(fields) });
    await say('/v3/auth/user/add', { name: 'root', password: 'r' });
    await say('/v3/auth/role/add', { name: 'root' });
    await say('/v3/auth/user/grant', { user: 'root', role: 'root' });
    await say('/v3/auth/user/add', { name: 'dora', password: 'c' });
    await say('/v3/auth/role/add', { name: 'readers' });
    await say('/v3/auth/role/grant', { name: 'readers', perm: { permType: 'READ', key: 'YQ==' } });
    await say('/v3/auth/user/grant', { user: 'dora', role: 'readers' });
    expect((await say('/v3/auth/enable', {})).status).toBe(200);

    const login = async (name: string, password: string) => {
      const answers = await ask({ path: '/v3/auth/authenticate', body: JSON.stringify({ name, password }) });
      const token = ({ body }: RestAnswer) => (JSON.parse(body) as { token: string }).token;
      return { quorate: token(answers.quorate), etcd: token(answers.etcd) };
    };
    const tokens = { dora: await login('dora', 'c'), root: await login('root', 'r') };
    const askAs = async (who: keyof typeof tokens, header: string, path: string, body: string) => {
      const of = (side: SideName) => ({ path, body, headers: { [header]: tokens[who][side] } });
      const { quorate, etcd } = await ask({ quorate: of('quorate'), etcd: of('etcd') }, { linesMax: 1 });
      expect(comparable(quorate, path)).toEqual(comparable(etcd, path));
      return quorate.status;
    };
    for (const header of ['Authorization', 'Grpc-Metadata-Token', 'Grpc-Metadata-Authorization']) {
      expect(await askAs('dora', header, '/v3/kv/range', '{"key":"YQ=="}')).toBe(200);
      expect(await askAs('dora', header, '/v3/kv/range', '{"key":"Yg=="}')).toBe(403);
      expect(await askAs('dora', header, '/v3/watch', '{"create_request":{"key":"YQ=="}}')).toBe(200);
    }
    await same({ path: '/v3/kv/range', body: '{"key":"YQ=="}' });
    await same({ path: '/v3/kv/range', body: '{"key":"YQ=="}', headers: { Authorization: 'x' } });
    await same({ path: '/v3/lease/keepalive', body: '{"ID":77}' });
    await same({ path: '/v3/watch', body: '{"create_request":{"key":"YQ=="}}' }, { linesMax: 1 });
    expect(
      (await same({ path: '/v3/auth/authenticate', body: '{"name":"dora","password":"x"}' })).status,
    ).toBe(400);
    const dice = new Dice(seed);
    for (const route of ordinaryRoutes.filter(({ path }) => path.startsWith('/v3/kv/'))) {
      for (let i = 0; i < 20; i++) await askAs('dora', 'Authorization', route.path, bodyFor(route, dice));
    }
    expect(await askAs('root', 'Authorization', '/v3/auth/disable', '')).toBe(200);
  });
});

/** Sends these over a WebSocket, and returns as many answers as are asked for. */
function framesOf(url: string, frames: readonly string[], answersMax: number): Promise<string[]> {
  const webSocket = new WebSocket(url);
  const answers: string[] = [];
  webSocket.addEventListener('open', () => {
    for (const frame of frames) webSocket.send(frame);
  });
  return new Promise((resolve, reject) => {
    webSocket.addEventListener('message', ({ data }) => {
      answers.push(String(data));
      if (answers.length === answersMax) webSocket.close();
    });
    webSocket.addEventListener('close', () => resolve(answers));
    // etcd goes away without a word when it has said all.
    webSocket.addEventListener('error', () =>
      answers.length === 0 ? reject(new Error(`no answer of ${url}`)) : resolve(answers),
    );
  });
}
