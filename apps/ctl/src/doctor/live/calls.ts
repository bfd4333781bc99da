import { finding, ok, type Check, type Verdict } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { alertThresholds, thresholds } from '../thresholds.ts';
import { eachMetrics, percent, spanText } from './members.ts';
import { judgeRate } from './rates.ts';

const handled = 'grpc_server_handled_total';
/** Codes that are no fault of the one client. */
const failures =
  /^(?:Unknown|FailedPrecondition|ResourceExhausted|Internal|Unavailable|DataLoss|DeadlineExceeded)$/;

/** Calls that fail, by method. */
export const callsFailed: Check<ClusterFacts> = {
  id: 'calls-failed',
  title: 'calls succeed',
  why: 'clients get errors that are not their fault',
  runbook: 'quoratecallsfail',
  examine: (facts) =>
    eachMetrics(facts, (metrics, endpoint) => {
      const { page } = metrics;
      const verdicts: Verdict[] = [];
      for (const method of page.labelValues(handled, 'grpc_method')) {
        const all = page.counter(handled, { grpc_method: method }) ?? 0;
        const failed = page.counter(handled, { grpc_method: method, grpc_code: failures }) ?? 0;
        if (all < thresholds.samplesMin || failed / all <= alertThresholds.QuorateCallsFail) continue;
        const seen = `${percent(failed / all)} of ${all} calls of ${method} failed ${spanText(metrics)}`;
        verdicts.push(
          finding('warning', endpoint, seen, [
            'Which code it is tells why: ResourceExhausted is a limit or the quota, Unavailable no leader, FailedPrecondition a client in error',
          ]),
        );
      }
      return verdicts.length === 0 ? ok(endpoint) : verdicts;
    }),
};

/** Clients that run into limits. */
export const clientsCut: Check<ClusterFacts> = {
  id: 'clients-cut',
  title: 'clients keep within limits',
  why: 'somebody asks for more than one client may, by mistake or on purpose',
  runbook: 'quorateclientscut',
  examine: (facts) =>
    eachMetrics(facts, (metrics, endpoint) =>
      judgeRate(endpoint, metrics, {
        count: metrics.page.counter('quorate_grpc_cuts_total'),
        what: 'calls or connections were ended for going over a limit',
        perSeconds: 1,
        most: alertThresholds.QuorateClientsCut,
        remedy: [
          'The label reason of quorate_grpc_cuts_total says which limit; the log with --log-level=debug has each one',
        ],
      }),
    ),
};

/** Somebody who tries passwords. */
export const passwordsGuessed: Check<ClusterFacts> = {
  id: 'passwords-guessed',
  title: 'nobody tries passwords',
  why: 'whoever finds one is let in',
  runbook: 'quoratepasswordsguessed',
  examine: (facts) =>
    eachMetrics(facts, (metrics, endpoint) =>
      judgeRate(endpoint, metrics, {
        count: metrics.page.counter('quorate_auth_logins_refused_total'),
        what: 'logins were refused unseen',
        perSeconds: 1,
        most: alertThresholds.QuoratePasswordsGuessed,
        remedy: [
          'Look in the log for the addresses: "a login was refused"',
          'Block them in front of the cluster, and use certificates in place of passwords',
        ],
      }),
    ),
};
