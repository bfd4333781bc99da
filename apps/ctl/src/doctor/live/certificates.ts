import { finding, ok, unchecked, type Check, type Verdict } from '../check.ts';
import type { CertificateFacts, ClusterFacts, ServedCertificate } from '../cluster-facts.ts';
import { thresholds } from '../thresholds.ts';
import { durationText } from './members.ts';

const dayMs = 24 * 60 * 60 * 1_000;
const renewal = [
  'Write the new certificate and key beside the old, then mv both over them; members take them without a restart',
] as const;

/** Certificates that members show, and how long they are good. */
export const certificateExpiry: Check<ClusterFacts> = {
  id: 'certificate-expiry',
  title: 'certificates of members are good for a while',
  why: 'from that moment on no client, and no other member, gets a connection',
  runbook: 'certificates',
  examine: (facts) =>
    served(facts, ({ chain }, url) =>
      chain.map((certificate) => expiryVerdict(url, certificate, facts.nowMs, renewal)),
    ).concat(facts.peersUnasked.map((url) => unchecked(url, 'give --peer-certificates to look at it'))),
};

/** Our own certificate and authority. */
export const ownCertificates: Check<ClusterFacts> = {
  id: 'client-certificate',
  title: 'certificates given here are good for a while',
  why: 'from that moment on whoever uses them gets no connection',
  runbook: 'certificates',
  examine: ({ ownCertificates: files, nowMs }) =>
    files.flatMap(({ source, certificates }) => {
      if (!certificates.ok) return [unchecked(source, certificates.reason)];
      const remedy = ['Have a new one made, and give it to all who use this one'];
      return certificates.value.map((certificate) => expiryVerdict(source, certificate, nowMs, remedy));
    }),
};

/** Whether certificates lead back to an authority that is trusted, and are for the hosts where they are shown. */
export const certificateTrust: Check<ClusterFacts> = {
  id: 'certificate-trust',
  title: 'certificates are of a trusted authority, and for their hosts',
  why: 'clients that check refuse the connection; those that do not check can be lied to',
  runbook: 'certificates',
  examine: (facts) =>
    served(facts, ({ distrust, wrongName }, url) => {
      const verdicts: Verdict[] = [];
      if (distrust !== undefined)
        verdicts.push(
          finding('warning', url, `its certificate is not trusted: ${distrust}`, [
            'Give the authority that it is of: --cacert=FILE',
            'Or renew it with the one that clients trust',
          ]),
        );
      if (wrongName !== undefined)
        verdicts.push(
          finding('warning', url, `its certificate is for another host: ${wrongName}`, [
            'Make one with all names and addresses at which the member is reached (subjectAltName)',
          ]),
        );
      return verdicts.length === 0 ? [ok(url)] : verdicts;
    }),
};

/** Versions of TLS that nobody should speak any more. */
export const tlsVersions: Check<ClusterFacts> = {
  id: 'tls-versions',
  title: 'TLS is 1.2 or later',
  why: 'older versions can be broken by who listens in between',
  runbook: 'certificates',
  examine: (facts) =>
    served(facts, ({ protocol, weakProtocol }, url) => {
      if (weakProtocol === undefined) return [ok(url, protocol)];
      return [
        finding('warning', url, `it takes connections with ${weakProtocol}`, [
          'Start the member with --tls-min-version=TLS1.2',
        ]),
      ];
    }),
};

function served(
  { members, peerCertificates }: ClusterFacts,
  examine: (
    shown: Extract<ServedCertificate['shown'], { readonly ok: true }>['value'],
    url: string,
  ) => readonly Verdict[],
): readonly Verdict[] {
  const all = [...members.flatMap(({ certificate }) => certificate ?? []), ...peerCertificates];
  return all.flatMap(({ url, shown }) =>
    shown.ok ? examine(shown.value, url) : [unchecked(url, `no certificate was seen: ${shown.reason}`)],
  );
}

/** A certificate of a day is renewed within the day, one of years some weeks before. */
function expiryVerdict(
  subject: string,
  { name, notBeforeMs, notAfterMs }: CertificateFacts,
  nowMs: number,
  remedy: readonly string[],
): Verdict {
  const leftMs = notAfterMs - nowMs;
  const until = new Date(notAfterMs).toISOString();
  if (leftMs <= 0)
    return finding('critical', subject, `the certificate of ${name} has expired at ${until}`, remedy);
  if (notBeforeMs > nowMs) {
    const seen = `the certificate of ${name} is good from ${new Date(notBeforeMs).toISOString()} on only`;
    return finding('critical', subject, seen, ['See whether clocks are right (check clock)', ...remedy]);
  }
  const enoughMs = Math.min(thresholds.certificateDays * dayMs, (notAfterMs - notBeforeMs) / 4);
  const seen = `the certificate of ${name} is good for ${durationText(leftMs / 1_000)}, until ${until}`;
  return leftMs >= enoughMs ? ok(subject, seen) : finding('warning', subject, seen, remedy);
}
