import { expect, test } from 'vitest';
import { Renewals } from '../src/lease/renewals.ts';

function newRenewals() {
  const sent: bigint[] = [];
  const heard: string[] = [];
  const renewals = new Renewals((leaseId) => sent.push(leaseId));
  const ask = (leaseId: bigint, name: string): void =>
    renewals.ask(leaseId, {
      answered: (response) => heard.push(`${name} ${response.length}`),
      failed: (error) => heard.push(`${name} ${String(error)}`),
    });
  return { sent, heard, renewals, ask };
}

const response = (length: number) => new Uint8Array(length);

test('who asks while a renewal is under way shares the next one with all others who do', () => {
  const { sent, heard, renewals, ask } = newRenewals();
  ask(1n, 'first');
  ask(1n, 'second');
  ask(1n, 'third');
  expect(sent).toEqual([1n]);
  renewals.answered(1n, response(10));
  expect(sent).toEqual([1n, 1n]);
  expect(heard).toEqual(['first 10']);
  renewals.answered(1n, response(20));
  expect(heard).toEqual(['first 10', 'second 20', 'third 20']);
  expect([sent.length, renewals.size]).toEqual([2, 0]);
});

test('leases do not wait for each other', () => {
  const { sent, heard, renewals, ask } = newRenewals();
  ask(1n, 'one');
  ask(2n, 'two');
  expect(sent).toEqual([1n, 2n]);
  renewals.answered(2n, response(1));
  expect(heard).toEqual(['two 1']);
});

test('on a new stream all that is not answered is asked for again, once', () => {
  const { sent, renewals, ask } = newRenewals();
  ask(1n, 'a');
  ask(1n, 'b');
  ask(2n, 'c');
  renewals.askAgain();
  expect(sent).toEqual([1n, 2n, 1n, 2n]);
});

test('a refusal is for the renewal that was to be answered next', () => {
  const { heard, renewals, ask } = newRenewals();
  ask(1n, 'a');
  ask(2n, 'b');
  ask(1n, 'c');
  renewals.failOldest('denied');
  expect(heard).toEqual(['a denied', 'c denied']);
  renewals.answered(2n, response(3));
  expect(heard.at(-1)).toBe('b 3');
});

test('when the cluster cannot be reached all who wait are told', () => {
  const { heard, renewals, ask } = newRenewals();
  ask(1n, 'a');
  ask(2n, 'b');
  renewals.failAll('gone');
  expect(heard).toEqual(['a gone', 'b gone']);
  renewals.answered(1n, response(1)); // Of nobody's.
  expect(renewals.size).toBe(0);
});
