import type { RestAnswer } from './rest-call.ts';

/** What is compared of an answer. */
export interface Comparable {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly documents: readonly string[];
}

const comparedHeaders = [
  'content-type',
  'grpc-metadata-content-type',
  'www-authenticate',
  'access-control-allow-origin',
  'access-control-allow-methods',
  'access-control-allow-headers',
];

/**
 * An answer without what may differ from etcd 3.5.30's: spaces, which depend on how it was built; the fields of errors
 * that clients of older versions look at; and what neither could be made to say twice.
 */
export function comparable({ status, headers, body }: RestAnswer, path: string): Comparable {
  // etcd 3.5 gives the errors of its store from these without their code, as UNKNOWN; Quorate gives the code.
  const isRecipe = path.startsWith('/v3/lock/') || path.startsWith('/v3/election/');
  if (isRecipe && status !== 200) {
    return { status: 500, headers: {}, documents: body === '' ? [] : [messageOf(body)] };
  }
  const lines = body.split('\n').filter((line) => line !== '');
  return {
    status,
    headers: Object.fromEntries(comparedHeaders.map((name) => [name, headers[name]])),
    documents: lines.map((line) => document(line, path)),
  };
}

function messageOf(body: string): string {
  // An error has a text, and nothing else is compared of it.
  return oneKindOfSpace((JSON.parse(body) as { message: string }).message);
}

/** In the order of its fields, which is compared too. */
function document(line: string, path: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return line;
  }
  return JSON.stringify(normalised(parsed, path));
}

type Fields = Readonly<Record<string, unknown>>;

function normalised(value: unknown, path: string): unknown {
  if (!isFields(value)) return value;
  if (isFields(value['result'])) return { result: normalised(value['result'], path) };
  if (isFields(value['error'])) return { error: failure(value['error']) };
  if ('code' in value) return failure(value);
  const rest = without(value, changing[path] ?? []);
  if (lifetimePaths.includes(path)) return { ...rest, ...('TTL' in rest && { TTL: lifeOf(rest['TTL']) }) };
  return path.startsWith('/v3/cluster/member/') ? withoutNewIds(rest) : rest;
}

/** What etcd says of a failure; ours has to say the same in the words of etcd 3.5. */
function failure({ code, message }: Fields): Fields {
  return { code, message: oneKindOfSpace(String(message)) };
}

/** Between its name and the rest, the library has one of two kinds of spaces, by chance of the build. */
function oneKindOfSpace(message: string): string {
  return message.replace('proto:\u00a0', 'proto: ');
}

/** Fields that differ between the versions or the stores, or by chance. */
const changing: Readonly<Record<string, readonly string[]>> = {
  '/v3/maintenance/status': [
    ...['version', 'dbSize', 'dbSizeInUse', 'raftIndex', 'raftAppliedIndex'],
    ...['storageVersion', 'dbSizeQuota', 'downgradeInfo'],
  ],
  '/v3/maintenance/hash': ['hash'],
  '/v3/maintenance/hashkv': ['hash_revision'],
  '/v3/auth/authenticate': ['token'],
};

/** What of a lease is left depends on the moment; that there is something, does not. */
const lifetimePaths = ['/v3/lease/timetolive', '/v3/kv/lease/timetolive'];

function lifeOf(ttl: unknown): unknown {
  return Number(ttl) > 0 ? 'some' : ttl;
}

/** A member that was added has its ID from the moment when it was; one that has not started has no name. */
function withoutNewIds(fields: Fields): Fields {
  const withoutId = (member: unknown) =>
    isFields(member) && member['name'] === undefined ? { ...member, ID: 'new' } : member;
  const { member, members } = fields;
  return {
    ...fields,
    ...(member !== undefined && { member: withoutId(member) }),
    ...(Array.isArray(members) && { members: members.map(withoutId) }),
  };
}

function without(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
