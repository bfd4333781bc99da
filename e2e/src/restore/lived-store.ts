import { Client, type Credentials } from '@quorate/client';
import { fromUtf8, toHex } from '@quorate/std';
import { rpcpb } from '@quorate/wire';

/** Who may do everything on the stores that `fillStore` has filled. */
export const root: Credentials = { name: 'root', password: 'a root of trees' };
/** Who may only see the keys below `app/`. */
export const ann: Credentials = { name: 'ann', password: 'a stroll' };

/** A member that is not one of any cluster here: whoever restores keeps its alarm all the same. */
const strangerId = 0xabcdn;
const leaseIds = [0x1001n, 0x1002n] as const;
const historyCount = 120;
const keyCount = 17;

/** Gives an empty store a life: keys with history, a compaction, leases, users, roles, authentication, an alarm. */
export async function fillStore(endpoint: string): Promise<void> {
  await using client = new Client({ endpoints: [endpoint] });
  for (const id of leaseIds) await client.lease.grant({ ttlSeconds: 5_000, id });
  for (let i = 0; i < historyCount; i++) {
    const key = fromUtf8(`app/${i % keyCount}`);
    const lease = i % 10 < leaseIds.length ? leaseIds[i % 10] : 0n;
    await client.kv.put({ key, value: fromUtf8(`value ${i}`), lease: lease ?? 0n });
    if (i % 11 === 5) await client.kv.deleteRange({ key: fromUtf8(`app/${(i + 3) % keyCount}`) });
  }
  await client.kv.compact({ revision: 60n, physical: true });
  await client.kv.put({ key: Uint8Array.of(0xff, 0x00, 0xfe), value: new Uint8Array(300_000).fill(7) });
  await client.auth.users.add({ name: 'root', password: root.password });
  await client.auth.roles.add('root');
  await client.auth.users.grantRole({ user: 'root', role: 'root' });
  await client.auth.users.add({ name: 'ann', password: ann.password });
  await client.auth.roles.add('reader');
  await client.auth.roles.grantPermission('reader', { type: 'read', prefix: 'app/' });
  await client.auth.users.grantRole({ user: 'ann', role: 'reader' });
  await client.auth.enable();
  await using admin = new Client({ endpoints: [endpoint], auth: root });
  const { NOSPACE } = rpcpb.AlarmType;
  const { ACTIVATE } = rpcpb.AlarmRequest_AlarmAction;
  await admin.maintenance.alarm({ action: ACTIVATE, memberID: strangerId, alarm: NOSPACE });
}

/** All that clients can see of a filled store, but for who serves it and how much time leases have left. */
export async function whatIsServed(endpoint: string): Promise<unknown> {
  await using client = new Client({ endpoints: [endpoint], auth: root });
  const { header } = await client.kv.range({ key: fromUtf8('app/'), countOnly: true });
  const newest = Number(header?.revision ?? 0n);
  const [hashes, keys]: [unknown[], unknown[]] = [[], []];
  // Not at the compaction: of that a member tells the hash from before, for as long as it runs.
  for (let revision = 61; revision <= newest; revision += 7) {
    const { hash, compactRevision } = await client.maintenance.hashKv({ revision: BigInt(revision) });
    hashes.push([revision, hash, compactRevision]);
    const { kvs } = await client.kv.range({ ...everything, revision: BigInt(revision) });
    keys.push(kvs.map(({ key, value, ...counts }) => [toHex(key), toHex(value.subarray(0, 40)), counts]));
  }
  const { leases } = await client.lease.leases();
  const ids = leases.map(({ ID }) => ID).sort((a, b) => (a < b ? -1 : 1));
  const attached = [];
  for (const id of ids) {
    const { grantedTTL, keys: held } = await client.lease.timeToLive(id, { keys: true });
    attached.push([id, grantedTTL, held.map(toHex).sort()]);
  }
  const { users } = await client.auth.users.list();
  const { roles } = await client.auth.roles.list();
  const { enabled, authRevision } = await client.auth.status();
  const { alarms } = await client.maintenance.alarm({});
  return {
    ...{ newest, hashes, keys, attached, users, roles, enabled, authRevision, alarms },
    rolesOfUsers: await Promise.all(users.map(async (name) => (await client.auth.users.get(name)).roles)),
    annSees: await annSees(endpoint),
  };
}

/** Lets writes in again. */
export async function disarm(endpoint: string): Promise<void> {
  await using client = new Client({ endpoints: [endpoint], auth: root });
  const { DEACTIVATE } = rpcpb.AlarmRequest_AlarmAction;
  await client.maintenance.alarm({
    action: DEACTIVATE,
    memberID: strangerId,
    alarm: rpcpb.AlarmType.NOSPACE,
  });
}

const everything = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };

async function annSees(endpoint: string): Promise<unknown> {
  await using client = new Client({ endpoints: [endpoint], auth: ann });
  const mine = await client.count({ prefix: 'app/' });
  const others = await client.count({ prefix: 'other/' }).catch((error: unknown) => String(error));
  return [mine, others];
}
