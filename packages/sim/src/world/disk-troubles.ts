import type { DiskOperation } from '@quorate/wal/testing';
import type { Chance } from './chance.ts';

/** How likely a call of a kind fails, and how: `EIO`, `ENOSPC`. */
export interface DiskFaultRates {
  readonly syncEio: number;
  readonly writeEio: number;
  readonly readEio: number;
}

/** The longest that a disk takes for anything and still does it. */
const latencyMaxMs = 8_000;

/**
 * What is wrong with a disk now. The files are not here: they outlive processes, and this is the hardware's
 * mood, changed by faults as the simulation goes.
 */
export class DiskTroubles {
  readonly #chance: Chance;
  rates: DiskFaultRates;
  /** Typical time of a write and of a sync. */
  writeMs: number;
  syncMs: number;
  /** Everything takes that many times as long. */
  slowness = 1;
  /** Nothing that needs room succeeds. */
  isFull = false;
  /** The next sync fails, whatever the rates say. */
  failNextSync = false;

  constructor(chance: Chance, options: { rates: DiskFaultRates; writeMs: number; syncMs: number }) {
    this.#chance = chance;
    this.rates = options.rates;
    this.writeMs = options.writeMs;
    this.syncMs = options.syncMs;
  }

  /** How long a call takes. */
  latencyMs(operation: DiskOperation): number {
    const isSync = operation === 'sync' || operation === 'syncDir';
    const latencyMs = this.#chance.heavyTail(isSync ? this.syncMs : this.writeMs) * this.slowness;
    return Math.min(latencyMs, latencyMaxMs);
  }

  /** Why a call fails, undefined when it succeeds. */
  faultOf(operation: DiskOperation): string | undefined {
    const dice = this.#chance.fraction();
    const { rates } = this;
    switch (operation) {
      case 'sync':
      case 'syncDir':
        if (this.failNextSync) {
          this.failNextSync = false;
          return 'EIO';
        }
        return dice < rates.syncEio ? 'EIO' : undefined;
      case 'write':
      case 'open':
      case 'makeDir':
      case 'truncate':
        if (this.isFull) return 'ENOSPC';
        return operation === 'write' && dice < rates.writeEio ? 'EIO' : undefined;
      case 'read':
        return dice < rates.readEio ? 'EIO' : undefined;
      case 'rename':
      case 'remove':
      case 'close':
      case 'freeBytes':
      case 'list':
      case 'size':
        return undefined;
    }
  }

  /** The disk is as good as new, and stays so. */
  heal(): void {
    this.rates = { syncEio: 0, writeEio: 0, readEio: 0 };
    this.slowness = 1;
    this.isFull = false;
    this.failNextSync = false;
  }
}
