import type { Contenders } from './results.ts';

/** How many times as much as the better etcd Quorate has of something that is good to have. */
export function timesMore<T>({ quorate, etcd, tuned }: Contenders<T>, of: (side: T) => number): number {
  return of(quorate) / Math.max(of(etcd), tuned === undefined ? 0 : of(tuned));
}

/** How many times as much as Quorate the better etcd takes of something that is good to save. */
export function timesLess<T>({ quorate, etcd, tuned }: Contenders<T>, of: (side: T) => number): number {
  return Math.min(of(etcd), tuned === undefined ? Infinity : of(tuned)) / of(quorate);
}
