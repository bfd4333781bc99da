import type { Operation } from '../../history/types.ts';

/** Leases that are remembered, the newest ones. */
const leasesMax = 20;

/** What all clients of a simulation have heard: revisions to go back to, leases to hang keys on. */
export class SharedKnowledge {
  readonly leases: bigint[] = [];
  revision = 1;
  #nextLease = 1000n;

  /** An ID that no lease has had yet. */
  newLeaseId(): bigint {
    return ++this.#nextLease;
  }

  learn({ request, outcome }: Operation): void {
    if (outcome.kind !== 'ok') return;
    this.revision = Math.max(this.revision, outcome.revision);
    if (outcome.response.kind === 'leaseGrant') {
      this.leases.push(outcome.response.id);
      if (this.leases.length > leasesMax) this.leases.shift();
    } else if (request.kind === 'leaseRevoke') {
      const at = this.leases.indexOf(request.id);
      // Sometimes a lease that is gone stays known: asking for it must fail in order.
      if (at >= 0 && request.id % 4n !== 0n) this.leases.splice(at, 1);
    }
  }
}
