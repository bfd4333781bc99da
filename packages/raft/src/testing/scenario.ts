import { Story } from './story.ts';

/** A block of a scenario: prose and commands, and what came of them. */
interface Block {
  readonly lines: readonly string[];
  readonly expected: readonly string[];
}

/** A scenario as it reads after it was run. */
export interface ScenarioResult {
  /** The text, with the outputs there really were. */
  readonly actual: string;
  /** Whether all outputs were as written. */
  readonly isAsWritten: boolean;
}

const divider = '----';

/**
 * Runs a scenario: a text of blocks, each of them prose (lines that begin with `#`), commands, a divider, and the
 * output of the commands up to an empty line. `Story` says which commands there are.
 *
 *     # A single voter needs nobody else.
 *     campaign 1
 *     ----
 *     1 is leader, term 2
 *
 * @throws Error when a command is none, or a node breaks an invariant
 */
export function runScenario(text: string): ScenarioResult {
  const story = new Story();
  const blocks = parse(text).map(({ lines, expected }) => {
    const commands = lines.filter((line) => line !== '' && !line.startsWith('#'));
    const output = commands.flatMap((command) => tell(story, command));
    return { lines, expected, output: output.length > 0 ? output : ['(nothing happens)'] };
  });
  const actual =
    blocks.map(({ lines, output }) => [...lines, divider, ...output].join('\n')).join('\n\n') + '\n';
  return {
    actual,
    isAsWritten: blocks.every(({ expected, output }) => expected.join('\n') === output.join('\n')),
  };
}

function tell(story: Story, command: string): readonly string[] {
  try {
    return story.tell(command);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`"${command}" fails: ${reason}`, { cause });
  }
}

function parse(text: string): Block[] {
  const blocks: Block[] = [];
  let lines: string[] = [];
  let expected: string[] | undefined;
  for (const line of [...text.trimEnd().split('\n'), '']) {
    if (expected === undefined && line === divider) expected = [];
    else if (expected !== undefined && line !== '') expected.push(line);
    else if (expected !== undefined) {
      blocks.push({ lines, expected });
      lines = [];
      expected = undefined;
    } else lines.push(line);
  }
  while (lines.at(-1) === '') lines.pop();
  if (lines.length > 0) throw new Error(`a block has no ${divider}: ${lines.join(' / ')}`);
  return blocks;
}
