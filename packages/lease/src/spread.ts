/** Leases that may expire within a second after a change of leader: 3/4 of what is revoked in one. */
export const expiriesPerSecond = 750;

/**
 * Moves expiries later, never earlier, until no second holds more than `expiriesPerSecond` of them. A new
 * leader gives all leases a new start at one moment; leases of one TTL would all expire together, and their
 * revocations crowd out everybody else's proposals.
 *
 * etcd spreads by a factor of its own, with the same rate as the aim. Only the leader knows expiries, so
 * members need not agree on them.
 */
export function spreadExpiries(ascending: readonly { expiryMs: number }[]): void {
  for (let i = expiriesPerSecond; i < ascending.length; i++) {
    const lease = ascending[i]!; // Within the bounds of the loop, as is the one before.
    lease.expiryMs = Math.max(lease.expiryMs, ascending[i - expiriesPerSecond]!.expiryMs + 1000);
  }
}
