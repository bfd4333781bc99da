import { demand, change, logIn, type Send } from './furnish.ts';
import type { Shown } from './call.ts';
import type { Who } from './oracle.ts';
import { passwordOf, type House } from './people.ts';

/** Somebody who asks: what he shows, and who he is by that. */
export interface Identity {
  readonly name: string;
  readonly who: Who;
  readonly shown: Shown;
}

/** A server on which identities are made. */
export interface Host {
  readonly send: Send;
  /** What root shows. */
  readonly admin: Shown;
  /** Lets that much time go by, if the server's clock can be moved. */
  readonly pass?: (ms: number) => void;
  /** Whether certificates are looked at. */
  readonly hasCertificates: boolean;
  /** Tokens of another cluster whose users have the same names. */
  readonly foreignTokens: readonly string[];
}

const nobody: Who = { kind: 'nobody' };
const unproven: Who = { kind: 'unproven' };

function named(name: string): Who {
  return { kind: 'named', name };
}

/** Users who are not what they were once the identities are made: their roles then, undefined for none such. */
export const changedUsers: Readonly<Record<string, readonly string[] | undefined>> = {
  deleted: undefined,
  revoked: [],
};

const doomed = ['deleted', 'recreated', 'repassworded', 'revoked'] as const;

/** All there are where passwords get tokens. Users come, go and change on the way. */
export async function tokenIdentities(host: Host, house: House): Promise<Identity[]> {
  const { send, admin, pass, hasCertificates } = host;
  const toggled = await logIn(send, 'toggled');
  await demand(send, change.authDisable(), admin);
  await demand(send, change.authEnable(), admin);
  const stale: Record<string, string> = { 'disabled and enabled again': toggled };
  if (pass !== undefined) {
    stale['expired'] = await logIn(send, 'expired');
    pass(301_000);
  }
  const tokens = new Map<string, string>();
  for (const user of Object.keys(house.users)) {
    if (!house.keyless.includes(user)) tokens.set(user, await logIn(send, user));
  }
  await changeUsers(host, house);
  for (const user of ['deleted', 'recreated', 'repassworded']) stale[user] = tokens.get(user)!;
  const holding = [...tokens].filter(([user]) => user !== 'expired' && !(user in stale));
  return [
    { name: 'root', who: named('root'), shown: { token: tokens.get('root')! } },
    { name: 'nobody', who: nobody, shown: {} },
    await withWrongPassword(send),
    ...holding.filter(([user]) => user !== 'root').map(([user, token]) => tokenOf(user, token)),
    ...inOtherHeaders(tokens),
    ...Object.entries(stale).map(([name, token]) => ({
      name: `stale: ${name}`,
      who: unproven,
      shown: { token },
    })),
    ...forged(host, tokens.get('root')!),
    ...(hasCertificates ? withBoth(tokens) : []),
    ...(hasCertificates ? certificateIdentities(house) : []),
  ];
}

/** Those who are known by the name in a certificate, and nothing else. */
export function certificateIdentities(house: House): Identity[] {
  const names = [...Object.keys(house.users), 'deleted', 'stranger', 'Root', 'root ', 'toString'];
  return [
    ...[...new Set(names)].map((name) => ({
      name: `certificate: ${name}`,
      who: named(name),
      shown: { commonName: name },
    })),
    { name: 'certificate without a name', who: nobody, shown: { commonName: '' } },
  ];
}

/** Signed tokens that are well made and must not count; `sign` makes one. */
export async function signedIdentities(
  sign: (claims: { readonly user: string; readonly revision: number }) => Promise<string>,
  { revision, expired }: { readonly revision: number; readonly expired: string },
): Promise<Identity[]> {
  const claims: Record<string, { readonly user: string; readonly revision: number }> = {
    'of a revision to come': { user: 'root', revision: revision + 1 },
    'of another cluster, far ahead': { user: 'root', revision: revision + 1_000 },
    'of no revision': { user: 'root', revision: 0 },
    'of before authentication was disabled': { user: 'root', revision: 1 },
    'of nobody there is': { user: 'stranger', revision },
    'of who was deleted': { user: 'deleted', revision },
    'of who was made again': { user: 'recreated', revision: revision - 5 },
  };
  const made = Object.entries(claims).map(async ([name, claim]) => ({
    name: `signed: ${name}`,
    who: unproven,
    shown: { token: await sign(claim) },
  }));
  const good = { token: await sign({ user: 'fromAtoB', revision }) };
  return [
    ...(await Promise.all(made)),
    { name: 'signed: expired', who: unproven, shown: { token: expired } },
    { name: 'signed: as it should be', who: named('fromAtoB'), shown: good },
  ];
}

async function changeUsers({ send, admin }: Host, house: House): Promise<void> {
  for (const user of doomed) {
    if (house.users[user] === undefined) throw new Error(`the house has no user ${user}`);
  }
  const recreated = 'recreated';
  const steps = [
    change.userDelete('deleted'),
    change.userDelete(recreated),
    change.userAdd(recreated, passwordOf(recreated)),
    ...house.users[recreated]!.map((role) => change.userGrantRole(recreated, role)),
    change.userChangePassword('repassworded', passwordOf('repassworded')),
    ...house.users['revoked']!.map((role) => change.userRevokeRole('revoked', role)),
  ];
  for (const step of steps) await demand(send, step, admin);
}

function tokenOf(user: string, token: string): Identity {
  return { name: user, who: named(user), shown: { token } };
}

/** Who has given a wrong password has nothing to show, and who shows the password itself has nothing either. */
async function withWrongPassword(send: Send): Promise<Identity> {
  const answer = await send({ kind: 'authenticate', name: 'reader', password: 'wrong' });
  if (answer.code === 0) throw new Error('a wrong password was taken for the right one');
  return { name: 'wrong password', who: unproven, shown: { token: passwordOf('reader') } };
}

function inOtherHeaders(tokens: ReadonlyMap<string, string>): Identity[] {
  const own = tokens.get('fromAtoB')!;
  const root = tokens.get('root')!;
  return [
    { name: 'header authorization', who: named('fromAtoB'), shown: { authorization: own } },
    {
      name: 'header authorization, Bearer',
      who: named('fromAtoB'),
      shown: { authorization: `Bearer ${own}` },
    },
    { name: 'both headers, token first', who: named('fromAtoB'), shown: { token: own, authorization: root } },
    { name: 'both headers, token forged', who: unproven, shown: { token: 'forged.1', authorization: root } },
    { name: 'Bearer in the wrong header', who: unproven, shown: { token: `Bearer ${own}` } },
  ];
}

function forged({ foreignTokens }: Host, root: string): Identity[] {
  const swapped = `${root.startsWith('a') ? 'b' : 'a'}${root.slice(1)}`;
  const header = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
  const claims = Buffer.from('{"username":"root","revision":1,"exp":99999999999}').toString('base64url');
  const tokens: Record<string, string> = {
    empty: '',
    blank: ' ',
    'one letter off': swapped,
    'one letter more': `${root}0`,
    'one letter less': root.slice(0, -1),
    'in front of a space': `${root} `,
    'of an early index': 'abcdefghijklmnop.1',
    'of an index to come': 'abcdefghijklmnop.999999999',
    'of an index beyond all': `abcdefghijklmnop.${'9'.repeat(40)}`,
    'a name': 'root',
    'a name of an object': '__proto__',
    'not signed at all': `${header}.${claims}.`,
    'of any signature': `${header}.${claims}.c2lnbmF0dXJl`,
    long: 'x'.repeat(64 * 1024),
  };
  return [
    ...Object.entries(tokens).map(([name, token]) => ({
      name: `forged: ${name}`,
      who: unproven,
      shown: { token },
    })),
    ...foreignTokens.map((token, at) => ({
      name: `of another cluster ${at}`,
      who: unproven,
      shown: { token },
    })),
  ];
}

/** A token counts, whatever it is worth, before a certificate. */
function withBoth(tokens: ReadonlyMap<string, string>): Identity[] {
  const own = tokens.get('fromAtoB')!;
  const root = tokens.get('root')!;
  return [
    { name: 'token, certificate of root', who: named('fromAtoB'), shown: { token: own, commonName: 'root' } },
    { name: 'token of root, certificate', who: named('root'), shown: { token: root, commonName: 'onlyA' } },
    {
      name: 'token, certificate of a stranger',
      who: named('fromAtoB'),
      shown: { token: own, commonName: 'who' },
    },
    { name: 'forged, certificate of root', who: unproven, shown: { token: 'forged.1', commonName: 'root' } },
    { name: 'empty, certificate of root', who: unproven, shown: { token: '', commonName: 'root' } },
  ];
}
