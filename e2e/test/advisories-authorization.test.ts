/**
 * What etcd's published advisories about authorization teach, at the level of the served API. Each lesson is a search for
 * breaches that comes to none; and, so that it is known to search, one that finds some when the flaw of the advisory is
 * planted.
 */
import type * as auth from '@quorate/auth';
import { AuthStore, type Access, type TokenClaims } from '@quorate/auth';
import { JwtTokens } from '@quorate/credentials';
import { PlainPasswords } from '@quorate/credentials/testing';
import { LocalCalls, toRpcError, type MethodTable } from '@quorate/rpc';
import { singleKey, unboundedEnd, wholeBytes } from '@quorate/std';
import { rpcpb, type RequestOp, type TxnRequest } from '@quorate/wire';
import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { describeAsk, pathOf, type Ask, type OpAsk } from '../src/authorization/ask.ts';
import { change } from '../src/authorization/furnish.ts';
import { Matrix } from '../src/authorization/matrix.ts';
import type { House } from '../src/authorization/people.ts';
import { enumeratedAsks, fewAsks, txn } from '../src/authorization/shapes.ts';
import { SmallWorld } from '../src/authorization/small-world.ts';

vi.setConfig({ testTimeout: 300_000 });

/** What stands in for functions of `@quorate/auth` while a flaw is planted. */
const planted = vi.hoisted((): { current: Partial<typeof auth> } => ({ current: {} }));

vi.mock('@quorate/auth', async (importOriginal) => {
  const original = await importOriginal<typeof auth>();
  /** The planted one, if there is, whenever it is called. */
  const plantable = <K extends keyof typeof auth>(name: K, real: (typeof auth)[K]): unknown =>
    typeof real === 'function' && /^(accessOf|ruleOf)/.test(name)
      ? (...args: unknown[]): unknown =>
          Reflect.apply((planted.current[name] ?? real) as () => unknown, undefined, args)
      : real;
  // Of the same names, and, but for what is planted, the same.
  return Object.fromEntries(
    Object.entries(original).map(([name, real]) => [name, plantable(name as keyof typeof auth, real)]),
  );
});

const real = await vi.importActual<typeof auth>('@quorate/auth');

afterEach(() => {
  planted.current = {};
  vi.restoreAllMocks();
});

/** Alice may do everything with `a`, and write `aa`; the rest is none of her business. */
const house: House = {
  roles: {
    own: [{ mode: 'READWRITE', key: 'a', end: '' }],
    written: [{ mode: 'WRITE', key: 'aa', end: '' }],
  },
  users: { root: ['root'], alice: ['own', 'written'], keyless: ['own'], emptied: ['own'] },
  keyless: ['keyless'],
  keys: new Map([
    ['a', { value: 'own', lease: 11n }],
    ['aa', { value: 'canary-1', lease: 0n }],
    ['ab', { value: 'canary-2', lease: 11n }],
    ['b', { value: 'canary-3', lease: 12n }],
  ]),
  leases: [11n, 12n, 15n],
};

/** Asks for what is not allowed, and returns what came of it all the same. */
async function breachesOf(asks: readonly Ask[], user: 'alice' | 'nobody'): Promise<string[]> {
  const breaches: string[] = [];
  for (const ask of asks) {
    await using world = await SmallWorld.open(house);
    const shown = user === 'nobody' ? {} : await world.logIn(user);
    const { revision } = world;
    const { code, messages } = await world.ask(ask, shown);
    const isServed = code === 0 && !(ask.kind === 'watch' && isCanceled(messages[0]!));
    const isTold = messages.some((message) => Buffer.from(message).includes('canary'));
    if (isServed || isTold || world.revision !== revision) breaches.push(describeAsk(ask));
  }
  return breaches;
}

function isCanceled(message: Uint8Array): boolean {
  return rpcpb.WatchResponse.decode(message).canceled;
}

/** An operation at places in transactions. */
function within(op: OpAsk): Ask[] {
  const twice = txn({ failure: [txn({ success: [op] })] });
  return [txn({ success: [op] }), txn({ failure: [op] }), txn({ success: [txn({ failure: [op] })] }), twice];
}

const login: Access = { level: 'login' };
const open: Access = { level: 'open' };

describe('GHSA-xg4h-6gfc-h4m8: a range is understood once, for the check and for what is done', () => {
  const asks: Ask[] = [
    { kind: 'watch', key: 'a', end: '\0' },
    { kind: 'watch', key: 'a', end: '\0', options: { startRevision: 2n, prevKv: true } },
    { kind: 'watch', key: '', end: '\0', options: { startRevision: 2n } },
    { kind: 'range', key: 'a', end: '\0' },
    { kind: 'rangeStream', key: 'a', end: '\0' },
    { kind: 'deleteRange', key: 'a', end: '\0' },
    txn({ compare: [{ key: 'a', end: '\0' }] }),
  ];

  test('who may read one key does not get to watch all from it on', async () => {
    expect(await breachesOf(asks, 'alice')).toEqual([]);
  });

  test('and this would be found', async () => {
    planted.current.accessOfWatch = (range) => {
      const understood = range.endExclusive === unboundedEnd ? singleKey(range.start) : range;
      return { level: 'keys', needs: [{ kind: 'read', range: understood }] };
    };
    expect((await breachesOf(asks, 'alice')).length).toBe(2);
  });
});

/** A walk through a transaction that has its own idea of an operation. */
function walking(visit: (op: RequestOp, needs: auth.Need[]) => void): (request: TxnRequest) => Access {
  return ({ success, failure }) => {
    const needs: auth.Need[] = [];
    for (const op of [...success, ...failure]) visit(op, needs);
    return { level: 'keys', needs };
  };
}

function writeOf(key: Uint8Array): auth.Need {
  return { kind: 'write', range: singleKey(Buffer.from(key).toString('latin1')) };
}

describe('GHSA-rfx7-8w68-q57q: transactions within transactions are looked at', () => {
  const asks: Ask[] = [
    ...within({ kind: 'range', key: 'b', end: '' }),
    ...within({ kind: 'put', key: 'b' }),
    ...within({ kind: 'deleteRange', key: 'b', end: '' }),
    ...within(txn({ compare: [{ key: 'b', end: '' }] })),
  ];

  test('an operation that is refused by itself is refused at any depth, in either branch', async () => {
    expect(await breachesOf(asks, 'alice')).toEqual([]);
  });

  test('and this would be found', async () => {
    planted.current.accessOfTxn = walking((op, needs) => {
      if (op.kind === 'range') needs.push(...needsOf(op));
      if (op.kind === 'put') needs.push(writeOf(op.put.key));
      if (op.kind === 'deleteRange') needs.push(writeOf(op.deleteRange.key));
    });
    expect((await breachesOf(asks, 'alice')).length).toBeGreaterThan(asks.length / 2);
  });

  function needsOf({ range }: Extract<RequestOp, { kind: 'range' }>): auth.Need[] {
    return [{ ...writeOf(range.key), kind: 'read' } as auth.Need];
  }
});

describe('GHSA-x35m-3gp4-4fh5: an operation needs as much in a transaction as by itself', () => {
  const puts: OpAsk[] = [
    { kind: 'put', key: 'aa', prevKv: true },
    { kind: 'put', key: 'a', lease: 11n },
    { kind: 'put', key: 'a', lease: 12n },
    { kind: 'deleteRange', key: 'aa', end: '', prevKv: true },
  ];
  const asks: Ask[] = [...puts.filter((op) => op.kind !== 'empty'), ...puts.flatMap(within)];

  test('who may write a key does not see what it was, nor hang his own on a lease of others', async () => {
    expect(await breachesOf(asks, 'alice')).toEqual([]);
  });

  test('and this would be found', async () => {
    const visit = (op: RequestOp, needs: auth.Need[]): void => {
      if (op.kind === 'put') needs.push(writeOf(op.put.key));
      if (op.kind === 'deleteRange') needs.push(writeOf(op.deleteRange.key));
      if (op.kind === 'txn') for (const inner of [...op.txn.success, ...op.txn.failure]) visit(inner, needs);
    };
    planted.current.accessOfTxn = walking(visit);
    expect((await breachesOf(asks, 'alice')).length).toBe(asks.length - puts.length);
  });
});

describe('GHSA-q8m4-xhhv-38mg: what has no rule is denied, and every RPC has one', () => {
  const opened = ['Authenticate', 'AuthStatus', 'Check', 'List', 'Watch'];
  const asks = fewAsks().filter((ask) => {
    const method = pathOf(ask).slice(pathOf(ask).lastIndexOf('/') + 1);
    return !(opened.includes(method) && pathOf(ask) !== '/etcdserverpb.Watch/Watch');
  });
  const ofAdministrators: Ask[] = [
    { kind: 'alarm', action: 1, alarm: 1 },
    { kind: 'alarm', action: 2, alarm: 1 },
    { kind: 'leaseRevoke', id: 12n },
    { kind: 'leaseKeepAlive', id: 12n },
    { kind: 'leases' },
    ...asks.filter((ask) => ask.kind === 'plain' && /Compact|Hash|Defragment|MemberAdd/.test(ask.path)),
  ];

  test('nobody who has not said who he is gets anything but what is open to all', async () => {
    expect(await breachesOf(asks, 'nobody')).toEqual([]);
  });

  test('nor does a user get what is for administrators, or the leases of others', async () => {
    expect(await breachesOf(ofAdministrators, 'alice')).toEqual([]);
  });

  test('and a table without these rules would be found', async () => {
    planted.current.ruleOf = () => ({ enforcedBy: 'port', level: 'open', asOf: 'local' });
    const breaches = (await breachesOf(asks, 'nobody')).join();
    for (const method of ['MemberList', 'Status', 'HashKV', 'Snapshot']) expect(breaches).toContain(method);
  });

  test('and a member that leaves it to the log would be found', async () => {
    vi.spyOn(AuthStore.prototype, 'authorize').mockImplementation(() => {});
    const found = await breachesOf(asks, 'nobody');
    for (const method of ['Alarm', 'leaseGrant', 'leases', 'Compact']) {
      expect(
        found.some((breach) => breach.toLowerCase().includes(method.toLowerCase())),
        method,
      ).toBe(true);
    }
    expect((await breachesOf(ofAdministrators, 'alice')).length).toBeGreaterThan(3);
  });
});

describe('GHSA-3p4g-rcw5-8298: the keys of a lease are keys', () => {
  const asks: Ask[] = [
    { kind: 'leaseTimeToLive', id: 11n, keys: true },
    { kind: 'leaseTimeToLive', id: 12n, keys: true },
    { kind: 'leases' },
  ];

  test('who may not read them does not learn of them by asking for the lease', async () => {
    expect(await breachesOf(asks, 'alice')).toEqual([]);
  });

  test('and this would be found', async () => {
    planted.current.accessOfLeaseTimeToLive = () => login;
    // There is a second look, at the keys that are about to be told.
    expect(await breachesOf(asks, 'alice')).toEqual([]);
    planted.current.accessOfRange = () => login;
    expect((await breachesOf(asks, 'alice')).length).toBe(2);
  });
});

describe('CVE-2018-16886: the certificate of the gateway is not that of the caller', () => {
  type Door = (table: MethodTable) => (ask: { path: string; bytes: Uint8Array }) => Promise<Uint8Array>;
  const { signal } = new AbortController();
  const ownDoor: Door = (table) => (ask) =>
    new LocalCalls(table).unary(ask.path, ask.bytes, { metadata: new Map(), signal });

  test('who comes by it without a token is nobody, whoever the server is', async () => {
    expect(await codesBy(ownDoor)).toEqual([3, 3]);
  });

  test('and this would be found', async () => {
    const flawedDoor: Door = (table) => async (ask) => {
      const method = table.get(ask.path)!;
      if (method.kind !== 'unary') throw new TypeError('the lesson has unary calls only');
      // The server's own certificate, with which the gateway calls.
      const call = { metadata: () => undefined, commonName: 'root', address: undefined, signal };
      return wholeBytes(await method.handler(ask.bytes, call));
    };
    expect(await codesBy(flawedDoor)).toEqual([0, 0]);
  });

  async function codesBy(door: Door): Promise<number[]> {
    await using world = await SmallWorld.open(house);
    const path = '/etcdserverpb.KV/Range';
    const range = rpcpb.RangeRequest.fromPartial({ key: Buffer.from('b') });
    const asks = [
      { path, bytes: rpcpb.RangeRequest.encode(range).finish() },
      { path: '/etcdserverpb.Auth/UserList', bytes: new Uint8Array(0) },
    ];
    const codes: number[] = [];
    for (const ask of asks) {
      const asked = world.member.during(door(world.table)(ask));
      codes.push(await asked.then(() => 0).catch((error: unknown) => toRpcError(error).status));
    }
    return codes;
  }
});

describe('unnumbered: a signed token that lacks its user or its revision', () => {
  const secret = 'the secret of this cluster, which is long enough for it';
  const bodies: Record<string, unknown>[] = [
    { exp: 99_999_999_999 },
    { exp: 99_999_999_999, revision: 10 },
    { exp: 99_999_999_999, username: 'root' },
    { exp: 99_999_999_999, username: 'root', revision: null },
    { exp: 99_999_999_999, username: 'root', revision: '10' },
    { exp: 99_999_999_999, username: ['root'], revision: 10 },
    { exp: 99_999_999_999, username: '', revision: 10 },
    { username: 'root', revision: 10 },
    { exp: 'never', username: 'root', revision: 10 },
  ];

  test('is invalid, and no more than that', async () => {
    const tokens = await ownTokens();
    expect(await codesWith(tokens)).toEqual(bodies.map(() => 16));
  });

  test('and a member that trusts in them being there would be found', async () => {
    const trusting = {
      sign: async () => '',
      verify: async (token: string) => ({ ...trusting.peek(token), expiresAtMs: Infinity }),
      peek: (token: string): TokenClaims => {
        const body = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as {
          username: string;
          revision: number;
        };
        // As etcd had it: whatever is there is of the right type.
        return { user: body.username.slice(), revision: Math.max(0, body.revision ?? 0, 20) };
      },
    };
    const codes = await codesWith(trusting);
    expect(codes).toContain(0);
    expect(codes).toContain(2);
  });

  async function codesWith(tokens: auth.SignedTokens): Promise<number[]> {
    await using world = await SmallWorld.open(house, { tokens });
    // As many changes as the tokens say there were.
    while (world.member.replica.state.auth.revision < 20) {
      const { revision } = world.member.replica.state.auth;
      await world.asRoot(change.roleAdd(`role ${revision}`));
    }
    const codes: number[] = [];
    for (const body of bodies) {
      const { code } = await world.ask({ kind: 'range', key: 'b', end: '' }, { token: tokenOf(body) });
      codes.push(code);
    }
    await world.asRoot({ kind: 'range', key: 'b', end: '' });
    return codes;
  }

  async function ownTokens(): Promise<JwtTokens> {
    const options = { signMethod: 'HS256', privateKeyFile: 'secret', ttlMs: 60_000, unknown: [] } as const;
    return JwtTokens.open(options, async () => Buffer.from(secret));
  }

  function tokenOf(body: Record<string, unknown>): string {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(body)}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  }
});

describe('GHSA-vjg6-93fv-qv64: who has no password does not log in with one', () => {
  test('whatever password he gives', async () => {
    expect(await codesWith(new PlainPasswords())).toEqual([2, 2, 2, 3, 3, 3]);
  });

  test('and this would be found', async () => {
    class Lenient extends PlainPasswords {
      override async matches(password: string, hash: string | undefined): Promise<boolean> {
        return hash === undefined || super.matches(password, hash);
      }
    }
    expect(await codesWith(new Lenient())).toContain(0);
  });

  async function codesWith(passwords: PlainPasswords): Promise<number[]> {
    await using world = await SmallWorld.open(house, { passwords });
    await world.asRoot(change.userChangePassword('emptied', ''));
    const codes: number[] = [];
    for (const name of ['keyless', 'emptied']) {
      for (const password of ['', 'any', 'the password of emptied']) {
        codes.push((await world.ask({ kind: 'authenticate', name, password })).code);
      }
    }
    return codes;
  }
});

describe('the matrix finds these flaws, too', () => {
  const flaws: Record<string, () => void> = {
    'a range understood twice': () => {
      planted.current.accessOfWatch = ({ start }) => ({
        level: 'keys',
        needs: [{ kind: 'read', range: singleKey(start) }],
      });
    },
    'a txn that is not walked': () => (planted.current.accessOfTxn = () => ({ level: 'keys', needs: [] })),
    'a put that returns what it may not': () => {
      planted.current.accessOfPut = ({ key }) => ({ level: 'keys', needs: [writeOf(key)] });
    },
    'a revocation that is nobody’s business': () => (planted.current.accessOfLeaseRevoke = () => login),
    'alarms for all': () => (planted.current.accessOfAlarm = () => open),
    'roles for all': () => (planted.current.accessOfRoleGet = () => login),
    'a row that is missing': () => {
      const rule = { enforcedBy: 'port', level: 'open', asOf: 'local' } as const;
      planted.current.ruleOf = (path) => (path.endsWith('/MemberList') ? rule : real.ruleOf(path));
    },
    'a check that is forgotten': () => {
      vi.spyOn(AuthStore.prototype, 'authorize').mockImplementation(() => {});
    },
    'a proof that holds for ever': () => vi.spyOn(AuthStore.prototype, 'isProven').mockReturnValue(true),
  };
  const users = ['root', 'nobody', 'onlyA', 'writer', 'gap', 'stale: repassworded', 'certificate: stranger'];
  // Without what would end a member that has the flaw.
  const asks = [...enumeratedAsks().filter((_, at) => at % 9 === 0), ...fewAsks()].filter(
    (ask) => ask.kind !== 'plain' || ask.effect !== 'ruins',
  );

  test('and none where there is none', async () => {
    expect((await matrixOf()).differences).toEqual([]);
  });

  test.each(Object.entries(flaws))('%s', async (_, plant) => {
    plant();
    expect((await matrixOf()).differences.length).toBeGreaterThan(0);
  });

  function matrixOf(): ReturnType<typeof Matrix.run> {
    return Matrix.run({ tokens: 'simple', isEnabled: true, isTimeless: true }, ({ name }) =>
      users.includes(name) ? asks : [],
    );
  }
});
