import { finding, ok, unchecked, type Check, type Verdict } from '../check.ts';
import { surelyOffMs, type ClockBounds } from '../clock-bounds.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { thresholds } from '../thresholds.ts';
import { durationText, silent, wholeCluster } from './members.ts';

interface MemberClock {
  readonly endpoint: string;
  readonly bounds: ClockBounds;
}

/** Clocks of members against each other, and against ours. */
export const clock: Check<ClusterFacts> = {
  id: 'clock',
  title: 'clocks agree',
  why: 'certificates and tokens are good or not by the clock, and logs of several members cannot be read together; data are safe from it',
  runbook: 'clocks',
  examine({ members }) {
    const told: MemberClock[] = [];
    const verdicts: Verdict[] = [];
    for (const { endpoint, clock: outcome, status, isRefused } of members) {
      if (outcome.ok) told.push({ endpoint, bounds: outcome.value });
      else
        verdicts.push(unchecked(endpoint, status.ok || isRefused ? `its clock: ${outcome.reason}` : silent));
    }
    return [...judge(told), ...verdicts];
  },
};

function judge(told: readonly MemberClock[]): readonly Verdict[] {
  const off = told.filter(({ bounds }) => surelyOffMs(bounds) > thresholds.clockMs);
  const least = Math.max(...told.map(({ bounds }) => bounds.leastMs));
  const most = Math.min(...told.map(({ bounds }) => bounds.mostMs));
  const isAgreed = least - most <= thresholds.clockMs;
  if (off.length > 0 && told.length > 1 && off.length === told.length && isAgreed) {
    const seen = `members agree with each other, and ${offsetText({ leastMs: least, mostMs: most })} this machine`;
    return [finding('advice', wholeCluster, seen, ['Set the clock of this machine: $ timedatectl status'])];
  }
  return told.map(({ endpoint, bounds }) => {
    const seen = `its clock ${offsetText(bounds)} ours`;
    if (surelyOffMs(bounds) <= thresholds.clockMs) return ok(endpoint, seen);
    return finding('warning', endpoint, seen, [
      'See whether its clock is set by the network, on that machine: $ timedatectl status',
      '$ chronyc tracking',
    ]);
  });
}

/** With the accuracy of what is said. */
function offsetText({ leastMs, mostMs }: ClockBounds): string {
  const [low, high] = leastMs <= mostMs ? [leastMs, mostMs] : [mostMs, leastMs];
  const accuracy = durationText((high - low) / 2_000);
  const middle = (low + high) / 2;
  const isSame = low <= 0 && high >= 0;
  const difference = isSame
    ? 'is that of'
    : `is ${durationText(Math.abs(middle) / 1_000)} ${middle > 0 ? 'ahead of' : 'behind'}`;
  return isSame ? `is within ${accuracy} of` : `${difference} (give or take ${accuracy})`;
}
