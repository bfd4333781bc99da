import type { ByteString } from './byte-string.ts';

/** What a command was about when it failed, as far as it matters for what to do next. */
export interface Situation {
  /** The command without the program's name, such as `role list`. */
  readonly command: string;
  readonly endpoints: readonly ByteString[];
  /** Whether somebody said which endpoints, or they are the default. */
  readonly endpointsGiven: boolean;
  /** The name of the user, without the password; empty when there is none. */
  readonly user: ByteString;
  /** Whether a token made elsewhere says who we are. */
  readonly hasToken: boolean;
}

/** A reason by its words, and the advice for it: what `found` is of the reason. */
type Advice = readonly [reason: RegExp, advice: (situation: Situation, found: RegExpExecArray) => ByteString];

/** Of connections that did not come about; the first group is the endpoint. */
const ofConnections: readonly Advice[] = [
  [
    /^no connection to (\S+): .*(?:ECONNREFUSED|ENOENT)/,
    ({ endpointsGiven }, [, endpoint = '']) =>
      `nothing listens at ${endpoint}: is a member running there? ${endpointsGiven ? checkEndpoints : giveEndpoints}`,
  ],
  [
    /^no connection to (\S+): .*(?:ENOTFOUND|EAI_AGAIN|Name resolution)/,
    (_, [, endpoint = '']) => `no address is known for ${endpoint}: ${checkEndpoints}`,
  ],
  [
    /^no connection to (?:https:\/\/)?(\S+): .*(?:wrong version number|disconnected before secure)/,
    (_, [, endpoint = '']) =>
      `${endpoint} seems not to speak TLS: write http://${endpoint}, and leave --cacert, --cert and --key out`,
  ],
  [
    /^no connection to (\S+): .*altnames/,
    (_, [, endpoint = '']) =>
      `the certificate of ${endpoint} is for other names: use one of those in --endpoints, or have this one added`,
  ],
  [
    /^no connection to (\S+): .*certificate has expired/,
    (_, [, endpoint = '']) => `the certificate of ${endpoint} must be renewed (is the clock right here?)`,
  ],
  [
    /^no connection to (\S+): .*(?:alert.*certificate|certificate required|handshake failure)/,
    (_, [, endpoint = '']) => `${endpoint} wants to know who you are: give --cert and --key`,
  ],
  [
    /^no connection to (\S+): .*certificate/,
    (_, [, endpoint = '']) =>
      `the certificate of ${endpoint} is not trusted: give the CA that it is from by --cacert`,
  ],
  [
    /^no connection to (?:http:\/\/)?(\S+): .*(?:ECONNRESET|EPIPE|socket hang up|[Pp]rotocol error|GOAWAY)/,
    (_, [, endpoint = '']) =>
      `${endpoint} breaks the connection off: if it speaks TLS, write https://${endpoint} and give --cacert`,
  ],
  [
    /^no connection to (\S+): /,
    (_, [, endpoint = '']) =>
      `${endpoint} does not answer: is the address right, and the way there open? ` +
      (endpoint.startsWith('https:')
        ? 'A slow one may need a longer --dial-timeout'
        : `If it speaks TLS, write https://${endpoint} and give --cacert`),
  ],
];

/** Of what members answer, most of it in etcd's words. */
const ofAnswers: readonly Advice[] = [
  [/etcdserver: permission denied/, permissionAdvice],
  [
    /etcdserver: user name is empty/,
    () => 'the cluster wants to know who you are: give --user NAME, or a context that has one',
  ],
  [
    /invalid user ID or password/,
    ({ user }) => `check the spelling of ${user === '' ? 'the name' : user} and the password`,
  ],
  [
    /etcdserver: invalid auth token/,
    ({ hasToken }) =>
      hasToken
        ? 'the token has run out, or is not from here: get a new one for --auth-jwt-token'
        : 'the token was forgotten by the member: try again',
  ],
  [
    /etcdserver: authentication is not enabled/,
    () => 'users and passwords count only after: quoratectl auth enable',
  ],
  [
    /database space exceeded|Active Alarm.*NOSPACE/,
    () =>
      'the members are full and take no writes until there is space: delete what is not needed, ' +
      'quoratectl compaction REVISION, quoratectl defrag --cluster, then quoratectl alarm disarm; ' +
      'or start the members with more --quota-backend-bytes',
  ],
  [/revision has been compacted/, compactedAdvice],
  [
    /is a future revision/,
    () => 'no such revision is there yet: leave --rev out for the newest, which get -w json tells',
  ],
  [
    /etcdserver: request is too large|message larger than max/,
    () =>
      'a request may have 1.5 MiB unless members are started with more --max-request-bytes: ' +
      'split it, or keep large values elsewhere',
  ],
  [
    /too many operations in txn request/,
    () =>
      'a transaction may have 128 operations unless members are started with more --max-txn-ops: split it',
  ],
  [
    /not supported for learner/,
    () => 'this member only learns yet: give the --endpoints of voting members, which member list tells',
  ],
  [
    /etcdserver: no leader|leader changed|request timed out|server is (?:likely )?overloaded/,
    () => `the cluster may be without a leader for the moment: try again, and look at ${lookAtMembers}`,
  ],
  [/etcdserver: not leader/, () => `give the --endpoints of the leader, which ${lookAtMembers} tells`],
  [
    /requested lease not found/,
    () => 'it has expired or was revoked: quoratectl lease list has those there are',
  ],
  [/etcdserver: member not found/, () => 'quoratectl member list has the IDs there are'],
  [/etcdserver: user name not found/, () => 'quoratectl user list has those there are'],
  [/etcdserver: role name not found/, () => 'quoratectl role list has those there are'],
  [
    /etcdserver: corrupt/,
    () => 'members differ in what they hold: see quoratectl alarm list and endpoint hashkv',
  ],
  [/etcdserver: unhealthy cluster|^unhealthy cluster/, () => `see ${lookAtMembers} for who is missing`],
  [
    /context deadline exceeded/,
    () =>
      `no answer came in time: ${lookAtMembers} shows whether there is a leader; ` +
      'what takes long may need a longer --command-timeout',
  ],
];

const checkEndpoints = 'Check the spelling of --endpoints.';
const giveEndpoints =
  'Say where members are by --endpoints=HOST:PORT, or once and for all by quoratectl context add.';
const lookAtMembers = 'quoratectl endpoint status --cluster -w table';

/**
 * What somebody may do about an error, in one sentence; undefined when there is no advice. The reasons are looked for
 * in the error and in what caused it: why there is no connection says more than that time was up.
 */
export function hintFor(error: unknown, situation: Situation): ByteString | undefined {
  const reasons: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    // A compacted revision is told beside the words.
    const compacted = 'compactRevision' in cause ? ` (${String(cause.compactRevision)})` : '';
    reasons.push(cause.message + compacted);
  }
  for (const [reason, advice] of [...ofConnections, ...ofAnswers]) {
    for (const text of reasons) {
      const found = reason.exec(text);
      if (found !== null) return advice(situation, found);
    }
  }
  return undefined;
}

/** Which right each command about keys needs; all the others are for administrators. */
const rights: Readonly<Record<string, string>> = {
  get: 'read',
  watch: 'read',
  put: 'write',
  del: 'write',
  txn: 'readwrite',
  lock: 'readwrite',
  elect: 'readwrite',
  'make-mirror': 'read',
  'lease revoke': 'write',
};

function permissionAdvice({ command, user }: Situation): ByteString {
  const who = user === '' ? 'you' : user;
  const right = rights[command];
  if (right === undefined) {
    return `only users with the role root may do this: use another --user, or have root run: quoratectl user grant-role ${user === '' ? 'NAME' : user} root`;
  }
  return (
    `${who} may not ${right === 'readwrite' ? 'read or write' : right} these keys: an administrator can allow it by ` +
    `quoratectl role grant-permission ROLE ${right} KEY, and quoratectl user grant-role ${user === '' ? 'NAME' : user} ROLE`
  );
}

function compactedAdvice({ command }: Situation, { input }: RegExpExecArray): ByteString {
  const [, oldest] = /\((\d+)\)$/.exec(input) ?? [];
  if (command === 'watch' && oldest !== undefined) {
    return `older revisions are gone: begin with --rev=${oldest}, or read the keys with get and watch from there`;
  }
  return 'revisions as old as that are gone: take a newer --rev, or none for the newest';
}
