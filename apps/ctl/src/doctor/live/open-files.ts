import { finding, ok, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { alertThresholds } from '../thresholds.ts';
import { eachMetrics, percent } from './members.ts';

/** Files and connections that a process has open. */
export const openFiles: Check<ClusterFacts> = {
  id: 'open-files',
  title: 'files are left to open',
  why: 'a member that may open no more refuses connections, of other members too, and cannot begin a new segment of its log',
  runbook: 'quoratefilesnearlyused',
  examine: (facts) =>
    eachMetrics(facts, ({ page }, endpoint) => {
      const used = page.gauge('os_fd_used') ?? page.gauge('process_open_fds');
      const limit = page.gauge('os_fd_limit') ?? page.gauge('process_max_fds');
      if (used === undefined || limit === undefined || limit <= 0) return undefined;
      const seen = `${percent(used / limit)} of the ${limit} files that it may open are open`;
      if (used / limit <= alertThresholds.QuorateFilesNearlyUsed) return ok(endpoint, seen);
      return finding('warning', endpoint, seen, [
        'Find out which clients open connections and do not close them: $ ss -tn state established',
        'Or raise the limit (LimitNOFILE= of the service)',
      ]);
    }),
};
