import { spawnSync } from 'node:child_process';
import { access, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Load } from '../src/load.ts';
import { startQuorate, type MemberProcess } from '../src/member-process.ts';
import { logLinesOf } from '../src/run-quorate.ts';

vi.setConfig({ testTimeout: 120_000 });

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'quorate-fault-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** Whether system calls of a process can be made to fail here. */
const canInject =
  spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', '-e', 'inject=pwrite64:error=EIO', 'true']).status ===
  0;
const canMount = process.getuid?.() === 0 && mountWorks();

/** The member said once why it cannot go on, and ended with 1. */
async function expectFatalEnd(member: MemberProcess): Promise<void> {
  expect(await member.exited).toBe(1);
  const fatal = logLinesOf(member.output).filter(({ level }) => level === 'fatal');
  expect(fatal.map(({ msg }) => msg)).toEqual(['the member cannot go on and stops']);
}

// Without strace, or where it may not trace, this is skipped.
test.skipIf(!canInject).each([12, 25, 50])(
  'a durable write that fails (from the %ith of a thread on) stops the member, and nothing is acknowledged that is not on disk',
  async (when) => {
    const [dataDir, trace] = [join(dir, 'data'), join(dir, 'trace')];
    const segment = join(dataDir, 'member', 'wal', '0000000000000000-0000000000000000.wal');
    await using member = await startQuorate({
      dataDir,
      // -D: the member stays our child and the tracer is its grandchild.
      wrapper: [
        ...['strace', '-D', '-f', '-qq', '-s', '0', '-o', trace, '-P', segment, '-e', 'trace=pwrite64'],
        ...['-e', `inject=pwrite64:error=EIO:when=${when}+`],
      ],
    });
    const load = new Load(member.endpoint, { writers: 1 });
    await expectFatalEnd(member);
    await load.end();
    // The zeros ahead of the log may fail, and harm nobody.
    const writes = writesOf(await readFile(trace, 'utf8')).filter(({ bytes }) => bytes < zeroSliceBytes);
    // Nothing is tried again after the write that failed.
    expect(writes.findIndex(({ result }) => result.includes('EIO'))).toBe(writes.length - 1);
    // One writer waits for each of its writes, so every one of them has a durable write of its own.
    const succeeded = writes.length - 1;
    expect(load.acknowledgedCount).toBeGreaterThan(0);
    expect(load.acknowledgedCount).toBeLessThanOrEqual(succeeded);
    // What the next one reads of the segment may be in memory alone, so it is told to write that again.
    const doubtful = (): Promise<boolean> => exists(`${segment}.doubtful`);
    expect(await doubtful()).toBe(true);
    await using again = await startQuorate({ dataDir });
    expect(await doubtful()).toBe(false);
    await load.verify(again.endpoint);
    expect(await again.stop()).toBe(143);
  },
);

// Only root may mount a small disk.
test.skipIf(!canMount)(
  'a disk that is full stops the member; with more room everything is there',
  async () => {
    const disk = join(dir, 'disk');
    await mkdir(disk);
    // Room for the store and one segment of the log: the next one cannot be made ahead.
    mount(['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', disk]);
    try {
      const dataDir = join(disk, 'data');
      await using member = await startQuorate({ dataDir });
      const load = new Load(member.endpoint, { writers: 4, valueBytes: 1024 * 1024 });
      await expectFatalEnd(member);
      await load.end();
      expect(load.acknowledgedCount).toBeGreaterThan(0);
      mount(['-o', 'remount,size=600m', disk]);
      await using again = await startQuorate({ dataDir });
      await load.verify(again.endpoint);
      expect(await again.stop()).toBe(143);
    } finally {
      spawnSync('umount', [disk]);
    }
  },
);

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** What is written of zeros at once is no less; records of one put are far smaller. */
const zeroSliceBytes = 16 * 1024;

/**
 * The writes in a trace, in the order in which they ended. One that others ran into is on two lines, the second without
 * what was written; one that the end of the process cut off has no result.
 */
function writesOf(trace: string): { readonly bytes: number; readonly result: string }[] {
  const writes: { bytes: number; result: string }[] = [];
  const bytesOfThread = new Map<string, number>();
  for (const line of trace.split('\n')) {
    const [, thread = '', bytes] = /^(\d+) +(?:pwrite64\(\d+, ""\.*, (\d+), )?/.exec(line) ?? [];
    if (bytes !== undefined) bytesOfThread.set(thread, Number(bytes));
    const result = /= (\d+|-1 .*)$/.exec(line)?.[1];
    if (line.includes('pwrite64') && result !== undefined)
      writes.push({ bytes: bytesOfThread.get(thread) ?? 0, result });
  }
  return writes;
}

function mount(args: readonly string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount ${args.join(' ')} failed: ${stderr}`);
}

function mountWorks(): boolean {
  const probe = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]);
  return probe.status === 0;
}
