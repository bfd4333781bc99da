import { ChangeList } from '@quorate/std';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lessor } from '../src/index.ts';
import { codeOf } from './code-of.ts';

const electionTimeoutMs = 1000;
const revokeRetryMs = 7000;
const minTtlSeconds = 2;

/** A lease as the model sees it: plain facts, searched through whenever a question comes. */
interface ModelLease {
  ttlSeconds: number;
  remainingTtlSeconds: number;
  keys: string[];
  expiryMs: number;
  dueMs: number;
}

/** Leases in a list, without queues. */
class Model {
  nowMs = 0;
  primary = false;
  readonly leases = new Map<bigint, ModelLease>();

  setExpiry(lease: ModelLease, expiryMs: number): void {
    lease.expiryMs = lease.dueMs = expiryMs;
  }

  expired(): bigint[] {
    const due = [...this.leases].filter(([, lease]) => this.primary && lease.dueMs <= this.nowMs);
    for (const [, lease] of due) lease.dueMs = this.nowMs + revokeRetryMs;
    return due.map(([id]) => id);
  }
}

const id = fc.integer({ min: -3, max: 4 }).map(BigInt);
const key = fc.constantFrom('a', 'b', 'c');

const step = fc.oneof(
  fc.record({ kind: fc.constant('wait'), ms: fc.integer({ min: 0, max: 6000 }) }),
  fc.record({ kind: fc.constant('grant'), id, ttlSeconds: fc.integer({ min: -1, max: 8 }) }),
  fc.record({ kind: fc.constant('revoke'), id }),
  fc.record({ kind: fc.constant('renew'), id }),
  fc.record({ kind: fc.constant('attach'), id, key }),
  fc.record({ kind: fc.constant('detach'), id, key }),
  fc.record({ kind: fc.constant('checkpoint'), id, remaining: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ kind: fc.constant('promote') }),
  fc.record({ kind: fc.constant('demote') }),
  fc.record({ kind: fc.constant('expired') }),
) satisfies fc.Arbitrary<{ readonly kind: string }>;

type Step =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'grant'; readonly id: bigint; readonly ttlSeconds: number }
  | { readonly kind: 'revoke' | 'renew'; readonly id: bigint }
  | { readonly kind: 'attach' | 'detach'; readonly id: bigint; readonly key: string }
  | { readonly kind: 'checkpoint'; readonly id: bigint; readonly remaining: number }
  | { readonly kind: 'promote' | 'demote' | 'expired' };

test('a lessor does what a list of leases does', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const lessor = new Lessor({ minTtlSeconds, electionTimeoutMs, revokeRetryMs });
      const model = new Model();
      const changes = new ChangeList();
      for (const one of steps) {
        runStep(lessor, model, one, changes);
        lessor.checkInvariants();
        compareLeases(lessor, model);
      }
      compareRestored(model, changes);
    }),
    { numRuns: 500 },
  );
});

function runStep(lessor: Lessor, model: Model, one: Step, changes: ChangeList): void {
  const now = model.nowMs;
  switch (one.kind) {
    case 'wait':
      model.nowMs += one.ms;
      return;
    case 'grant': {
      const code = codeOf(() => lessor.grant({ id: one.id, ttlSeconds: one.ttlSeconds }, now, changes));
      const taken = model.leases.has(one.id);
      expect(code).toBe(one.id === 0n ? 'LEASE_NOT_FOUND' : taken ? 'LEASE_EXISTS' : undefined);
      if (code !== undefined) return;
      const ttlSeconds = Math.max(minTtlSeconds, one.ttlSeconds);
      const lease = { ttlSeconds, remainingTtlSeconds: 0, keys: [], expiryMs: Infinity, dueMs: Infinity };
      if (model.primary) model.setExpiry(lease, now + ttlSeconds * 1000);
      model.leases.set(one.id, lease);
      return;
    }
    case 'revoke': {
      const lease = model.leases.get(one.id);
      if (lease === undefined) expect(codeOf(() => lessor.revoke(one.id, changes))).toBe('LEASE_NOT_FOUND');
      else expect(lessor.revoke(one.id, changes)).toEqual(lease.keys.sort());
      model.leases.delete(one.id);
      return;
    }
    case 'renew': {
      const code = codeOf(() => lessor.renew(one.id, now));
      const lease = model.leases.get(one.id);
      if (!model.primary) expect(code).toBe('LEASE_NOT_PRIMARY');
      else if (lease === undefined) expect(code).toBe('LEASE_NOT_FOUND');
      else if (lease.expiryMs <= now) expect(code).toBe('LEASE_EXPIRED');
      else {
        expect(code).toBeUndefined();
        model.setExpiry(lease, now + lease.ttlSeconds * 1000);
      }
      return;
    }
    case 'attach': {
      lessor.attach(one.id, one.key);
      const lease = model.leases.get(one.id);
      if (lease !== undefined && !lease.keys.includes(one.key)) lease.keys.push(one.key);
      return;
    }
    case 'detach': {
      lessor.detach(one.id, one.key);
      const lease = model.leases.get(one.id);
      if (lease !== undefined) lease.keys = lease.keys.filter((other) => other !== one.key);
      return;
    }
    case 'checkpoint': {
      const context = { nowMs: now, changes, persist: true };
      lessor.applyCheckpoint({ id: one.id, remainingTtlSeconds: one.remaining }, context);
      const lease = model.leases.get(one.id);
      if (lease !== undefined) lease.remainingTtlSeconds = one.remaining;
      return;
    }
    case 'promote':
      lessor.promote(now);
      model.primary = true;
      for (const lease of model.leases.values()) {
        const left = lease.remainingTtlSeconds || lease.ttlSeconds;
        model.setExpiry(lease, now + left * 1000 + electionTimeoutMs);
      }
      return;
    case 'demote':
      lessor.demote();
      model.primary = false;
      for (const lease of model.leases.values()) model.setExpiry(lease, Infinity);
      return;
    case 'expired':
      expect(lessor.expired(now, 100).sort()).toEqual(model.expired().sort());
      return;
  }
}

function compareLeases(lessor: Lessor, model: Model): void {
  expect(lessor.size).toBe(model.leases.size);
  const ids = lessor.list();
  const expiries = ids.map((one) => model.leases.get(one)!.expiryMs);
  expect(expiries).toEqual([...expiries].sort((a, b) => (a === b ? 0 : a - b)));
  for (const [one, lease] of model.leases) {
    expect(lessor.keys(one)).toEqual([...lease.keys].sort());
    const left = lessor.timeToLive(one, model.nowMs)!;
    expect(left.ttlSeconds).toBe(Math.trunc((lease.expiryMs - model.nowMs) / 1000) + 0);
    expect(left.grantedTtlSeconds).toBe(lease.ttlSeconds);
  }
}

/** What was written down is what is there. */
function compareRestored(model: Model, changes: ChangeList): void {
  const rows = new Map<string, readonly [Uint8Array, Uint8Array]>();
  for (const { key, value } of changes.changes) {
    const name = Buffer.from(key).toString('hex');
    if (value === undefined) rows.delete(name);
    else rows.set(name, [key, value]);
  }
  const lessor = new Lessor({ minTtlSeconds, electionTimeoutMs, revokeRetryMs });
  for (const row of rows.values()) lessor.restore(row);
  expect(new Set(lessor.list())).toEqual(new Set(model.leases.keys()));
  for (const [one, lease] of model.leases) {
    expect(lessor.timeToLive(one, 0)?.grantedTtlSeconds).toBe(lease.ttlSeconds);
    expect(lessor.hasCheckpoint(one)).toBe(lease.remainingTtlSeconds > 0);
  }
}
