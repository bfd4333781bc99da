import type { ClusterFacts } from '../cluster-facts.ts';
import { answering, idText } from './members.ts';

/** The members for which an alarm stands, by what all statuses tell. Asking for alarms would be an entry in etcd's log. */
export function alarmsOf(
  facts: ClusterFacts,
  alarm: string,
): { readonly raised: readonly string[]; readonly isKnown: boolean } {
  const members = answering(facts);
  const raised = members
    .flatMap(({ status }) => status.errors)
    .flatMap((text) => {
      const [, id, name] = /^memberID:(\d+) alarm:(\w+)/.exec(text) ?? [];
      return id !== undefined && name === alarm ? [idText(BigInt(id))] : [];
    });
  return { raised: [...new Set(raised)].toSorted(), isKnown: members.length > 0 };
}

/** Whether an error of a status is an alarm, about which there are checks of their own. */
export function isAlarm(error: string): boolean {
  return /^memberID:\d+ alarm:/.test(error);
}
