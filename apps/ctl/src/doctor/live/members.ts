import type { rpcpb } from '@quorate/wire';
import { unchecked, type Check, type Verdict } from '../check.ts';
import type { ClusterFacts, MemberFacts, MetricsFacts } from '../cluster-facts.ts';

/** The subject of what is about all members together. */
export const wholeCluster = 'cluster';

/** Why nothing is known of a member that is not there. */
export const silent = 'it does not answer';

/** Why nothing is known of a member that tells no status. */
export function silenceOf({ isRefused }: Pick<MemberFacts, 'isRefused'>): string {
  return isRefused ? 'it asks who we are: give --user, and a user who may see it' : silent;
}

/** A member that answers. */
export interface AnsweringMember {
  readonly endpoint: string;
  readonly id: bigint;
  readonly status: rpcpb.StatusResponse;
  readonly member: MemberFacts;
}

/** The members that answer. */
export function answering({ members }: Pick<ClusterFacts, 'members'>): readonly AnsweringMember[] {
  return members.flatMap((member) => {
    const { status, endpoint } = member;
    if (!status.ok) return [];
    return [{ endpoint, id: status.value.header?.memberId ?? 0n, status: status.value, member }];
  });
}

/** A verdict for each member that answers, and that nothing can be said of the others. */
export function eachAnswering(
  facts: ClusterFacts,
  examine: (member: AnsweringMember) => Verdict | readonly Verdict[] | undefined,
): readonly Verdict[] {
  const unknown = facts.members.flatMap((member) =>
    member.status.ok ? [] : [unchecked(member.endpoint, silenceOf(member))],
  );
  return [...answering(facts).flatMap((member) => examine(member) ?? []), ...unknown];
}

/** A verdict for each member whose metrics are to be had, and that nothing can be said of the others. */
export function eachMetrics(
  facts: ClusterFacts,
  examine: (metrics: MetricsFacts, endpoint: string) => Verdict | readonly Verdict[] | undefined,
): readonly Verdict[] {
  return facts.members.flatMap(({ endpoint, metrics, status, isRefused }) => {
    if (!status.ok && !isRefused) return [unchecked(endpoint, silent)];
    if (!metrics.ok) return [unchecked(endpoint, `no metrics: ${metrics.reason}`)];
    return examine(metrics.value, endpoint) ?? [];
  });
}

/** The same check, for members of one cluster only: those of several cannot be compared. */
export function withinCluster(check: Check<ClusterFacts>): Check<ClusterFacts> {
  return {
    ...check,
    examine(facts) {
      const clusters = new Set(answering(facts).map(({ status }) => status.header?.clusterId));
      if (clusters.size <= 1) return check.examine(facts);
      return [unchecked(wholeCluster, 'the endpoints are of several clusters')];
    },
  };
}

/** How a span that counters have counted is told. */
export function spanText({ seconds, uptimeSeconds }: MetricsFacts): string {
  const text = durationText(seconds);
  return seconds === uptimeSeconds ? `since it began ${text} ago` : `in ${text}`;
}

/** A time for people: `12 ms`, `3.2 s`, `5 min`, `7 h`, `3 days`. */
export function durationText(seconds: number): string {
  const size = Math.abs(seconds);
  const rounded = (value: number) => (value < 10 ? Number(value.toFixed(1)) : Math.round(value));
  if (size < 1) return `${rounded(seconds * 1_000)} ms`;
  if (size < 120) return `${rounded(seconds)} s`;
  if (size < 7_200) return `${rounded(seconds / 60)} min`;
  if (size < 172_800) return `${rounded(seconds / 3_600)} h`;
  return `${rounded(seconds / 86_400)} days`;
}

/** A share for people. */
export function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}

/** An ID as other commands take it. */
export function idText(id: bigint): string {
  return id.toString(16);
}
