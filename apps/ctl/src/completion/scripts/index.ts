import { bash } from './bash.ts';
import { fish } from './fish.ts';
import { powershell } from './powershell.ts';
import { zsh } from './zsh.ts';

/** The completion script of each shell, by its name. */
export const scripts: ReadonlyMap<string, string> = new Map([
  ['bash', bash],
  ['fish', fish],
  ['powershell', powershell],
  ['zsh', zsh],
]);
