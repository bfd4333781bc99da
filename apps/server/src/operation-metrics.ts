import type { ReplicaObserver } from '@quorate/replica';
import { raftRequestField } from '@quorate/wire';
import type { Registry } from 'prom-client';
import { DurationTallies } from './duration-tallies.ts';

type Observe = (durationMs: number) => void;

/** From a tenth of a millisecond on, up to 52 seconds, as etcd's. */
const bounds = { firstSeconds: 0.0001, bounds: 20 };

/** Times of requests applied and of ranges read, under etcd's names (reference: metrics). */
export function operationObserver(
  registry: Registry,
): Required<Pick<ReplicaObserver, 'onOperation' | 'onRange'>> {
  const applied = new DurationTallies(registry, {
    ...bounds,
    name: 'etcd_server_apply_duration_seconds',
    help: 'Time to apply a request of the log.',
  });
  const ranges = new DurationTallies(registry, {
    ...bounds,
    name: 'etcd_server_range_duration_seconds',
    help: 'Time to read the store for a range.',
  });
  const bySuccess = (series: (success: string) => Observe) => ({
    good: series('true'),
    bad: series('false'),
  });
  const read = bySuccess((success) => ranges.series({ success }));
  const byField = new Map<number, ReturnType<typeof bySuccess>>(
    Object.entries(raftRequestField).map(([name, field]) => {
      const op = name.charAt(0).toUpperCase() + name.slice(1);
      const version = name === 'v2' ? 'v2' : 'v3';
      return [field, bySuccess((success) => applied.series({ version, op, success }))];
    }),
  );
  return {
    onOperation: (requestField, ok, durationMs) => {
      const observe = byField.get(requestField);
      if (ok) observe?.good(durationMs);
      else observe?.bad(durationMs);
    },
    onRange: (ok, durationMs) => (ok ? read.good : read.bad)(durationMs),
  };
}
