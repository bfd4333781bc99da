/** A command of a shell script: its words without quotes, and where it stands. */
export interface ShellCommand {
  readonly words: readonly string[];
  /** The line of the script where it begins, from 0. */
  readonly line: number;
}

const operators = /^(?:\|\||&&|;;|[|;&()]|\d*>>?&?|\d*<)/;

/**
 * The simple commands of a script, those inside `$(…)`, `<(…)` and quoted ones of `sh -c` included; assignments and
 * redirections are left out. It knows what documents use of a shell, and no more: here-documents, for instance, are text
 * until they end.
 */
export function shellCommands(script: string): ShellCommand[] {
  const commands: ShellCommand[] = [];
  let words: string[] = [];
  let word: string | undefined;
  let line = 0;
  let startLine = 0;
  let skipsWord = false;
  const endWord = (): void => {
    if (word === undefined) return;
    const isAssignment = words.length === 0 && /^\w+=/.test(word);
    if (words.length === 0 && !isAssignment) startLine = line;
    if (!skipsWord && !isAssignment) words.push(word);
    skipsWord = false;
    word = undefined;
  };
  const endCommand = (): void => {
    endWord();
    const meant = words.slice(words.findIndex((each) => !keywords.has(each)));
    if (words.some((each) => !keywords.has(each))) commands.push({ words: meant, line: startLine });
    words = [];
  };
  const text = withoutHereDocuments(script);
  for (let at = 0; at < text.length; at++) {
    const rest = text.slice(at);
    const char = text[at] ?? '';
    if (rest.startsWith('\\\n')) {
      at++;
      line++;
      endWord();
    } else if (char === '\n') {
      endCommand();
      line++;
    } else if (char === '#' && word === undefined) {
      at += rest.search(/\n|$/) - 1;
    } else if (rest.startsWith('$(') || rest.startsWith('<(')) {
      const inner = balanced(text, at + 1);
      commands.push(...innerCommands(inner, line));
      word = `${word ?? ''}$(…)`;
      at += inner.length + 2;
    } else if (char === "'" || char === '"') {
      const { value, length } = quoted(text, at);
      if (char === '"')
        for (const { words: inside } of commandsInQuotes(value)) commands.push({ words: inside, line });
      word = `${word ?? ''}${value}`;
      line += value.split('\n').length - 1;
      at += length - 1;
    } else if (char === '\\') {
      word = `${word ?? ''}${text[++at] ?? ''}`;
    } else if (char === ' ' || char === '\t') endWord();
    else {
      const [operator] = operators.exec(rest) ?? [];
      // A number is of the redirection behind it only when it stands alone.
      if (operator === undefined || (word !== undefined && /^\d/.test(operator)))
        word = `${word ?? ''}${char}`;
      else {
        if (/[<>]/.test(operator)) {
          endWord();
          skipsWord = true;
        } else endCommand();
        at += operator.length - 1;
      }
    }
  }
  endCommand();
  return commands;
}

/** Words in front of a command that are none themselves. */
const keywords = new Set([
  'if',
  'then',
  'else',
  'while',
  'until',
  'do',
  'done',
  'fi',
  'for',
  'exec',
  'time',
  '!',
  '{',
  '}',
  'sudo',
]);

function innerCommands(script: string, line: number): ShellCommand[] {
  return shellCommands(script).map((command) => ({ ...command, line: line + command.line }));
}

/** What is run inside of double quotes. */
function commandsInQuotes(text: string): ShellCommand[] {
  const at = text.indexOf('$(');
  return at < 0 ? [] : shellCommands(balanced(text, at + 1));
}

/** The text between the bracket at a place and the one that closes it. */
function balanced(text: string, open: number): string {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '(') depth++;
    if (text[at] === ')' && --depth === 0) return text.slice(open + 1, at);
  }
  return text.slice(open + 1);
}

function quoted(text: string, at: number): { readonly value: string; readonly length: number } {
  const quote = text[at];
  let value = '';
  for (let end = at + 1; end < text.length; end++) {
    const char = text[end] ?? '';
    if (char === quote) return { value, length: end - at + 1 };
    if (quote === '"' && char === '\\') value += text[++end] ?? '';
    else value += char;
  }
  return { value, length: text.length - at };
}

/** A script without the text of its here-documents; its lines stay. */
function withoutHereDocuments(script: string): string {
  return script.replace(
    /<<-?\s*['"]?(\w+)['"]?([^\n]*)\n([\s\S]*?)\n\s*\1(?=\n|$)/g,
    (_, _word, rest: string, body: string) => `${rest}${'\n'.repeat(body.split('\n').length + 1)}`,
  );
}
