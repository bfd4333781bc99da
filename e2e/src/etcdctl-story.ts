import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerPair, sides, type SideName } from './differential/server-pair.ts';
import { etcdctl, type CtlCommand, type CtlOutcome } from './etcdctl.ts';

/**
 * A step of a story: `{lease}` stands for the ID of the lease that an earlier step was granted, `{file}` for a file of
 * its own.
 */
export interface Step extends CtlCommand {
  /** What differs between two servers of the same state, and may. */
  readonly mask?: readonly RegExp[];
  readonly grantsLease?: boolean;
}

/** What a command came to, in words that are the same for both servers. */
export interface ToldStep {
  readonly command: string;
  readonly outcome: CtlOutcome;
}

/** A step from a command line whose arguments have no blanks. */
export function line(text: string, more: Omit<Step, 'args'> = {}): Step {
  return { args: text.split(' '), ...more };
}

export function inAllFormats(text: string, more: Omit<Step, 'args'> = {}): Step[] {
  return ['simple', 'json', 'fields', 'table', 'protobuf'].map((format) =>
    line(`${text} -w ${format}`, more),
  );
}

/** The same without tables and protobuf, whose widths and lengths follow from what is masked. */
export function inLineFormats(text: string, more: Omit<Step, 'args'> = {}): Step[] {
  return ['simple', 'json', 'fields'].map((format) => line(`${text} -w ${format}`, more));
}

/** Tells a story to Quorate and to a real etcd, each a cluster of one member, by the real etcdctl. */
export async function tellBoth(
  story: readonly Step[],
  flags: readonly string[],
): Promise<Readonly<Record<SideName, readonly ToldStep[]>>> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-etcdctl-'));
  try {
    await using pair = await ServerPair.start({ folder, flags });
    const [quorate, etcd] = await Promise.all(
      sides.map((side) => tell(story, { endpoint: pair.members[side].endpoint, folder, side })),
    );
    return { quorate: quorate!, etcd: etcd! };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Listener {
  readonly endpoint: string;
  readonly folder: string;
  readonly side: SideName;
}

/** Runs the story against one of the servers; what differs has one name for both. */
async function tell(story: readonly Step[], { endpoint, folder, side }: Listener): Promise<ToldStep[]> {
  let lease = 'none';
  const file = join(folder, `${side}.snapshot`);
  const told = [];
  for (const step of story) {
    const args = step.args.map((argument) => argument.replace('{lease}', lease).replace('{file}', file));
    const outcome = await etcdctl(endpoint, { ...step, args });
    if (step.grantsLease === true) lease = /lease (\w+) granted/.exec(outcome.stdout)?.[1] ?? side;
    const masked = (text: string): string => {
      let result = text.replaceAll(endpoint, '<endpoint>').replaceAll(lease, '<lease>');
      result = result.replaceAll(file, '<file>');
      result = result.replaceAll(
        BigInt(lease === 'none' ? '0x7fffffffffffffff' : `0x${lease}`).toString(),
        '<lease>',
      );
      for (const pattern of step.mask ?? []) result = result.replace(pattern, '<masked>');
      return result;
    };
    told.push({
      command: step.args.join(' '),
      outcome: { ...outcome, stdout: masked(outcome.stdout), error: masked(outcome.error) },
    });
  }
  return told;
}
