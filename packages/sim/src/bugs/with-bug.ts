import type { PlantedBug } from './planted-bug.ts';

/** The text of a file with the bug in it. @throws Error when a text to be replaced is not there exactly once */
export function withBug(text: string, bug: PlantedBug): string {
  let changed = text;
  for (const { find, replace } of bug.edits) {
    const parts = changed.split(find);
    if (parts.length !== 2) {
      throw new Error(`bug ${bug.name}: "${find}" occurs ${parts.length - 1} times in ${bug.file}, not once`);
    }
    changed = parts.join(replace);
  }
  return changed;
}
