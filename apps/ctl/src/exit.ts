import type { ByteString } from './byte-string.ts';

/** What etcdctl's exit codes mean. */
export const exitCodes = {
  success: 0,
  error: 1,
  badConnection: 2,
  invalidInput: 3,
  badFeature: 4,
  interrupted: 5,
  io: 6,
  badArguments: 128,
  /** A question was left with Ctrl-C. */
  givenUp: 255,
} as const;

/** The name of an exit code. */
export type ExitCode = keyof typeof exitCodes;

/** Ends the program: `message`, if there is one, goes to stderr behind `Error: `. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly code: ExitCode;
  /** The exit status: that of the code, or of a program that was run. */
  readonly status: number;
  /** The message as bytes, since it may quote what a user typed. */
  readonly text: ByteString | undefined;

  constructor(code: ExitCode, text?: ByteString, options: ErrorOptions & { readonly status?: number } = {}) {
    super(text ?? code, options);
    this.code = code;
    this.status = options.status ?? exitCodes[code];
    this.text = text;
  }
}
