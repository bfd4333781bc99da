/** What a member has done since it started: plain numbers, counted where it happens and read by metrics. */
export interface ReplicaCounts {
  /** Keys put and keys deleted, those within transactions included. */
  readonly puts: number;
  readonly deletes: number;
  readonly ranges: number;
  readonly txns: number;
  readonly leasesGranted: number;
  readonly leasesRevoked: number;
  readonly leasesRenewed: number;
  /** Proposals that nobody heard of in time; they may still be applied. */
  readonly proposalsFailed: number;
  /** ReadIndex rounds that had to be asked for again, and those given up. */
  readonly readIndexesSlow: number;
  readonly readIndexesFailed: number;
  /** Bytes written to the log. */
  readonly logBytes: number;
}
