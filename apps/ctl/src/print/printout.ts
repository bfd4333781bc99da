import type { ByteString } from '../byte-string.ts';
import { ExitError } from '../exit.ts';
import type { JsonValue } from '../go/json.ts';

/** The formats there are, as `--write-out` names them. */
export const formats = ['fields', 'json', 'protobuf', 'simple', 'table'] as const;

/** A format of output. */
export type Format = (typeof formats)[number];

/**
 * A result in the formats it has. Text includes the end of its last line, JSON does not, protobuf is the
 * message's bytes and nothing else.
 */
export interface Printout {
  readonly simple: () => ByteString;
  readonly fields?: () => ByteString;
  readonly json?: () => JsonValue;
  readonly protobuf?: () => Uint8Array;
  readonly table?: () => ByteString;
}

/** Whether a text names a format. */
export function isFormat(text: string): text is Format {
  return (formats as readonly string[]).includes(text);
}

/** What a user is told who asks for a format that a result does not have. */
export function unsupported(format: Format): ExitError {
  return new ExitError('badFeature', `${format} not supported as output format`);
}
