import { rpcpb } from '@quorate/wire';
import type { AuthKnowledge } from './auth-knowledge.ts';
import type { StreamAnswers } from './answers-of.ts';
import type { Reply } from './grpc-caller.ts';
import type { Identity, Login } from './identities.ts';
import { show, type Operation } from './operation.ts';

/** An answer without what cannot be the same: tokens are random, and reads of users go through etcd's log. */
export function comparable(reply: Reply, { method }: Operation): Reply {
  if (reply.code !== 0) return reply;
  switch (method) {
    case 'Auth/Authenticate': {
      const response = rpcpb.AuthenticateResponse.decode(reply.bytes);
      const token = formOfToken(response.token);
      return { ...reply, bytes: rpcpb.AuthenticateResponse.encode({ ...response, token }).finish() };
    }
    case 'Maintenance/Status': {
      const response = rpcpb.StatusResponse.decode(reply.bytes);
      const same = { ...response, raftIndex: 0n, raftAppliedIndex: 0n };
      return { ...reply, bytes: rpcpb.StatusResponse.encode(same).finish() };
    }
    default:
      return reply;
  }
}

/** What is the same of all tokens: the form of a simple one, and what a signed one says but for when it ends. */
function formOfToken(token: string): string {
  if (/^[a-zA-Z]{16}\.\d+$/.test(token)) return 'simple';
  const [header = '', claims = '', ...rest] = token.split('.');
  if (rest.length !== 1) return token;
  const decoded = (part: string): string => Buffer.from(part, 'base64url').toString();
  return `${decoded(header)} ${decoded(claims).replace(/"exp":\d+/, '"exp"')}`;
}

/** An answer that was not the same, to a request or on a stream, and who asked. */
export interface Differing {
  /** `KV/Range` and the like. */
  readonly method: string;
  readonly request: unknown;
  readonly quorate: StreamAnswers;
  readonly etcd: StreamAnswers;
  readonly login: Login | undefined;
  readonly shows: Identity['shows'];
  readonly tokens: 'simple' | 'jwt';
  readonly knowledge: AuthKnowledge;
}

/** What Quorate does otherwise on purpose. Each is as narrow as it can be, and has to be met by the tests. */
const intended: Readonly<Record<string, (differing: Differing) => boolean>> = {
  /**
   * etcd 3.5 hands out its inner error from these, as UNKNOWN and with other words. Clients know the texts of all
   * other services, and renew a token by them.
   */
  'refusals of maintenance are those of all services': ({ method, quorate, etcd }) =>
    maintenanceOfRoot.has(method) &&
    etcd.end.code === 2 &&
    quorate.end.code === refusalCodes[etcd.end.message] &&
    quorate.end.message === etcd.end.message.replace('auth: ', 'etcdserver: '),

  /**
   * etcd looks into requests of whoever it may be: at the URLs of a new member, at the space that is left, at the size;
   * and it hashes the password of a new user.
   */
  'who may not ask is told so before the request is looked into': ({ method, quorate, etcd }) =>
    (lookedInto[method] ?? []).includes(etcd.end.message) && isRefusal(quorate.end),

  /** The same for a token, wherever it is shown; etcd first says what is wrong with the request. */
  'who has a bad token is told so before the request is looked at': ({ method, quorate, etcd }) =>
    (method.startsWith('KV/') || method.startsWith('Lease/')) &&
    quorate.end.code === 16 &&
    faultsOfRequests.has(etcd.end.message),

  /** Where a request needs no key, etcd does not ask who sends it: what is left is an empty transaction. */
  'nobody does nothing': ({ method, quorate, etcd, shows }) =>
    method === 'KV/Txn' && isNobody(shows) && etcd.end.code === 0 && isUserEmpty(quorate.end),

  /** etcd takes nobody for the user without a name, who might ask for himself. */
  'nobody is not the user without a name': ({ method, request, quorate, shows }) =>
    method === 'Auth/UserGet' &&
    // The method says the type of the request.
    (request as rpcpb.AuthUserGetRequest).name === '' &&
    isNobody(shows) &&
    isUserEmpty(quorate.end),

  /** As in etcd 3.7, so that a client can find out that it needs to log in. etcd 3.5 tells the role root. */
  'anybody is told whether authentication is on': ({ method, quorate, etcd }) =>
    method === 'Auth/AuthStatus' && quorate.end.code === 0 && isRefusal(etcd.end),

  /** As in etcd 3.6; 3.5 tells the role root, so that nobody else can find out which member leads. */
  'any user is told the status': ({ method, quorate, etcd, login }) =>
    method === 'Maintenance/Status' &&
    login !== undefined &&
    quorate.end.code === 0 &&
    etcd.end.message === 'etcdserver: permission denied',

  /** As in etcd 3.6: everything. 3.5 shows what is stored for it, which has no effect. */
  'the role root shows what it may do': ({ method, request, quorate, etcd }) =>
    method === 'Auth/RoleGet' &&
    // The method says the type of the request.
    (request as rpcpb.AuthRoleGetRequest).role === 'root' &&
    etcd.end.code === 0 &&
    hasAllPermissions(quorate.end),

  /** As in later versions, and in HTTP; what comes after it is then a good token, of whoever may or may not. */
  'a token may follow the word Bearer': ({ quorate, etcd, shows }) =>
    shows.etcd.authorization?.startsWith('Bearer ') === true &&
    says(etcd, 'invalid auth token') &&
    !says(quorate, 'invalid auth token'),

  /**
   * etcd 3.5 refuses keys to a signed token that is older than the last change of any user or role. Here permissions
   * are looked up for each call, and a token is good as long as what its user proved himself by.
   */
  'a signed token outlives changes of others': ({ quorate, etcd, login, tokens, knowledge }) =>
    tokens === 'jwt' &&
    login !== undefined &&
    login.revision < knowledge.revision &&
    knowledge.holds(login) &&
    says(etcd, 'revision of auth store is old') &&
    !says(quorate, 'invalid auth token'),

  /**
   * etcd goes on taking a signed token of a user who was deleted, or has another password, where no keys are asked for.
   * A member that was started since the token was made does not know, and takes only one that no change came after.
   */
  'a signed token ends with the credentials of its user': ({ quorate, login, tokens, knowledge }) =>
    tokens === 'jwt' && login !== undefined && !knowledge.holds(login) && says(quorate, 'invalid auth token'),

  /** etcd looks past the latest deletions, until they are on disk, for who logs in. */
  'a user who was deleted is unknown at once': ({ method, request, quorate, knowledge }) =>
    method === 'Auth/Authenticate' &&
    // The method says the type of the request.
    !knowledge.isUser((request as rpcpb.AuthenticateRequest).name) &&
    quorate.end.message === 'etcdserver: authentication failed, invalid user ID or password',

  /** etcd waits for an entry of the log that the token names until the client has lost patience. */
  'a token of the far future is refused at once': ({ quorate, etcd, shows }) =>
    shows.etcd.token === futureToken &&
    quorate.end.code === 16 &&
    (etcd.end.code === 4 || etcd.end.code === 1),
};

/** One of the form of a good token, of an entry of the log that will never be. */
export const futureToken = 'abcdefghijklmnop.999999999';

const maintenanceOfRoot: ReadonlySet<string> = new Set(
  ['Hash', 'HashKV', 'Defragment', 'Snapshot'].map((name) => `Maintenance/${name}`),
);

const passwordTooLong = 'bcrypt: password length exceeds 72 bytes';
const noSpace = 'etcdserver: mvcc: database space exceeded';
const tooLarge = 'etcdserver: request is too large';
const lookedInto: Readonly<Record<string, readonly string[]>> = {
  'Cluster/MemberAdd': ['etcdserver: given member URLs are invalid'],
  'Auth/UserAdd': [passwordTooLong],
  'Auth/UserChangePassword': [passwordTooLong],
  'KV/Put': [noSpace, tooLarge],
  'KV/Txn': [noSpace, tooLarge],
  'Lease/LeaseGrant': [noSpace],
};

const faultsOfRequests: ReadonlySet<string> = new Set(
  [
    ...[
      'key is not provided',
      'value is provided',
      'lease is provided',
      'key not found',
      'invalid sort option',
    ],
    ...['duplicate key given in txn request', 'too many operations in txn request', 'request is too large'],
  ].map((text) => `etcdserver: ${text}`),
);

const refusalCodes: Readonly<Record<string, number>> = {
  'auth: invalid auth token': 16,
  'auth: permission denied': 7,
  'auth: user name is empty': 3,
};

const refusals: ReadonlySet<string> = new Set([
  '3 etcdserver: user name is empty',
  '7 etcdserver: permission denied',
  '16 etcdserver: invalid auth token',
]);

/** Whether it says who the caller is not, or what he may not. */
function isRefusal({ code, message }: Reply): boolean {
  return refusals.has(`${code} ${message}`);
}

function isUserEmpty({ message }: Reply): boolean {
  return message === 'etcdserver: user name is empty';
}

function isNobody({ etcd }: Identity['shows']): boolean {
  return etcd.token === undefined && etcd.authorization === undefined;
}

/** Whether it ends with this, or a watcher is canceled for it. */
function says({ answers, end }: StreamAnswers, text: string): boolean {
  return end.message.endsWith(`: ${text}`) || show(answers).includes(`: ${text}"`);
}

function hasAllPermissions({ bytes, code }: Reply): boolean {
  if (code !== 0) return false;
  const { perm } = rpcpb.AuthRoleGetResponse.decode(bytes);
  const all = { permType: 2, key: new Uint8Array(), rangeEnd: new Uint8Array(1) };
  return show(perm) === show([all]);
}

/** The name of the difference, where Quorate answers otherwise on purpose; undefined where it does not. */
export function intendedDifference(differing: Differing): string | undefined {
  return Object.entries(intended).find(([, applies]) => applies(differing))?.[0];
}

/** What is a matter of milliseconds, and not met by every run. */
const rare: ReadonlySet<string> = new Set(['a user who was deleted is unknown at once']);

/** The names of all that any run meets. */
export const intendedDifferences: readonly string[] = Object.keys(intended).filter((name) => !rare.has(name));
