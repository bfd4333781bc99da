import { AuthError, disproved, rpcRules, theMember, type Caller } from '@quorate/auth';
import { Later, wholeBytes } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { beforeEach, describe, expect, test } from 'vitest';
import { authorized } from '../src/authorized.ts';
import { methodTable, type Call, type Method, type StreamCall } from '../src/index.ts';
import { statusText, toRpcError } from '../src/status.ts';
import { FakeMember } from './fake-member.ts';

const ann: Caller = { kind: 'user', name: 'ann', provenAt: 1 };
let member: FakeMember;
beforeEach(() => {
  member = new FakeMember();
});

function callWith(metadata: Readonly<Record<string, string>> = {}, commonName?: string): Call {
  return {
    metadata: (key) => metadata[key],
    commonName,
    address: undefined,
    signal: new AbortController().signal,
  };
}

/** Calls a unary method; its error is thrown or rejected with, whichever. */
async function unary(method: Method | undefined, call: Call = callWith()): Promise<Uint8Array> {
  if (method?.kind !== 'unary') throw new Error('no unary method');
  return wholeBytes(await method.handler(new Uint8Array(0), call));
}

test('every method that is served has a rule, and every rule a method', () => {
  expect([...methodTable(member).keys()].sort()).toEqual(Object.keys(rpcRules).sort());
});

test.each(['/etcdserverpb.KV/Nonsense', 'etcdserverpb.KV/Range', '/etcdserverpb.kv/range', '__proto__', ''])(
  'a method without a rule (%j) is refused to everybody, and not run',
  async (path) => {
    let runs = 0;
    const handler = () => {
      runs++;
      return new Uint8Array(0);
    };
    member.caller = theMember;
    await expect(unary(authorized(path, { kind: 'unary', handler }, member))).rejects.toMatchObject({
      code: 'AUTH_PERMISSION_DENIED',
    });
    const stream = authorized(
      path,
      {
        kind: 'stream',
        clientStreams: true,
        serverStreams: true,
        handler: async () => void runs++,
      },
      member,
    );
    if (stream.kind !== 'stream') throw new Error('no stream');
    const call = { ...silentStream, ...callWith() };
    await expect(stream.handler(call)).rejects.toMatchObject({ code: 'AUTH_PERMISSION_DENIED' });
    expect(runs).toBe(0);
  },
);

test.each([
  '/etcdserverpb.Auth/Authenticate',
  '/etcdserverpb.Auth/AuthStatus',
  '/grpc.health.v1.Health/Check',
])('%s is open to all, to those with a token that is no good too', async (path) => {
  member.caller = new AuthError('AUTH_INVALID_TOKEN');
  await unary(methodTable(member).get(path), callWith({ token: 'stale' }));
  expect(member.identified).toEqual([]);
});

test('what only an administrator may do is decided before it is done, on a state as new as the call', async () => {
  member.caller = ann;
  await unary(methodTable(member).get('/etcdserverpb.Auth/UserList'));
  expect(member.permitted).toEqual([{ caller: ann, access: { level: 'admin' }, asOf: 'now' }]);
  member.failure = new AuthError('AUTH_PERMISSION_DENIED');
  const refused = unary(methodTable(member).get('/etcdserverpb.Maintenance/Defragment'));
  await expect(refused).rejects.toMatchObject({ code: 'AUTH_PERMISSION_DENIED' });
  expect(member.permitted.at(-1)).toMatchObject({ asOf: 'local' });
});

test('what depends on the request is left to the member, which is told who asks', async () => {
  let seen: Caller | undefined;
  member.caller = ann;
  member.kv.put = (_, caller) => {
    seen = caller;
    return Later.of({ header: member.header(), prevKv: undefined });
  };
  await unary(methodTable(member).get('/etcdserverpb.KV/Put'));
  expect(seen).toBe(ann);
  expect(member.permitted).toEqual([]);
});

describe('a token', () => {
  test.each([
    [{ token: 't' }, 't'],
    [{ authorization: 't' }, 't'],
    [{ authorization: 'Bearer t' }, 't'],
    [{ authorization: 'bearer t' }, 't'],
    [{ token: 'Bearer t' }, 'Bearer t'],
    [{ token: 't', authorization: 'other' }, 't'],
    [{ token: '' }, ''],
    [{}, undefined],
  ])('of metadata %j is %j', async (metadata, token) => {
    await unary(methodTable(member).get('/etcdserverpb.KV/Range'), callWith(metadata, 'cn'));
    expect(member.identified).toEqual([{ token, commonName: 'cn' }]);
  });

  test('of a gateway is not what its own certificate says (CVE-2018-16886)', async () => {
    const call = callWith({ 'grpcgateway-accept': '*/*' }, 'gateway');
    await unary(methodTable(member).get('/etcdserverpb.KV/Range'), call);
    expect(member.identified).toEqual([{ token: undefined, commonName: undefined }]);
  });

  test('that is refused ends the call before anything is asked of the member', async () => {
    member.caller = new AuthError('AUTH_INVALID_TOKEN');
    const asked = unary(methodTable(member).get('/etcdserverpb.KV/Range'), callWith({ token: 'x' }));
    await expect(asked).rejects.toMatchObject({ code: 'AUTH_INVALID_TOKEN' });
    expect(member.ranges).toEqual([]);
  });

  test('that is refused ends no watch stream: each watcher is told', async () => {
    member.caller = new AuthError('AUTH_INVALID_TOKEN');
    const callers: (Caller | undefined)[] = [];
    const watch = member.watch.bind(member);
    member.watch = (options) => {
      callers.push(options.caller);
      return watch(options);
    };
    const method = methodTable(member).get('/etcdserverpb.Watch/Watch');
    if (method?.kind !== 'stream') throw new Error('no stream');
    const request = rpcpb.WatchRequest.fromPartial({
      requestUnion: { $case: 'createRequest', value: rpcpb.WatchCreateRequest.fromPartial({}) },
    });
    let leave = (): void => {};
    const call: StreamCall = {
      ...silentStream,
      ...callWith({ token: 'x' }),
      receive: async (onRequest) => {
        await onRequest(rpcpb.WatchRequest.encode(request).finish());
        leave();
      },
      onGivenUp: (tell) => {
        leave = tell;
      },
    };
    await expect(method.handler(call)).rejects.toThrow('canceled');
    expect(callers).toEqual([disproved]);
  });

  test('that is refused ends a stream of renewals', async () => {
    member.caller = new AuthError('AUTH_INVALID_TOKEN');
    const method = methodTable(member).get('/etcdserverpb.Lease/LeaseKeepAlive');
    if (method?.kind !== 'stream') throw new Error('no stream');
    const call = { ...silentStream, ...callWith({ token: 'x' }) };
    await expect(method.handler(call)).rejects.toMatchObject({
      code: 'AUTH_INVALID_TOKEN',
    });
  });
});

test('watchers are told of a refusal as Go writes an error', () => {
  expect(statusText(new AuthError('AUTH_PERMISSION_DENIED'))).toBe(
    'rpc error: code = PermissionDenied desc = etcdserver: permission denied',
  );
  expect(statusText(new AuthError('AUTH_INVALID_TOKEN'))).toBe(
    'rpc error: code = Unauthenticated desc = etcdserver: invalid auth token',
  );
  expect(statusText(new AuthError('AUTH_USER_EMPTY'))).toBe(
    'rpc error: code = InvalidArgument desc = etcdserver: user name is empty',
  );
});

test('an error of the domain of which clients must not see more than its text has no cause on the wire', () => {
  expect(toRpcError(new AuthError('AUTH_FAILED', { detail: 'secret' })).message).not.toContain('secret');
});

async function* noRequests(): AsyncGenerator<Uint8Array, void> {}

/** What a stream of a client has who says nothing and takes everything. */
const silentStream = {
  send: () => true,
  sendBatch: () => true,
  drained: async () => {},
  requests: noRequests(),
  receive: async () => {},
  onGivenUp: () => {},
};
