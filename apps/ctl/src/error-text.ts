import { bytesOfText, type ByteString } from './byte-string.ts';

/** What an error says, as bytes to print. */
export function errorText(error: unknown): ByteString {
  return bytesOfText(error instanceof Error ? error.message : String(error));
}
