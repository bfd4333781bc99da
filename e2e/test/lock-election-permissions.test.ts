import { fromUtf8 } from '@quorate/std';
import { authpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { answered, leaderOf, statusOf, type Outcome } from '../src/recipes/recipe-calls.ts';
import { Observer, RecipeMember } from '../src/recipes/recipe-member.ts';

const aWhileMs = 50;
const denied = '7 etcdserver: permission denied';

/** A member with authentication on, and the tokens of those who may do something with what begins with `job/`. */
async function guardedMember(): Promise<{
  member: RecipeMember;
  tokens: Record<'root' | 'owner' | 'reader' | 'writer' | 'stranger', string>;
}> {
  const member = await RecipeMember.open();
  const { auth } = member.test.replica;
  const { READ, WRITE, READWRITE } = authpb.Permission_Type;
  for (const [user, permType] of [
    ['root', undefined],
    ['owner', READWRITE],
    ['reader', READ],
    ['writer', WRITE],
    ['stranger', undefined],
  ] as const) {
    const add = { name: user, password: user, hashedPassword: '', options: undefined };
    await member.during(auth.userAdd(add));
    await member.during(auth.roleAdd({ name: user }));
    await member.during(auth.userGrantRole({ user, role: user }));
    if (permType === undefined) continue;
    const perm = { permType, key: fromUtf8('job/'), rangeEnd: fromUtf8('job0') };
    await member.during(auth.roleGrantPermission({ name: user, perm }));
  }
  await member.during(auth.enable());
  const tokenOf = async (name: string): Promise<string> =>
    (await member.during(auth.authenticate({ name, password: name }))).token;
  const [root, owner, reader, writer, stranger] = await Promise.all(
    ['root', 'owner', 'reader', 'writer', 'stranger'].map(tokenOf),
  );
  return {
    member,
    tokens: { root: root!, owner: owner!, reader: reader!, writer: writer!, stranger: stranger! },
  };
}

test('only who may read and write the keys of a lock may have it', async () => {
  const { member, tokens } = await guardedMember();
  await using _closing = member;
  const { calls } = member;
  for (const name of ['reader', 'writer', 'stranger'] as const) {
    const token = tokens[name];
    expect(statusOf(await member.during(calls.lock('job', 0n, { token })))).toBe(denied);
    const campaign = calls.campaign({ name: 'job', lease: 0n, value: 'x' }, { token });
    expect(statusOf(await member.during(campaign))).toBe(denied);
  }
  expect(statusOf(await member.during(calls.lock('job', 0n)))).toBe('3 etcdserver: user name is empty');
  const forged = calls.lock('job', 0n, { token: 'abcdefghijklmnop.1' });
  expect(statusOf(await member.during(forged))).toBe('16 etcdserver: invalid auth token');
  const { kvs } = await member.during(calls.keys('job/', { token: tokens.root }));
  expect(kvs).toEqual([]);
  const { key } = answered(await member.during(calls.lock('job', 0n, { token: tokens.owner })));
  const name = Buffer.from(key).toString();
  for (const who of ['reader', 'stranger'] as const) {
    expect(statusOf(await member.during(calls.unlock(name, { token: tokens[who] })))).toBe(denied);
  }
  // Whoever may write the keys may delete them, as by a delete.
  expect(statusOf(await member.during(calls.unlock(name, { token: tokens.writer })))).toBe('0');
});

test('only who may read the keys of an election hears who leads, and only who may write them speaks', async () => {
  const { member, tokens } = await guardedMember();
  await using _closing = member;
  const { calls } = member;
  const won = calls.campaign({ name: 'job', lease: 0n, value: 'one' }, { token: tokens.owner });
  const leader = leaderOf(await member.during(won));
  for (const [name, heard] of [
    ['reader', '0'],
    ['writer', denied],
    ['stranger', denied],
  ] as const) {
    const token = tokens[name];
    expect(statusOf(await member.during(calls.leader('job', { token })))).toBe(heard);
    const observer = new Observer(member.test.replica, 'job', { token });
    await member.advance(aWhileMs);
    expect(observer.values).toEqual(heard === '0' ? ['one'] : []);
    observer.leave();
    const ended = await member.during(observer.ended);
    expect(ended?.message).toBe(heard === '0' ? 'context canceled' : 'etcdserver: permission denied');
    expect(statusOf(await member.during(calls.proclaim(leader, 'x', { token })))).toBe(denied);
    expect(statusOf(await member.during(calls.resign(leader, { token })))).toBe(denied);
  }
  expect(statusOf(await member.during(calls.resign(leader, { token: tokens.owner })))).toBe('0');
});

test('who may not have a lock any more while waiting for it is told so, and does not get it', async () => {
  const { member, tokens } = await guardedMember();
  await using _closing = member;
  const { calls } = member;
  const { root, owner: token } = tokens;
  const { key } = answered(await member.during(calls.lock('job', 0n, { token: root })));
  const observer = new Observer(member.test.replica, 'job', { token });
  const waiting: Promise<Outcome<unknown>>[] = [
    calls.lock('job', 0n, { token }),
    calls.campaign({ name: 'job', lease: 0n, value: 'x' }, { token }),
  ];
  for (let at = 0; at < 4; at++) await member.advance(aWhileMs);
  const range = { key: fromUtf8('job/'), rangeEnd: fromUtf8('job0') };
  const { auth } = member.test.replica;
  const caller = await auth.identify({ token: root, commonName: undefined });
  await member.during(auth.roleRevokePermission({ role: 'owner', ...range }, caller));
  const refused = await member.during(Promise.all(waiting));
  expect(refused.map((outcome) => statusOf(outcome))).toEqual([denied, denied]);
  expect((await member.during(observer.ended))?.message).toBe('etcdserver: permission denied');
  // Their keys stay until their leases end: they may not even delete them any more.
  for (let second = 0; second < 65; second++) await member.advance(1_000);
  await member.during(calls.unlock(Buffer.from(key).toString(), { token: root }));
  const { kvs } = await member.during(calls.keys('job/', { token: root }));
  expect(kvs).toEqual([]);
});
