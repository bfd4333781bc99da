import type { AuthStore } from '@quorate/auth';
import { unboundedEnd } from '@quorate/mvcc';
import type { Replica } from '@quorate/replica';
import { crc32c, fromUtf8, toLatin1 } from '@quorate/std';

/** A checksum of the replicated state of a member that is not history: keys, leases, members, alarms, users. */
export function stateDigest({ state }: Replica): number {
  const { store, lessor, membership, alarms, auth } = state;
  let digest = 0;
  for (const kv of store.range({ start: '', endExclusive: unboundedEnd }).kvs) digest = crc32c(kv, digest);
  const words: string[] = [`${store.currentRevision} ${store.compactedRevision}`];
  for (const id of lessor.list().sort((a, b) => (a < b ? -1 : 1))) {
    const keys = [...(lessor.keys(id) ?? [])].sort().join();
    words.push(`lease ${id} ${lessor.hasCheckpoint(id)} ${keys}`);
  }
  for (const { id, name, peerUrls, isLearner } of membership.list()) {
    words.push(`member ${id} ${name} ${peerUrls.join()} ${isLearner}`);
  }
  words.push(
    `removed ${membership
      .removedIds()
      .sort((a, b) => (a < b ? -1 : 1))
      .join()}`,
  );
  for (const { memberId, type } of alarms.list()) words.push(`alarm ${memberId} ${type}`);
  if (auth.revision > 1) words.push(...wordsOfAuth(auth));
  return crc32c(fromUtf8(words.join('\n')), digest);
}

function* wordsOfAuth(auth: AuthStore): Iterable<string> {
  yield `auth ${auth.isEnabled} ${auth.revision}`;
  for (const name of auth.users())
    yield `user ${name} ${auth.passwordOf(name)?.hash} ${auth.userRoles(name).join()}`;
  for (const name of auth.roles()) {
    const permissions = auth
      .rolePermissions(name)
      .map(({ permType, key, rangeEnd }) => `${permType} ${toLatin1(key)} ${toLatin1(rangeEnd)}`);
    yield `role ${name} ${permissions.join()}`;
  }
}
