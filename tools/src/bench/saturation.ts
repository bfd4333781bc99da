import type { Placement } from './placement.ts';
import type { Contender, RowSide } from './results.ts';

/** Nearly all of a core: what is left goes to others on the machine. */
const nearlyAll = 0.9;

/**
 * What was used up while a row was measured, so that more was not to be had: the generator or the server (all of
 * the cores it may use; of Quorate the one thread of each member), or all cores by both together. Where nothing was, whoever
 * asked waited: for the disk when it wrote, else for one to wake the other.
 */
export function saturationOf(
  { perSecond, cpuMicros, generatorMicros }: RowSide,
  where: {
    readonly contender: Contender;
    readonly placement: Placement;
    readonly cores: number;
    readonly writes: boolean;
    /** How many members there are; their CPU is counted together. */
    readonly members: number;
  },
): 'generator' | 'server' | 'all cores' | 'disk' | 'waking' {
  const { contender, placement, cores, writes, members } = where;
  const coresOf = (micros: number): number => (perSecond.median * micros) / 1e6;
  const server = coresOf(cpuMicros.median);
  const generator = coresOf(generatorMicros.median);
  if (generator >= nearlyAll) return 'generator';
  const serverCores = placement === 'pinned' ? 1 : contender === 'quorate' ? Math.min(cores, members) : cores;
  if (server >= nearlyAll * serverCores) return 'server';
  if (placement === 'shared' && server + generator >= nearlyAll * cores) return 'all cores';
  return writes ? 'disk' : 'waking';
}
