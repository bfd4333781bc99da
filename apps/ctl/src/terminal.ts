import { readFileSync } from 'node:fs';
import { fromLatin1, toLatin1 } from '@quorate/std';
import { bytesOfText, type ByteString } from './byte-string.ts';
import { ExitError } from './exit.ts';
import type { LiveScreen } from './live-screen.ts';
import { runProgram } from './program.ts';

/** What the program sees of the world beside the cluster. Tests give one of their own. */
export interface Terminal {
  /** What follows the program's name on the command line. */
  readonly argv: readonly ByteString[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: LineReader;
  out(text: ByteString): void;
  err(text: ByteString): void;
  /** stderr, if it is a terminal that somebody looks at. */
  readonly errorTerminal?: NodeJS.WritableStream | undefined;
  /** stdout, if it is a terminal that somebody looks at. */
  readonly outputTerminal?: OutputTerminal | undefined;
  /** Asks for a line that is not shown while it is typed; empty when there is none. @throws ExitError when given up */
  askSecret(prompt: ByteString): Promise<ByteString>;
  /** Runs a program with our stdout and stderr, and what `env` adds to our environment. */
  readonly exec: typeof runProgram;
  /** Calls the listener when somebody wants us to end, in place of ending. Without this nobody ever does. */
  onInterrupt?(listener: (signal: InterruptSignal) => void): Disposable;
}

/** A terminal to draw on. */
export interface OutputTerminal {
  /** Takes the terminal for a picture that is drawn again and again, until it is disposed. */
  openScreen(): Promise<LiveScreen>;
}

/** Signals by which somebody wants a program to end. */
const interrupts = ['SIGINT', 'SIGTERM'] as const;
/** Ctrl-C, or what `kill` sends. */
export type InterruptSignal = (typeof interrupts)[number];

/** What a terminal in raw mode sends for Ctrl-C, Ctrl-D and Ctrl-U. */
const interrupt = '\x03';
const endOfInput = '\x04';
const deleteAll = '\x15';
/** A byte, or the bytes of a character in UTF-8. */
const lastCharacter = /(?:[\xc0-\xff][\x80-\xbf]*|[^])$/;

/** Reads lines, or all that is left, from a stream of chunks. */
export class LineReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #buffered: ByteString = '';

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next line without its end; undefined when the input ends before one. */
  async line(): Promise<ByteString | undefined> {
    for (;;) {
      const end = this.#buffered.indexOf('\n');
      if (end >= 0) {
        const line = this.#buffered.slice(0, end);
        this.#buffered = this.#buffered.slice(end + 1);
        return line;
      }
      if (!(await this.#fill())) return undefined;
    }
  }

  /** The next line without its end, which it need not have. */
  async lineOrRest(): Promise<ByteString> {
    return (await this.line()) ?? (await this.rest());
  }

  /**
   * A line from a terminal in raw mode, where deleting and ending it are up to us. Undefined when it was given up
   * (Ctrl-C).
   */
  async typedLine(): Promise<ByteString | undefined> {
    let line = '';
    for (;;) {
      if (this.#buffered === '' && !(await this.#fill())) return line;
      const key = this.#buffered.charAt(0);
      this.#buffered = this.#buffered.slice(1);
      if (key === '\r' || key === '\n' || (key === endOfInput && line === '')) return line;
      if (key === interrupt) return undefined;
      if (key === deleteAll) line = '';
      else if (key === '\b' || key === '\x7f') line = line.replace(lastCharacter, '');
      else line += key;
    }
  }

  /** All that is left. */
  async rest(): Promise<ByteString> {
    while (await this.#fill());
    const rest = this.#buffered;
    this.#buffered = '';
    return rest;
  }

  async #fill(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    this.#buffered += toLatin1(next.value);
    return true;
  }
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const stdin = new LineReader(standardInput());
  return {
    argv: processArguments(),
    env: process.env,
    stdin,
    askSecret: (prompt) => askSecret(prompt, stdin),
    out: (text) => void process.stdout.write(fromLatin1(text)),
    err: (text) => void process.stderr.write(fromLatin1(text)),
    errorTerminal: process.stderr.isTTY ? process.stderr : undefined,
    outputTerminal: process.stdout.isTTY
      ? { openScreen: async () => (await import('./live-screen.ts')).openScreen() }
      : undefined,
    exec: runProgram,
    onInterrupt,
  };
}

/**
 * Where nobody types, the secret is the next line of stdin; where somebody does, what is typed is not shown. The
 * prompt goes to stdout, as etcdctl's does, unless somebody types and stdout goes elsewhere.
 */
async function askSecret(prompt: ByteString, stdin: LineReader): Promise<ByteString> {
  const isTyped = process.stdin.isTTY;
  const seen = isTyped && !process.stdout.isTTY ? process.stderr : process.stdout;
  // Before the prompt invites to type.
  if (isTyped) process.stdin.setRawMode(true);
  seen.write(fromLatin1(prompt));
  try {
    const line = isTyped ? await stdin.typedLine() : await stdin.lineOrRest();
    if (line === undefined) throw new ExitError('givenUp');
    return line;
  } finally {
    if (isTyped) process.stdin.setRawMode(false);
    // The end of the line that was typed is not shown, either.
    seen.write('\n');
  }
}

/** stdin is opened when first read, so that a command that does not read it does not wait for its end. */
async function* standardInput(): AsyncGenerator<Uint8Array, void, undefined> {
  // Without an encoding set, what stdin yields are Buffers.
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) yield chunk;
}

/**
 * The arguments, byte for byte. Node decodes them as UTF-8 and loses what is none; where that happened, Linux
 * still has the bytes.
 */
function processArguments(): ByteString[] {
  const decoded = process.argv.slice(2);
  if (!decoded.some((argument) => argument.includes('\ufffd'))) return decoded.map(bytesOfText);
  try {
    const all = toLatin1(readFileSync('/proc/self/cmdline')).split('\0').slice(0, -1);
    return all.slice(all.length - decoded.length);
  } catch {
    return decoded.map(bytesOfText);
  }
}

function onInterrupt(listener: (signal: InterruptSignal) => void): Disposable {
  for (const signal of interrupts) process.on(signal, listener);
  return {
    [Symbol.dispose]: () => {
      for (const signal of interrupts) process.off(signal, listener);
    },
  };
}
