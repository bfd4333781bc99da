import type { Client } from '@quorate/client';
import type { rpcpb } from '@quorate/wire';
import { bytesOfText, textOf } from '../../byte-string.ts';
import type { Context } from '../../cli/context.ts';
import { openClient } from '../../cli/open-client.ts';
import { tlsFlags } from '../../cli/tls-files.ts';
import { argumentBytes } from '../../commands/key-range.ts';
import { observed, unobserved, type Outcome } from '../check.ts';
import type { CertificateFile, ClusterFacts, MemberFacts, MemberHash } from '../cluster-facts.ts';
import { MetricsPage } from '../metrics-page.ts';
import { certificatesIn, observeCertificate } from './certificate.ts';
import { observeHashes } from './hashes.ts';
import { fetchPage, pageUrl } from './http.ts';
import { attempt, isRefusal, observeMember } from './member.ts';

/** Who does not answer a simple question within this time, is not well. */
const answerMaxMs = 5_000;

/**
 * Observes a cluster that runs, by the flags of a command line. Nothing is written, not even an entry of the log: alarms are
 * read from statuses, and whether users are asked who they are is found by asking for a key without saying who we are.
 *
 * @throws ExitError when flags are wrong
 */
export async function observeCluster(context: Context): Promise<ClusterFacts> {
  const { flags } = context;
  await context.prepare();
  const given = (await context.endpoints()).map((endpoint) => textOf(endpoint.trim()));
  const timeoutMs = Math.min(answerMaxMs, context.timeoutMs);
  const { options: tls, skipsOnly } = tlsFlags(flags);
  const isTlsDefault = tls !== undefined && !skipsOnly;
  const clientOf = clients(context);
  const memberList = await memberListOf(given, clientOf, timeoutMs);
  const endpoints = flags.bool('cluster') ? allEndpoints(given, memberList) : given;
  const otherMetrics = await otherMetricsOf(context, timeoutMs);
  const members = await Promise.all(
    endpoints.map((endpoint) =>
      observeMember({
        ...{ endpoint, tls, isTlsDefault, timeoutMs, otherMetrics },
        intervalMs: flags.durationMs('interval'),
        client: () => clientOf(endpoint),
      }),
    ),
  );
  const answering = members.filter(({ status }) => status.ok).map(({ endpoint }) => endpoint);
  const [first] = members
    .filter(({ status, isRefused }) => status.ok || isRefused)
    .map(({ endpoint }) => endpoint);
  const peerUrls = securePeerUrls(memberList);
  const doesLookAtPeers = flags.bool('peer-certificates');
  return {
    nowMs: Date.now(),
    ...{ memberList, members: withoutTwice(members) },
    hashes: await hashesOf(context, answering, clientOf),
    authEnabled: await authOf(context, first),
    leaseCount: await attempt(async () => {
      if (first === undefined) throw new Error('no member answers');
      const { leases } = await (await clientOf(first)).lease.leases({ timeoutMs });
      return leases.length;
    }),
    ownCertificates: ownCertificatesOf(context),
    peerCertificates: doesLookAtPeers
      ? await Promise.all(peerUrls.map((url) => observeCertificate({ url, tls, timeoutMs })))
      : [],
    peersUnasked: doesLookAtPeers ? [] : peerUrls,
  };
}

/** One client for each endpoint, made when it is first asked for. */
function clients(context: Context): (endpoint: string) => Promise<Client> {
  const made = new Map<string, Promise<Client>>();
  return (endpoint) => {
    const client = made.get(endpoint) ?? context.client([bytesOfText(endpoint)]);
    made.set(endpoint, client);
    return client;
  };
}

/** What members agree on, or else what one of them knows: both are asked for at once, since either may never come. */
async function memberListOf(
  endpoints: readonly string[],
  clientOf: (endpoint: string) => Promise<Client>,
  timeoutMs: number,
): Promise<Outcome<readonly rpcpb.Member[]>> {
  const ask = (endpoint: string, linearizable: boolean) =>
    attempt(async () => {
      const client = await clientOf(endpoint);
      return (await client.cluster.memberList({ linearizable }, { timeoutMs })).members;
    });
  const answers = await Promise.all(
    [true, false].flatMap((linearizable) => endpoints.map((endpoint) => ask(endpoint, linearizable))),
  );
  return answers.find(({ ok }) => ok) ?? answers[0] ?? unobserved('no endpoints are given');
}

/** The addresses that members tell; those given only where members tell none. */
function allEndpoints(
  given: readonly string[],
  memberList: Outcome<readonly rpcpb.Member[]>,
): readonly string[] {
  if (!memberList.ok) return given;
  const told = memberList.value.flatMap(({ clientURLs }) => clientURLs.slice(0, 1));
  return told.length === 0 ? given : told;
}

/** A member that was asked at two addresses counts once. */
function withoutTwice(members: readonly MemberFacts[]): readonly MemberFacts[] {
  const seen = new Set<bigint>();
  return members.filter(({ status }) => {
    const id = status.ok ? status.value.header?.memberId : undefined;
    if (id === undefined || id === 0n) return true;
    const isNew = !seen.has(id);
    seen.add(id);
    return isNew;
  });
}

/** Pages of `--metrics-endpoints`, by the IDs of the members that they tell. */
async function otherMetricsOf(context: Context, timeoutMs: number): Promise<ReadonlyMap<string, string>> {
  const pages = new Map<string, string>();
  const { options: tls } = tlsFlags(context.flags);
  await Promise.all(
    context.flags.list('metrics-endpoints').map(async (endpoint) => {
      const url = pageUrl(textOf(endpoint), '/metrics', false);
      if (url === undefined) return;
      const page = await fetchPage({ url, tls, timeoutMs }).catch(() => undefined);
      const [id] = MetricsPage.parse(page?.body ?? '').labelValues('etcd_server_id', 'server_id');
      if (id !== undefined) pages.set(id, url);
    }),
  );
  return pages;
}

async function hashesOf(
  context: Context,
  endpoints: readonly string[],
  clientOf: (endpoint: string) => Promise<Client>,
): Promise<Outcome<readonly MemberHash[]>> {
  if (context.flags.bool('skip-hash')) return unobserved('--skip-hash was given');
  const members = endpoints.map((endpoint) => ({ endpoint, client: () => clientOf(endpoint) }));
  // Reading all keys takes as long as it takes; how long at most, the user says.
  return observed(await observeHashes(members, context.timeoutMs));
}

/** Whether a read by nobody is refused. */
async function authOf(context: Context, endpoint: string | undefined): Promise<Outcome<boolean>> {
  if (endpoint === undefined) return unobserved('no member answers');
  const { options: tls, skipsOnly } = tlsFlags(context.flags);
  if (tls?.cert !== undefined) return unobserved('a certificate says who we are');
  const address = skipsOnly && !/^[a-z]+:\/\//.test(endpoint) ? `http://${endpoint}` : endpoint;
  return attempt(async () => {
    await using nobody = openClient({ endpoints: [address], ...(tls === undefined ? {} : { tls }) });
    try {
      const request = { key: argumentBytes('health'), serializable: true, countOnly: true };
      await nobody.kv.range(request, { timeoutMs: answerMaxMs });
      return false;
    } catch (error) {
      if (isRefusal(error)) return true;
      throw error;
    }
  });
}

function securePeerUrls(memberList: Outcome<readonly rpcpb.Member[]>): readonly string[] {
  if (!memberList.ok) return [];
  const urls = memberList.value.flatMap(({ peerURLs }) => peerURLs);
  return [...new Set(urls)].filter((url) => url.startsWith('https://'));
}

function ownCertificatesOf({ flags }: Context): readonly CertificateFile[] {
  const { options: tls } = tlsFlags(flags);
  return (['cert', 'cacert'] as const).flatMap((flag) => {
    const pem = flag === 'cert' ? tls?.cert : tls?.ca;
    if (pem === undefined) return [];
    return [certificatesIn(`--${flag} ${textOf(flags.string(flag))}`, pem)];
  });
}
