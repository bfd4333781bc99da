import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';

const mebi = 1024 * 1024;
const checkMs = 50;

/**
 * V8 lets its young generation grow to 128 MiB as soon as a few requests are under way at once, and holds on to that.
 * Beyond 32 MiB it gains hardly anything: 100,000 puts took 3.9 rather than 3.7 s of CPU, and 100 MiB less.
 */
const youngBytesMax = 32 * mebi;

/**
 * What is received lies outside of V8's heap. For each 64 MiB of it V8 collects all garbage, in long steps, and so it does
 * when a small heap has become half as large again: whoever sends much holds all others up, for 16 to 20 ms of each second
 * (docs/abuse.md, requests that never end). Most of it would have been gone with the next young collection.
 *
 * While heap and memory outside are less than this together, they are counted as one, as V8 does by itself since 14.8, and
 * may become three times what was in use; V8 goes up to four times. A larger store is left to V8, which takes less memory.
 */
const smallBytesMax = 256 * mebi;
const growingPercent = 200;

/**
 * Keeps the heap of this process small, and its stops short. Limits can only be given to Node at the start, but some of what
 * V8 goes by is asked at each collection. The returned function ends it.
 */
export function tuneHeap(): () => void {
  const checks = [youngGeneration()];
  if (knowsExternalFlag(process.versions.v8)) checks.push(allGenerations());
  const check = (): void => {
    for (const one of checks) one();
  };
  const timer = setInterval(check, checkMs).unref();
  check();
  return () => clearInterval(timer);
}

function youngGeneration(): () => void {
  const mayGrow = newSwitch({ on: '--semi-space-growth-factor=2', off: '--semi-space-growth-factor=1' });
  return () => {
    const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
    mayGrow((space?.space_size ?? 0) < youngBytesMax);
  };
}

function allGenerations(): () => void {
  const isCounted = newSwitch({
    on: '--external-memory-accounted-in-global-limit',
    off: '--no-external-memory-accounted-in-global-limit',
  });
  const growsFast = newSwitch({
    on: `--heap-growing-percent=${growingPercent}`,
    off: '--heap-growing-percent=0', // As V8 sees fit.
  });
  return () => {
    const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics();
    const isSmall = heapBytes + externalBytes < smallBytesMax;
    isCounted(isSmall);
    growsFast(isSmall);
  };
}

/** Sets a flag of V8 when it changes. */
function newSwitch(flags: { readonly on: string; readonly off: string }): (isOn: boolean) => void {
  let wasOn: boolean | undefined;
  return (isOn) => {
    if (isOn !== wasOn) setFlagsFromString(isOn ? flags.on : flags.off);
    wasOn = isOn;
  };
}

/** Whether a version of V8, e.g. `13.6.233.17-node.53`, has the flag: older ones cannot do it, later ones do nothing else. */
export function knowsExternalFlag(v8Version: string): boolean {
  const [major = 0, minor = 0] = v8Version.split('.').map(Number);
  const version = major + minor / 10; // Minor versions are digits.
  return version >= 13.6 && version < 14.8;
}
