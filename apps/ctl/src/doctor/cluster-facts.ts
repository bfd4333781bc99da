import type { rpcpb } from '@quorate/wire';
import type { Outcome } from './check.ts';
import type { ClockBounds } from './clock-bounds.ts';
import type { MetricsPage } from './metrics-page.ts';

/** What was observed of a cluster that runs. */
export interface ClusterFacts {
  /** When, by our clock. */
  readonly nowMs: number;
  /** Whom the cluster says it has. */
  readonly memberList: Outcome<readonly rpcpb.Member[]>;
  /** One for each endpoint that was looked at. */
  readonly members: readonly MemberFacts[];
  /** Hashes of members at one revision, or of as many as could be asked. */
  readonly hashes: Outcome<readonly MemberHash[]>;
  /** Whether users are asked who they are. */
  readonly authEnabled: Outcome<boolean>;
  readonly leaseCount: Outcome<number>;
  /** Those of `--cert` and `--cacert`. */
  readonly ownCertificates: readonly CertificateFile[];
  /** Those that members show each other, by peer URL. */
  readonly peerCertificates: readonly ServedCertificate[];
  /** Peer URLs with TLS that nobody looked at, for want of the flag. */
  readonly peersUnasked: readonly string[];
}

/** What was observed of a member. */
export interface MemberFacts {
  /** Where it was asked. */
  readonly endpoint: string;
  readonly status: Outcome<rpcpb.StatusResponse>;
  /** It answers, and tells its status only to who says who he is, or may do more. */
  readonly isRefused: boolean;
  /** Times of reads that this member answers alone, in milliseconds. */
  readonly serializableMs: Outcome<readonly number[]>;
  /** Times of reads that members agree on. */
  readonly linearizableMs: Outcome<readonly number[]>;
  /** What `/health` says. */
  readonly health: Outcome<{ readonly isHealthy: boolean; readonly reason: string }>;
  /** What `/version` says. */
  readonly versions: Outcome<{ readonly server: string; readonly cluster: string }>;
  readonly metrics: Outcome<MetricsFacts>;
  readonly clock: Outcome<ClockBounds>;
  /** Undefined where there is no TLS. */
  readonly certificate: ServedCertificate | undefined;
}

/** What a member publishes of itself. */
export interface MetricsFacts {
  readonly page: MetricsPage;
  /** How long its counters have counted: since the member began (then `uptimeSeconds`), or between two looks. */
  readonly seconds: number;
  /** Since the member began. */
  readonly uptimeSeconds: number;
  readonly product: 'quorate' | 'etcd';
}

/** The hash of a member's keys. Those of one revision and compaction are equal, or a member is damaged. */
export interface MemberHash {
  readonly endpoint: string;
  readonly revision: bigint;
  readonly compactRevision: bigint;
  /** Undefined when the member did not tell, for the reason given. */
  readonly hash: number | undefined;
  readonly reason: string;
}

/** A certificate, reduced to what is checked. */
export interface CertificateFacts {
  /** Its common name, or all that it says of itself. */
  readonly name: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** A certificate that a server shows, and how. */
export interface ServedCertificate {
  /** The URL at which it was shown. */
  readonly url: string;
  readonly shown: Outcome<{
    /** Its own, then those that it leads back to, as far as they are known. */
    readonly chain: readonly CertificateFacts[];
    /** Why it is not to be trusted; undefined when it is. */
    readonly distrust: string | undefined;
    /** Why it is not for this host; undefined when it is. */
    readonly wrongName: string | undefined;
    /** As `TLSv1.3`. */
    readonly protocol: string;
    /** A version below 1.2 that the server also takes; undefined when it takes none. */
    readonly weakProtocol: string | undefined;
  }>;
}

/** Certificates in a file of a flag. */
export interface CertificateFile {
  /** As `--cert client.crt`. */
  readonly source: string;
  readonly certificates: Outcome<readonly CertificateFacts[]>;
}
