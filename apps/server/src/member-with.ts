import type { Member } from '@quorate/rpc';

/** The same member with other parts. A member is no plain object: what it says of itself it is asked for each time. */
export function memberWith(
  member: Member,
  parts: Partial<Pick<Member, 'kv' | 'leases' | 'maintenance'>>,
): Member {
  const { id, kv, leases, maintenance, cluster, auth } = member;
  return {
    ...{ id, kv, leases, maintenance, cluster, auth },
    ...parts,
    get isLearner() {
      return member.isLearner;
    },
    get hasLeader() {
      return member.hasLeader;
    },
    get alarmTypes() {
      return member.alarmTypes;
    },
    header: (revision) => member.header(revision),
    watch: (options) => member.watch(options),
    onLeaderLost: (listener) => member.onLeaderLost(listener),
  };
}
