import type { SideName } from '../differential/server-pair.ts';
import type { RestAnswer } from './rest-call.ts';

/** A step of a story: a request that makes sense where it stands. */
export interface RestStep {
  readonly path: string;
  readonly body: object;
  /** The status that both have to answer with. */
  readonly status?: number;
  /** Streams are read for so many lines, and then left. */
  readonly linesMax?: number;
}

/** What one side has answered so far, by the path asked last: later steps speak of it. */
export type Answered = (path: string) => Readonly<Record<string, unknown>>;

/** A step that speaks of what was answered, which may be something else on each side. */
export type RestStoryStep = RestStep | ((answered: Answered) => RestStep);

const base64 = (text: string) => Buffer.from(text).toString('base64');
const [a, b, door, hall] = ['a', 'b', 'door', 'hall'].map(base64);
const one = { key: a, value: base64('1') };

const keys: readonly RestStoryStep[] = [
  { path: '/v3/kv/put', body: { ...one, prev_kv: true } },
  { path: '/v3/kv/put', body: { ...one, value: base64('2'), prevKv: true, lease: '0' } },
  {
    path: '/v3/kv/range',
    body: { key: a, range_end: b, limit: '10', sort_order: 'DESCEND', sort_target: 'MOD' },
  },
  {
    path: '/v3/kv/txn',
    body: {
      compare: [{ key: a, target: 'VERSION', result: 'GREATER', version: '1' }],
      success: [
        { request_put: { key: b, value: base64('3') } },
        { requestRange: { key: a, range_end: base64('z') } },
        { request_txn: { success: [{ request_delete_range: { key: base64('nothing') } }] } },
      ],
      failure: [{ request_range: { key: a } }],
    },
  },
  { path: '/v3/watch', body: { create_request: { key: a, range_end: b, start_revision: '2' } }, linesMax: 2 },
  { path: '/v3/kv/deleterange', body: { key: a, range_end: base64('z'), prev_kv: true } },
  { path: '/v3/kv/compaction', body: { revision: '3', physical: true } },
  { path: '/v3/kv/range', body: { key: a, revision: '2' }, status: 400 },
];

const leases: readonly RestStoryStep[] = [
  { path: '/v3/lease/grant', body: { TTL: '600', ID: '11' } },
  { path: '/v3/lease/grant', body: { TTL: 600, ID: 12 } },
  { path: '/v3/kv/put', body: { ...one, lease: '11' } },
  { path: '/v3/lease/timetolive', body: { ID: '11', keys: true } },
  { path: '/v3/kv/lease/timetolive', body: { ID: 12 } },
  { path: '/v3/lease/leases', body: {} },
  { path: '/v3/kv/lease/leases', body: {} },
  { path: '/v3/lease/keepalive', body: { ID: '11' } },
  { path: '/v3/lease/revoke', body: { ID: '11' } },
  { path: '/v3/kv/lease/revoke', body: { ID: '12' } },
  { path: '/v3/lease/revoke', body: { ID: '11' }, status: 404 },
];

const members: readonly RestStoryStep[] = [
  { path: '/v3/cluster/member/list', body: { linearizable: true } },
  { path: '/v3/cluster/member/add', body: { peerURLs: ['http://127.0.0.1:65533'], isLearner: true } },
  (answered) => ({
    path: '/v3/cluster/member/promote',
    body: { ID: idOf(answered('/v3/cluster/member/add')['member']) },
    status: 400,
  }),
  // Of itself: etcd 3.5 forgets of a learner that it is one when it gets other URLs.
  (answered) => ({
    path: '/v3/cluster/member/update',
    body: { ID: memberIdOf(answered), peerURLs: ['http://127.0.0.1:65535'] },
  }),
  (answered) => ({
    path: '/v3/cluster/member/remove',
    body: { ID: idOf(answered('/v3/cluster/member/add')['member']) },
  }),
  { path: '/v3/cluster/member/remove', body: { ID: '77' }, status: 404 },
];

const maintenance: readonly RestStoryStep[] = [
  { path: '/v3/maintenance/status', body: {} },
  { path: '/v3/maintenance/alarm', body: { action: 'ACTIVATE', alarm: 'NOSPACE' } },
  { path: '/v3/maintenance/alarm', body: { action: 'GET' } },
  { path: '/v3/kv/put', body: one, status: 429 },
  { path: '/v3/maintenance/alarm', body: { action: 'DEACTIVATE', alarm: 'NOSPACE' } },
  { path: '/v3/maintenance/defragment', body: {} },
  { path: '/v3/maintenance/hash', body: {} },
  { path: '/v3/maintenance/hashkv', body: { revision: '0' } },
  (answered) => ({
    path: '/v3/maintenance/transfer-leadership',
    body: { targetID: answered('/v3/maintenance/status')['leader'] },
  }),
  { path: '/v3/maintenance/transfer-leadership', body: { targetID: '77' }, status: 400 },
  { path: '/v3/maintenance/downgrade', body: { action: 'VALIDATE', version: 'x' }, status: 400 },
];

const recipes: readonly RestStoryStep[] = [
  { path: '/v3/lease/grant', body: { TTL: '600', ID: '21' } },
  { path: '/v3/lock/lock', body: { name: door, lease: '21' } },
  (answered) => ({ path: '/v3/lock/unlock', body: { key: answered('/v3/lock/lock')['key'] } }),
  { path: '/v3/election/leader', body: { name: hall }, status: 500 },
  { path: '/v3/election/campaign', body: { name: hall, lease: '21', value: a } },
  { path: '/v3/election/observe', body: { name: hall }, linesMax: 1 },
  (answered) => ({ path: '/v3/election/proclaim', body: { ...leaderOf(answered), value: b } }),
  { path: '/v3/election/leader', body: { name: hall } },
  (answered) => ({ path: '/v3/election/resign', body: leaderOf(answered) }),
];

const users: readonly RestStoryStep[] = [
  { path: '/v3/auth/role/add', body: { name: 'root' } },
  { path: '/v3/auth/role/add', body: { name: 'r' } },
  { path: '/v3/auth/role/add', body: { name: 'r' }, status: 400 },
  {
    path: '/v3/auth/role/grant',
    body: { name: 'r', perm: { permType: 'READWRITE', key: a, range_end: b } },
  },
  { path: '/v3/auth/role/get', body: { role: 'r' } },
  { path: '/v3/auth/role/list', body: {} },
  { path: '/v3/auth/role/revoke', body: { role: 'r', key: a, range_end: b } },
  { path: '/v3/auth/user/add', body: { name: 'root', password: 'p' } },
  { path: '/v3/auth/user/add', body: { name: 'u', password: 'p' } },
  { path: '/v3/auth/user/changepw', body: { name: 'u', password: 'q' } },
  { path: '/v3/auth/user/grant', body: { user: 'root', role: 'root' } },
  { path: '/v3/auth/user/grant', body: { user: 'u', role: 'r' } },
  { path: '/v3/auth/user/get', body: { name: 'u' } },
  { path: '/v3/auth/user/list', body: {} },
  { path: '/v3/auth/user/revoke', body: { name: 'u', role: 'r' } },
  { path: '/v3/auth/user/delete', body: { name: 'u' } },
  { path: '/v3/auth/role/delete', body: { role: 'r' } },
  { path: '/v3/auth/authenticate', body: { name: 'root', password: 'p' }, status: 400 },
  { path: '/v3/auth/status', body: {} },
  { path: '/v3/auth/enable', body: {} },
  { path: '/v3/auth/authenticate', body: { name: 'root', password: 'p' } },
  // From here on the story is told by root, whose token was the last answer.
  { path: '/v3/auth/status', body: {} },
  { path: '/v3/auth/disable', body: {} },
];

/** What is done with every route at least once, in an order in which it succeeds. */
export const restStory: readonly RestStoryStep[] = [
  ...keys,
  ...leases,
  ...members,
  ...maintenance,
  ...recipes,
  ...users,
];

/** What the sides have answered, one story each. */
export class StoryMemory {
  readonly #answers: Readonly<Record<SideName, Map<string, RestAnswer>>> = {
    quorate: new Map(),
    etcd: new Map(),
  };

  note(side: SideName, path: string, answer: RestAnswer): void {
    if (answer.status === 200) this.#answers[side].set(path, answer);
  }

  of(side: SideName): Answered {
    // Answers are objects; whoever asks knows what is in them.
    return (path) =>
      JSON.parse(this.#answers[side].get(path)?.body.split('\n')[0] ?? '{}') as Record<string, unknown>;
  }

  /** The token that a side gave last. */
  tokenOf(side: SideName): string | undefined {
    const { token } = this.of(side)('/v3/auth/authenticate');
    return typeof token === 'string' ? token : undefined;
  }
}

function idOf(member: unknown): unknown {
  return typeof member === 'object' && member !== null && 'ID' in member ? member.ID : undefined;
}

/** The ID of who answers. */
function memberIdOf(answered: Answered): unknown {
  const { header } = answered('/v3/cluster/member/list');
  return typeof header === 'object' && header !== null && 'member_id' in header
    ? header.member_id
    : undefined;
}

function leaderOf(answered: Answered): object {
  const { leader } = answered('/v3/election/campaign');
  return { leader };
}
