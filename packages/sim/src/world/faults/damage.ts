import type { Machine } from '../machine.ts';
import type { Stage } from './nemesis.ts';

const walDir = '/data/member/wal';

/** A machine burns down: its disk is new, and the crew replaces its member. */
export async function wipe(stage: Stage): Promise<void> {
  const machine = pickVictim(stage);
  if (machine === undefined) return;
  stage.world.tally.note('machine wiped');
  stage.world.timeline.trace.note(`${machine.name} burns down`);
  stage.crew.giveUp(machine);
  machine.crash('power');
  machine.wipe();
}

/**
 * Bits of the log turn over while the machine is down. Its member must notice, and refuse to start or do without
 * what is damaged; it must never take it for good.
 */
export async function bitRot(stage: Stage): Promise<void> {
  const { chance, world } = stage;
  const machine = pickVictim(stage);
  if (machine === undefined) return;
  machine.crash(chance.pick(['process', 'power'] as const));
  const names = (await machine.files.list(walDir)).filter((name) => name.endsWith('.wal'));
  if (names.length === 0) return;
  const path = `${walDir}/${chance.pick(names)}`;
  const bytes = machine.files.bytesOf(path);
  // Behind the records there are zeros, which mean nothing: the damage shall be to what is used.
  const used = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const file = await machine.files.open(path, 'write');
  const count = chance.count(1, 3);
  for (let i = 0; i < count && used > 0; i++) {
    const offset = chance.below(used);
    await file.write(offset, Uint8Array.of(bytes[offset]! ^ (1 << chance.below(8))));
    world.timeline.trace.note(`${machine.name}: a bit of ${path} turns over at ${offset}`);
  }
  await file.sync();
  world.tally.note('bits of the log turned over');
}

function pickVictim({ crew, chance, atlas }: Stage): Machine | undefined {
  const candidates = crew.machines.filter((machine) => machine.lives > 0 && machine.state !== 'refused');
  const machine = candidates.length === 0 ? undefined : chance.pick(candidates);
  return machine !== undefined && atlas.mayDamage(machine) ? machine : undefined;
}
