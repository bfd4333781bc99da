import type { Downgrade } from '@quorate/membership';
import type { PeerVersions } from '@quorate/peer';
import { invariant } from '@quorate/std';
import { Cadence } from './cadence.ts';
import { CheckQueue, type Check } from './check-queue.ts';
import { pollPeers } from './poll-peers.ts';
import {
  compareVersions,
  formatClusterVersion,
  formatMinorVersion,
  isOneMinorBelow,
  lowestClusterVersion,
  parseVersion,
  type Version,
} from './versions.ts';

export interface VersionMonitorOptions {
  /** What this server says it is, e.g. `3.6.14`. */
  readonly serverVersion: string;
  /** All other members, learners included. */
  readonly peers: () => readonly bigint[];
  readonly versions: (peer: bigint, options: { readonly signal: AbortSignal }) => Promise<PeerVersions>;
  readonly clusterVersion: () => string | undefined;
  readonly downgrade: () => Downgrade;
  readonly isLeader: () => boolean;
  /** A ClusterVersionSet (`X.Y.0`) by way of the log. */
  readonly proposeClusterVersion: (version: string) => Promise<unknown>;
  /** A DowngradeInfoSet that ends the downgrade, by way of the log. */
  readonly proposeDowngradeCancel: () => Promise<unknown>;
  /** How often the leader looks what the members run; also the time they have to answer. 4 s by default. */
  readonly versionCheckMs?: number;
  /** How often the leader looks whether a downgrade is done. 5 s by default. */
  readonly downgradeCheckMs?: number;
  readonly observer?: VersionObserver;
}

export interface VersionObserver {
  /** A proposal failed, say; the check is made again at its next time. */
  onVersionCheckFailed?(error: unknown): void;
}

/** The shorter of etcd's request timeouts, less a second (reference: versions and downgrade). */
const defaultVersionCheckMs = 4_000;
const defaultDowngradeCheckMs = 5_000;

/**
 * The leader's care for the cluster version: it follows the oldest server up, a downgrade down, and ends a downgrade
 * when all members have gone down. Other members do nothing here.
 */
export class VersionMonitor {
  readonly #options: VersionMonitorOptions;
  readonly #own: Version;
  readonly #queue: CheckQueue;
  readonly #versionCadence: Cadence;
  readonly #downgradeCadence: Cadence;

  constructor(options: VersionMonitorOptions) {
    const { versionCheckMs = defaultVersionCheckMs, downgradeCheckMs = defaultDowngradeCheckMs } = options;
    const own = parseVersion(options.serverVersion);
    invariant(own !== undefined, 'a server has a version of the form X.Y.Z');
    this.#options = options;
    this.#own = own;
    this.#queue = new CheckQueue(versionCheckMs);
    this.#versionCadence = new Cadence(versionCheckMs);
    this.#downgradeCadence = new Cadence(downgradeCheckMs);
  }

  /** Call it often. Starts at most one check, and none while one is under way. Never throws. */
  tick(nowMs: number): void {
    this.#queue.tick(nowMs);
    if (this.#queue.isClosed || this.#queue.isBusy) return;
    if (this.#versionCadence.isDue(nowMs)) {
      this.#versionCadence.restart(nowMs);
      this.#start((signal) => this.#updateClusterVersion(signal));
    } else if (this.#downgradeCadence.isDue(nowMs)) {
      this.#downgradeCadence.restart(nowMs);
      this.#start((signal) => this.#endDowngrade(signal));
    }
  }

  /**
   * The first entry of a term in which this member leads was committed: a new cluster need not wait for its version.
   * Where there are no other members, the proposal is made before this returns.
   */
  onFirstCommitOfTerm(nowMs: number): void {
    this.#versionCadence.hasten(nowMs);
    this.tick(nowMs);
  }

  /** Resolves when no check is under way. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  /** Gives up the check under way; no other is started. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  #start(check: Check<void>): void {
    if (!this.#options.isLeader()) return;
    this.#queue.run(check).catch((error: unknown) => this.#options.observer?.onVersionCheckFailed?.(error));
  }

  async #updateClusterVersion(signal: AbortSignal): Promise<void> {
    const { isLeader, clusterVersion, downgrade, proposeClusterVersion } = this.#options;
    const isAlone = this.#options.peers().length === 0;
    const servers = isAlone ? [this.#own] : await this.#serverVersions(signal);
    if (!isLeader() || this.#queue.isClosed) return;
    const decided = decideClusterVersion({
      clusterVersion: clusterVersion(),
      oldestServer: servers?.reduce((a, b) => (compareVersions(b, a) < 0 ? b : a)),
      downgrade: downgrade(),
    });
    if (decided !== undefined) await proposeClusterVersion(decided);
  }

  async #endDowngrade(signal: AbortSignal): Promise<void> {
    const { isLeader, downgrade, proposeDowngradeCancel } = this.#options;
    const target = targetOf(downgrade());
    // Asking the others is of no use while this server is not there itself.
    if (target === undefined || compareVersions(this.#own, target) !== 0) return;
    const servers = await this.#serverVersions(signal);
    if (!isLeader() || this.#queue.isClosed) return;
    if (servers === undefined || servers.some((server) => compareVersions(server, target) !== 0)) return;
    const targetNow = targetOf(downgrade());
    if (targetNow !== undefined && compareVersions(targetNow, target) === 0) await proposeDowngradeCancel();
  }

  /** What all members run, this one included; undefined unless every one of them said so. */
  async #serverVersions(signal: AbortSignal): Promise<Version[] | undefined> {
    const { peers, versions } = this.#options;
    const asked = peers();
    const answers = await pollPeers(asked, versions, signal);
    const found = [this.#own];
    for (const peer of asked) {
      const version = parseVersion(answers.get(peer)?.server ?? '');
      if (version === undefined) return undefined;
      found.push(version);
    }
    return found;
  }
}

/**
 * The cluster version to propose now, as `X.Y.0`; undefined when it stays as it is. `oldestServer` is undefined when
 * not every member could be asked.
 *
 * It is first the version of the oldest server, or 3.0.0 when that is not known. Later it only goes up, with the
 * oldest server and within its major version, or down to the target of a downgrade, which is one minor version below
 * both the cluster and its oldest server.
 */
export function decideClusterVersion({
  clusterVersion,
  oldestServer,
  downgrade,
}: {
  readonly clusterVersion: string | undefined;
  readonly oldestServer: Version | undefined;
  readonly downgrade: Downgrade;
}): string | undefined {
  const current = parseVersion(clusterVersion ?? '');
  if (current === undefined) {
    return oldestServer === undefined ? lowestClusterVersion : formatClusterVersion(oldestServer);
  }
  if (oldestServer === undefined) return undefined;
  if (downgrade.isEnabled) {
    const target = targetOf(downgrade);
    if (target === undefined || !isOneMinorBelow(target, current)) return undefined;
    return isOneMinorBelow(target, oldestServer) ? formatClusterVersion(target) : undefined;
  }
  const isHigher = oldestServer.major === current.major && oldestServer.minor > current.minor;
  return isHigher ? formatClusterVersion(oldestServer) : undefined;
}

/** Whether a server may take part, and if not, a sentence that says why. */
export type StartCheck = { readonly canStart: true } | { readonly canStart: false; readonly reason: string };

/**
 * Whether a server may start on the data of a cluster, or go on when the cluster version changes: not when the
 * cluster may already use what this server does not know. During a downgrade that holds until the cluster version has
 * been lowered.
 */
export function canStartWith({
  serverVersion,
  clusterVersion,
  downgrade,
}: {
  readonly serverVersion: string;
  readonly clusterVersion: string | undefined;
  readonly downgrade: Downgrade;
}): StartCheck {
  const own = parseVersion(serverVersion);
  if (own === undefined) {
    return {
      canStart: false,
      reason: `the version of this server is not of the form X.Y.Z: ${serverVersion}`,
    };
  }
  if (clusterVersion === undefined) return { canStart: true };
  const cluster = parseVersion(clusterVersion);
  if (cluster === undefined) {
    return { canStart: false, reason: `the cluster version is not of the form X.Y.Z: ${clusterVersion}` };
  }
  if (compareVersions(own, cluster) >= 0) return { canStart: true };
  const lower = `the version of this server, ${serverVersion}, is lower than the cluster version, ${clusterVersion}`;
  return { canStart: false, reason: `${lower}; ${remedy(own, cluster, downgrade)}` };
}

function remedy(own: Version, cluster: Version, downgrade: Downgrade): string {
  const target = targetOf(downgrade);
  if (target !== undefined && compareVersions(own, target) === 0) {
    return `a downgrade to ${formatMinorVersion(target)} is under way, but the cluster version was not lowered yet`;
  }
  if (isOneMinorBelow(own, cluster)) {
    return `enable a downgrade to ${formatMinorVersion(own)} first, while servers of the higher version run`;
  }
  return 'start a server of that version or a higher one';
}

/** Where a downgrade goes; undefined when there is none. */
function targetOf({ isEnabled, targetVersion }: Downgrade): Version | undefined {
  return isEnabled ? parseVersion(targetVersion) : undefined;
}
