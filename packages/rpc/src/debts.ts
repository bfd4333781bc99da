interface Debt {
  bytes: number;
  readonly sinceMs: number;
}

/**
 * Bytes that are held for somebody until he does his part, such as sending the rest or taking what was asked for. Each
 * debt remembers when it began; time comes in.
 *
 * Invariant: `total` is the sum of all debts, which stand in the order in which they began.
 */
export class Debts<K extends object> {
  readonly #debts = new Map<K, Debt>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  get count(): number {
    return this.#debts.size;
  }

  /** How much somebody owes. */
  owed(debtor: K): number {
    return this.#debts.size === 0 ? 0 : (this.#debts.get(debtor)?.bytes ?? 0);
  }

  /** Adds to a debt, or begins one, of 0 bytes, too. */
  add(debtor: K, bytes: number, nowMs: number): void {
    const debt = this.#debts.get(debtor);
    if (debt === undefined) this.#debts.set(debtor, { bytes, sinceMs: nowMs });
    else debt.bytes += bytes;
    this.#total += bytes;
  }

  /** Takes off a debt; one of 0 bytes ends. What was forgiven meanwhile stays so. Returns how much it was. */
  pay(debtor: K, bytes: number): number {
    const debt = this.#debts.get(debtor);
    if (debt === undefined) return 0;
    const paid = Math.min(bytes, debt.bytes);
    debt.bytes -= paid;
    this.#total -= paid;
    if (debt.bytes === 0) this.#debts.delete(debtor);
    return paid;
  }

  /** Ends a debt. Returns how much it was. */
  forgive(debtor: K): number {
    if (this.#debts.size === 0) return 0;
    const bytes = this.#debts.get(debtor)?.bytes ?? 0;
    this.#total -= bytes;
    this.#debts.delete(debtor);
    return bytes;
  }

  /** Whose debt is the oldest, and since when it is. */
  oldest(): { readonly debtor: K; readonly sinceMs: number } | undefined {
    for (const [debtor, { sinceMs }] of this.#debts) return { debtor, sinceMs };
    return undefined;
  }

  /**
   * Whose debt is the oldest among those that are no smaller than the average: whoever owes little is spared for
   * those who owe much, and whoever has just begun for those who do not get on.
   */
  oldestLarge(): K | undefined {
    const average = this.#total / this.#debts.size;
    for (const [debtor, { bytes }] of this.#debts) if (bytes >= average) return debtor;
    return undefined;
  }
}
