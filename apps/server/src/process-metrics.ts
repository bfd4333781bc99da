import { readdirSync, readFileSync } from 'node:fs';
import type { MetricMaker } from './metric-maker.ts';
import { fileDescriptorLimit } from './open-files.ts';

/** What etcd tells of its process beside what Node's collectors do, where the system tells it. */
export function registerProcessMetrics(make: MetricMaker): void {
  registerDescriptors(make);
  const limits = textOf('/proc/self/limits');
  const addressSpace = /^Max address space\s+(\d+|unlimited)/m.exec(limits ?? '')?.[1];
  if (addressSpace !== undefined)
    make.gauge('process_virtual_memory_max_bytes', 'Bytes of memory that may be mapped.', () =>
      // As Go's collector tells that there is no limit.
      addressSpace === 'unlimited' ? 2 ** 64 : Number(addressSpace),
    );
  if (networkBytes() === undefined) return;
  make.total(
    'process_network_receive_bytes_total',
    'Bytes received by all processes with the same network, as etcd counts them.',
    () => networkBytes()?.received ?? 0,
  );
  make.total(
    'process_network_transmit_bytes_total',
    'Bytes sent by all processes with the same network, as etcd counts them.',
    () => networkBytes()?.sent ?? 0,
  );
}

function registerDescriptors(make: MetricMaker): void {
  const limit = fileDescriptorLimit();
  // Only Linux has these files; there is nothing to tell elsewhere.
  if (limit === undefined) return;
  make.gauge('os_fd_used', 'Open file descriptors.', () => readdirSync('/proc/self/fd').length);
  make.gauge('os_fd_limit', 'File descriptors allowed.', () => limit);
}

/** Two lines begin with `IpExt:`: names, and numbers at the same places. */
function networkBytes(): { readonly received: number; readonly sent: number } | undefined {
  const lines = textOf('/proc/self/net/netstat')?.split('\n') ?? [];
  const [names, numbers] = lines.filter((line) => line.startsWith('IpExt: ')).map((line) => line.split(' '));
  if (names === undefined || numbers === undefined) return undefined;
  const numberOf = (name: string): number => Number(numbers[names.indexOf(name)] ?? 0);
  return { received: numberOf('InOctets'), sent: numberOf('OutOctets') };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
