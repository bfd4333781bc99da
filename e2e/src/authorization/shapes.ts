import { healthpb, rpcpb } from '@quorate/wire';
import type { Ask, OpAsk, PlainAsk, TxnAsk } from './ask.ts';
import { change, compactAsk } from './furnish.ts';
import { alphabet, ends, shortKeys, type Span } from './keys.ts';
import { passwordOf } from './people.ts';

/** Every range of short keys, those that are empty or begin with no key included. */
const allSpans: readonly Span[] = shortKeys.flatMap((key) => ends.map((end) => ({ key, end })));
const keylessSpans: readonly Span[] = ['', 'b', '\0'].map((end) => ({ key: '', end }));
/** Those of half as many keys. */
const manySpans: readonly Span[] = allSpans.filter(
  ({ key, end }) => isOfHalf(key) && (end === '' || isOfHalf(end)),
);

function isOfHalf(key: string): boolean {
  return key.length === 1 || ['a\0', 'aa', 'ab', 'a\u00ff', 'b\0', '\u00ff\u00ff'].includes(key);
}

/** A few, with the same borders. */
const someSpans: readonly Span[] = [
  ...alphabet.map((key) => ({ key, end: '' })),
  ...['aa', 'ab', 'a\u00ff', '\u00ff\u00ff'].map((key) => ({ key, end: '' })),
  ...[
    ['a', 'b'],
    ['a', 'ab'],
    ['a', 'b\0'],
    ['\0', 'b'],
    ['\0', '\0'],
    ['a', '\0'],
    ['b', '\u00ff'],
    ['b', '\0'],
    ['\u00ff', '\0'],
    ['a\u00ff', 'b'],
    ['a\0', 'b'],
    ['b', 'a'],
    ['a', 'a'],
    ['ab', 'aa'],
  ].map(([key, end]) => ({ key: key!, end: end! })),
];
/** Four with keys on them, one without, and one that does not exist. */
const leases = [11n, 12n, 13n, 14n, 15n, 10n] as const;

/** Every request shape by itself and within transactions, of every RPC. */
export function enumeratedAsks(): Ask[] {
  return [
    ...reads(allSpans),
    ...watches(manySpans),
    ...manySpans.map((span) => txn({ compare: [span] })),
    ...puts(),
    ...manySpans.map((span): Ask => ({ kind: 'deleteRange', ...span })),
    ...someSpans.map((span): Ask => ({ kind: 'deleteRange', ...span, prevKv: true })),
    ...keylessSpans.map((span): Ask => ({ kind: 'deleteRange', ...span })),
    ...transactions(),
    ...leaseAsks(),
    ...queueAsks(),
    ...plainAsks(),
  ];
}

/** A few of each RPC, for those whom what they show settles everything. */
export function fewAsks(): Ask[] {
  const spans = [someSpans[1]!, someSpans[8]!, someSpans[12]!];
  return [
    ...spans.flatMap((span): Ask[] => [
      { kind: 'range', ...span },
      { kind: 'range', ...span, options: { serializable: true } },
      { kind: 'rangeStream', ...span },
      { kind: 'watch', ...span },
      { kind: 'watch', ...span, options: { startRevision: 3n, prevKv: true } },
    ]),
    { kind: 'range', key: '', end: '' },
    { kind: 'watch', key: '', end: '' },
    txn({ compare: [spans[0]!] }),
    txn({}),
    txn({ success: [txn({ failure: [{ kind: 'put', key: 'a' }] })] }),
    { kind: 'put', key: 'a' },
    { kind: 'put', key: 'b', prevKv: true, lease: 11n },
    { kind: 'deleteRange', key: '\0', end: '\0', prevKv: true },
    ...leaseAsks(),
    ...queueAsks(),
    ...plainAsks(),
  ];
}

/** Some transaction, put and deletion of each kind, without those that read. */
export function txn(parts: Partial<TxnAsk>): TxnAsk {
  return { kind: 'txn', compare: [], success: [], failure: [], ...parts };
}

function reads(spans: readonly Span[]): Ask[] {
  const options: readonly Partial<rpcpb.RangeRequest>[] = [
    { serializable: true },
    { countOnly: true },
    { keysOnly: true, serializable: true },
    { limit: 1n },
    { revision: 3n },
    { sortOrder: 2, sortTarget: 4 },
    { minModRevision: 1_000_000n },
  ];
  return [
    ...spans.map((span): Ask => ({ kind: 'range', ...span })),
    ...someSpans.flatMap((span) => options.map((own): Ask => ({ kind: 'range', ...span, options: own }))),
    ...someSpans.map((span): Ask => ({ kind: 'rangeStream', ...span })),
    ...keylessSpans.flatMap((span): Ask[] => [
      { kind: 'range', ...span },
      { kind: 'rangeStream', ...span },
    ]),
  ];
}

function watches(spans: readonly Span[]): Ask[] {
  const options: readonly Partial<rpcpb.WatchCreateRequest>[] = [
    { prevKv: true },
    { filters: [0] },
    { filters: [0, 1], progressNotify: true },
    { startRevision: 3n },
    { startRevision: 1n, prevKv: true },
    { watchId: 7n, fragment: true },
  ];
  return [
    ...spans.map((span): Ask => ({ kind: 'watch', ...span })),
    ...someSpans.flatMap((span) => options.map((own): Ask => ({ kind: 'watch', ...span, options: own }))),
    ...keylessSpans.map((span): Ask => ({ kind: 'watch', ...span })),
  ];
}

function puts(): Ask[] {
  const plain = shortKeys.flatMap((key): Ask[] => [
    { kind: 'put', key },
    { kind: 'put', key, prevKv: true },
  ]);
  const someKeys = ['\0', 'a', 'aa', 'b', 'b\u00ff', '\u00ff'];
  const special = someKeys.flatMap((key): Ask[] => [
    ...leases.map((lease): Ask => ({ kind: 'put', key, lease })),
    { kind: 'put', key, lease: 11n, prevKv: true },
    { kind: 'put', key, ignoreValue: true },
    { kind: 'put', key, ignoreValue: true, value: 'x' },
    { kind: 'put', key, ignoreValue: true, lease: 12n },
    { kind: 'put', key, ignoreLease: true },
    { kind: 'put', key, ignoreLease: true, lease: 11n },
    { kind: 'put', key, ignoreValue: true, ignoreLease: true, prevKv: true },
  ]);
  return [...plain, ...special, { kind: 'put', key: '' }, { kind: 'put', key: '', lease: 11n }];
}

/** Each operation at each place of a transaction, down to the third transaction within another. */
function transactions(): Ask[] {
  const ops: readonly OpAsk[] = [
    ...['\0', 'a', 'aa', 'b', '\u00ff'].flatMap((key): OpAsk[] => [
      { kind: 'range', key, end: '' },
      { kind: 'put', key },
      { kind: 'put', key, prevKv: true },
      { kind: 'put', key, lease: 12n },
      { kind: 'put', key, ignoreLease: true },
      { kind: 'deleteRange', key, end: '' },
      { kind: 'deleteRange', key, end: '', prevKv: true },
    ]),
    { kind: 'range', key: 'a', end: 'b', options: { serializable: true } },
    { kind: 'range', key: 'a', end: '\0', options: { countOnly: true } },
    { kind: 'range', key: 'b', end: 'a' },
    { kind: 'put', key: 'a', lease: 11n, prevKv: true },
    { kind: 'put', key: 'a', lease: 10n },
    { kind: 'deleteRange', key: 'a', end: 'b', prevKv: true },
    { kind: 'deleteRange', key: 'a', end: '\0' },
    { kind: 'deleteRange', key: '\0', end: '\0' },
    txn({ compare: [{ key: 'a', end: '' }] }),
    txn({ compare: [{ key: 'b', end: '\0' }] }),
    { kind: 'empty' },
    { kind: 'range', key: '', end: '' },
  ];
  return [
    txn({}),
    txn({ compare: [{ key: '', end: '' }] }),
    ...ops.flatMap((op) => placements(op)),
    txn({ success: [{ kind: 'range', key: 'a', end: '' }], failure: [{ kind: 'put', key: 'a' }] }),
    txn({
      compare: [{ key: 'a', end: 'b' }],
      success: [
        { kind: 'range', key: 'a', end: '' },
        { kind: 'deleteRange', key: 'aa', end: '' },
      ],
      failure: [{ kind: 'put', key: '\u00ff' }],
    }),
  ];
}

function placements(op: OpAsk): TxnAsk[] {
  const missing = { key: 'b\0', end: '' };
  const own = [txn({ success: [op] }), txn({ failure: [op] }), txn({ compare: [missing], success: [op] })];
  const twice = [txn({ success: [txn({ success: [op] })] }), txn({ success: [txn({ failure: [op] })] })];
  const thrice = [
    txn({ failure: [txn({ success: [txn({ failure: [op] })] })] }),
    txn({ success: [txn({}), txn({ failure: [txn({ success: [txn({ failure: [op] })] })] })] }),
  ];
  return [...own, ...twice, ...thrice];
}

function leaseAsks(): Ask[] {
  return [
    ...leases.flatMap((id): Ask[] => [
      { kind: 'leaseRevoke', id },
      { kind: 'leaseKeepAlive', id },
      { kind: 'leaseTimeToLive', id, keys: false },
      { kind: 'leaseTimeToLive', id, keys: true },
    ]),
    { kind: 'leases' },
    { kind: 'leaseGrant', id: 0n },
    { kind: 'leaseGrant', id: 11n },
    { kind: 'leaseGrant', id: 77n },
    ...[0, 1, 2, 9].flatMap((action) => [0, 1, 2, 7].map((alarm): Ask => ({ kind: 'alarm', action, alarm }))),
  ];
}

function plainAsks(): Ask[] {
  return [
    compactAsk(1n, 'none'),
    compactAsk(1n << 40n, 'none'),
    compactAsk(3n, 'ruins'),
    ...clusterAsks(),
    ...maintenanceAsks(),
    ...authAsks(),
    ...healthAsks(),
  ];
}

function plain(path: string, bytes: Uint8Array, what = '', effect: PlainAsk['effect'] = 'none'): PlainAsk {
  return { kind: 'plain', path, bytes, what, effect };
}

function clusterAsks(): Ask[] {
  const path = (rpc: string): string => `/etcdserverpb.Cluster/${rpc}`;
  const add = (peerURLs: string[], isLearner: boolean): Uint8Array =>
    rpcpb.MemberAddRequest.encode({ peerURLs, isLearner }).finish();
  const update = (peerURLs: string[]): Uint8Array =>
    rpcpb.MemberUpdateRequest.encode({ ID: 1n, peerURLs }).finish();
  const list = (linearizable: boolean): Uint8Array =>
    rpcpb.MemberListRequest.encode({ linearizable }).finish();
  return [
    plain(path('MemberAdd'), add(['no URL'], false), 'of no URL'),
    plain(path('MemberAdd'), add(['http://new:2380'], false), 'of a voter', 'ruins'),
    plain(path('MemberAdd'), add(['http://new:2380'], true), 'of a learner', 'ruins'),
    plain(path('MemberRemove'), rpcpb.MemberRemoveRequest.encode({ ID: 1n }).finish(), 'of a stranger'),
    plain(path('MemberUpdate'), update(['http://new:2380']), 'of a stranger'),
    plain(path('MemberUpdate'), update([]), 'to no URL'),
    plain(path('MemberPromote'), rpcpb.MemberPromoteRequest.encode({ ID: 1n }).finish(), 'of a stranger'),
    plain(path('MemberList'), list(true), 'linearizable'),
    plain(path('MemberList'), list(false), 'as known here'),
  ];
}

function maintenanceAsks(): Ask[] {
  const path = (rpc: string): string => `/etcdserverpb.Maintenance/${rpc}`;
  const hash = (revision: bigint): Uint8Array => rpcpb.HashKVRequest.encode({ revision }).finish();
  const { VALIDATE, ENABLE, CANCEL } = rpcpb.DowngradeRequest_DowngradeAction;
  const downgrade = (action: rpcpb.DowngradeRequest_DowngradeAction, version: string): Uint8Array =>
    rpcpb.DowngradeRequest.encode({ action, version }).finish();
  return [
    plain(path('Status'), rpcpb.StatusRequest.encode({}).finish()),
    plain(path('Defragment'), rpcpb.DefragmentRequest.encode({}).finish()),
    plain(path('Hash'), rpcpb.HashRequest.encode({}).finish()),
    plain(path('HashKV'), hash(0n), 'of now'),
    plain(path('HashKV'), hash(1n), 'of what is compacted'),
    plain(path('HashKV'), hash(1n << 40n), 'of what is to come'),
    plain(path('Snapshot'), rpcpb.SnapshotRequest.encode({}).finish()),
    plain(path('MoveLeader'), rpcpb.MoveLeaderRequest.encode({ targetID: 1n }).finish(), 'to a stranger'),
    plain(path('Downgrade'), downgrade(VALIDATE, '1.0.0'), 'validate'),
    plain(path('Downgrade'), downgrade(ENABLE, 'no version'), 'enable, of no version'),
    plain(path('Downgrade'), downgrade(ENABLE, '3.5.0'), 'enable', 'ruins'),
    plain(path('Downgrade'), downgrade(CANCEL, ''), 'cancel'),
  ];
}

function authAsks(): Ask[] {
  const path = (rpc: string): string => `/etcdserverpb.Auth/${rpc}`;
  const none = new Uint8Array(0);
  const grants = ['READ', 'WRITE', 'READWRITE'] as const;
  const users = [
    'root',
    'noroles',
    'fromAtoB',
    'onlyA',
    'rooted',
    '__proto__',
    'keyless',
    'deleted',
    'stranger',
  ];
  const roles = ['root', 'fromAtoB', 'onlyA', 'readA', 'empty', 'fromBtoFf', 'stranger'];
  return [
    ...[...users, ''].map((name): Ask => ({ kind: 'userGet', name })),
    ...[...roles, ''].map((role): Ask => ({ kind: 'roleGet', role })),
    ...users.map((name): Ask => ({ kind: 'authenticate', name, password: passwordOf(name) })),
    ...['reader', 'root', 'keyless', 'stranger', ''].flatMap((name): Ask[] => [
      { kind: 'authenticate', name, password: 'wrong' },
      { kind: 'authenticate', name, password: '' },
    ]),
    plain(path('AuthStatus'), none),
    plain(path('UserList'), none),
    plain(path('RoleList'), none),
    change.authEnable(),
    change.authDisable(),
    change.userAdd('newcomer', 'his password'),
    change.userAdd('newcomer'),
    change.userAdd('reader', 'his password'),
    ...['victim', 'stranger', 'root'].map(change.userDelete),
    ...['victim', 'stranger', 'root', 'fromAtoB'].map((name) => change.userChangePassword(name, 'another')),
    change.userGrantRole('victim', 'root'),
    change.userGrantRole('fromAtoB', 'root'),
    change.userGrantRole('victim', 'stranger'),
    change.userRevokeRole('victim', 'readA'),
    change.userRevokeRole('root', 'root'),
    change.roleAdd('newcomer'),
    change.roleAdd('empty'),
    ...['empty', 'stranger', 'root'].map(change.roleDelete),
    ...grants.map((mode) => change.roleGrantPermission('empty', { mode, key: 'a', end: 'b' })),
    change.roleGrantPermission('fromAtoB', { mode: 'READWRITE', key: '\0', end: '\0' }),
    change.roleGrantPermission('empty', { mode: 'READ', key: 'b', end: 'a' }),
    change.roleGrantPermission('stranger', { mode: 'READ', key: 'a', end: '' }),
    change.roleRevokePermission('readA', { key: 'a', end: '' }),
    change.roleRevokePermission('readA', { key: 'b', end: '' }),
  ];
}

/** By a lease with a key, with others', without keys, one that does not exist, and one that is still to be made. */
function queueAsks(): Ask[] {
  const name = '';
  return [
    ...[11n, 12n, 15n, 10n, 0n].flatMap((lease): Ask[] => [
      { kind: 'lock', name, lease },
      { kind: 'campaign', name, lease },
      { kind: 'proclaim', key: '/b', lease },
      { kind: 'proclaim', key: 'a', lease },
    ]),
    ...['/b', '/f', 'a', ''].map((key): Ask => ({ kind: 'unlock', key })),
    ...['/b', '/f', 'a', undefined].map((key): Ask => ({ kind: 'resign', key })),
    { kind: 'proclaim', key: undefined, lease: 11n },
    { kind: 'leader', name },
    { kind: 'leader', name: '0' },
    { kind: 'observe', name: '0' },
  ];
}

function healthAsks(): Ask[] {
  const check = healthpb.HealthCheckRequest.encode({ service: '' }).finish();
  return [
    plain('/grpc.health.v1.Health/Check', check),
    plain('/grpc.health.v1.Health/List', new Uint8Array(0)),
    plain('/grpc.health.v1.Health/Watch', check),
  ];
}
