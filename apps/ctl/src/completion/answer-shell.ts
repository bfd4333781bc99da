import { bytesOfText, type ByteString } from '../byte-string.ts';
import { rootCommand } from '../commands.ts';
import type { Terminal } from '../terminal.ts';
import { completionsOf, type Completions } from './completions.ts';
import { lookUpIn } from './look-up.ts';

/** What a shell is told behind the candidates, as bits of a number: those of cobra's scripts, so that they work, too. */
const directives = { noSpace: 2, noFiles: 4, onlyFolders: 16 } as const;

/**
 * `__complete WORD…`: prints what fits in place of the last word, a candidate a line with its description behind a tab,
 * and at the end a colon with the directives. Whatever goes wrong, nothing is said of it, and the shell proposes nothing:
 * somebody is in the middle of typing.
 */
export async function answerShell(terminal: Terminal): Promise<void> {
  const [command, ...words] = terminal.argv;
  const completions = await completionsOf(rootCommand, words, (asked) => lookUpIn(terminal, asked));
  terminal.out(answerText(completions, command === '__complete'));
}

function answerText({ candidates, fallback }: Completions, described: boolean): ByteString {
  const lines = candidates.map(({ value, description }) =>
    described && description !== '' ? `${value}\t${bytesOfText(firstLine(description))}\n` : `${value}\n`,
  );
  // A folder, or a flag that waits for its value, goes on.
  const goesOn = candidates.some(({ value }) => /[/=]$/.test(value));
  const bits =
    (goesOn ? directives.noSpace : 0) +
    (fallback === 'nothing' ? directives.noFiles : 0) +
    (fallback === 'folders' ? directives.onlyFolders : 0);
  return `${lines.join('')}:${bits}\n`;
}

function firstLine(text: string): string {
  return text.replace(/[\t\n][^]*$/, '');
}
