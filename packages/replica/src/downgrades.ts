import type { Downgrade } from '@quorate/membership';
import { unreachable } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { ReplicaError } from './errors.ts';
import { formatClusterVersion, formatMinorVersion, isOneMinorBelow, parseVersion } from './versions.ts';
import type { Version } from './versions.ts';

export interface DowngradesOptions {
  /** Resolves when this member has applied all that was committed when it was called. */
  readonly linearizable: () => Promise<void>;
  readonly clusterVersion: () => string | undefined;
  readonly downgrade: () => Downgrade;
  /** A DowngradeInfoSet by way of the log; resolves when it is applied. */
  readonly propose: (info: { readonly enabled: boolean; readonly ver: string }) => Promise<unknown>;
  readonly header: () => rpcpb.ResponseHeader;
}

const action = rpcpb.DowngradeRequest_DowngradeAction;

/** The Downgrade call: lets a cluster go down by one minor version, or takes that back (reference: downgrade). */
export class Downgrades {
  readonly #options: DowngradesOptions;

  constructor(options: DowngradesOptions) {
    this.#options = options;
  }

  /**
   * @throws ReplicaError REPLICA_WRONG_DOWNGRADE_FORMAT, REPLICA_NO_CLUSTER_VERSION,
   * REPLICA_INVALID_DOWNGRADE_TARGET, REPLICA_DOWNGRADE_IN_PROCESS, in this order, and those of reading and proposing
   */
  async downgrade(request: rpcpb.DowngradeRequest): Promise<rpcpb.DowngradeResponse> {
    switch (request.action) {
      case action.VALIDATE:
        await this.#validTarget(request.version);
        break;
      case action.ENABLE: {
        const target = await this.#validTarget(request.version);
        await this.#options.propose({ enabled: true, ver: formatClusterVersion(target) });
        break;
      }
      case action.CANCEL:
        await this.#cancel();
        break;
      default:
        unreachable(request.action);
    }
    const version = formatMinorVersion(this.#clusterVersion());
    return { header: this.#options.header(), version };
  }

  /** The target, if the cluster can go there now. */
  async #validTarget(text: string): Promise<Version> {
    const target = parseVersion(text);
    if (target === undefined) throw new ReplicaError('REPLICA_WRONG_DOWNGRADE_FORMAT');
    await this.#options.linearizable();
    if (!isOneMinorBelow(target, this.#clusterVersion())) {
      throw new ReplicaError('REPLICA_INVALID_DOWNGRADE_TARGET');
    }
    if (this.#options.downgrade().isEnabled) throw new ReplicaError('REPLICA_DOWNGRADE_IN_PROCESS');
    return target;
  }

  /**
   * Without a downgrade under way there is nothing to do, and that is no error, as in etcd 3.6 (3.5 answers `no
   * inflight downgrade job`). Unlike in etcd 3.6 an error of reading or proposing is one: whether the downgrade has
   * ended is not known then.
   */
  async #cancel(): Promise<void> {
    await this.#options.linearizable();
    if (this.#options.downgrade().isEnabled) await this.#options.propose({ enabled: false, ver: '' });
  }

  #clusterVersion(): Version {
    const version = parseVersion(this.#options.clusterVersion() ?? '');
    if (version === undefined) throw new ReplicaError('REPLICA_NO_CLUSTER_VERSION');
    return version;
  }
}
