import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

const memberStyles: readonly Style[] = ['cyan', 'green', 'magenta', 'blue', 'yellow', 'red'];
const levelStyles: Readonly<Record<string, Style>> = {
  debug: 'dim',
  warn: 'yellow',
  error: 'red',
  fatal: ['red', 'bold'],
};

/** Fields of a log line that stand at its beginning, or say what the prefix says. */
const shownElsewhere: ReadonlySet<string> = new Set(['level', 'time', 'msg', 'member']);

/** Writes lines of members under one another: who, when, what. Colours only where somebody looks. */
export class Printer {
  readonly #stream: { write(text: string): unknown };
  readonly #isColoured: boolean;

  constructor(stream: { write(text: string): unknown; readonly isTTY?: boolean }) {
    this.#stream = stream;
    this.#isColoured = stream.isTTY === true && !process.env['NO_COLOR'];
  }

  /** A line that a member has written: JSON of its log, or anything else. */
  memberLine(name: string, memberIndex: number, line: string): void {
    const style = memberStyles[memberIndex % memberStyles.length] ?? 'white';
    this.#stream.write(`${this.#style(style, `${name} |`)} ${this.#readable(line)}\n`);
  }

  /** A line of the cluster itself. */
  say(text: string): void {
    this.#stream.write(`${this.#style('bold', text)}\n`);
  }

  /** Several lines, as they are. */
  text(text: string): void {
    this.#stream.write(text);
  }

  #readable(line: string): string {
    const fields = jsonOf(line);
    if (fields === undefined || typeof fields['msg'] !== 'string') return line;
    const { time, level, msg } = fields;
    const clock = typeof time === 'string' ? (/T([\d:.]+)/.exec(time)?.[1] ?? time) : '';
    const word = typeof level === 'string' ? level : '';
    const others = Object.entries(fields)
      .filter(([key]) => !shownElsewhere.has(key))
      .map(([key, value]) => `${key}=${shown(value)}`)
      .join(' ');
    const style = levelStyles[word];
    const head = `${word.padEnd(5)} ${msg}`;
    return [this.#style('dim', clock), style ? this.#style(style, head) : head, this.#style('dim', others)]
      .filter((part) => part !== '')
      .join(' ');
  }

  #style(style: Style, text: string): string {
    // Whether this stream can show colours was decided once.
    return this.#isColoured && text !== '' ? styleText(style, text, { validateStream: false }) : text;
  }
}

function jsonOf(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    // A text that begins with a brace parses to an object or not at all.
    return value as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return /[\s=]/.test(value) ? JSON.stringify(value) : value;
  if (typeof value === 'object' && value !== null && 'message' in value) return JSON.stringify(value.message);
  return JSON.stringify(value);
}
