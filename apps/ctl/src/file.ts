import type { BoltSource } from '@quorate/bolt';
import { fromLatin1 } from '@quorate/std';
import { open, type FileHandle } from 'node:fs/promises';
import { getSystemErrorMessage } from 'node:util';
import type { ByteString } from './byte-string.ts';
import { errorText } from './error-text.ts';

/** A path byte for byte, as it was typed. */
export function pathOf(file: ByteString): Buffer {
  return Buffer.from(fromLatin1(file));
}

/** What the system says of an error, without what Node puts around it. */
export function systemText(error: unknown): ByteString {
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return getSystemErrorMessage(error.errno);
  }
  return errorText(error);
}

/** A file that is read here and there. */
export class SourceFile implements BoltSource, AsyncDisposable {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** @throws as `open` of node:fs */
  static async open(file: ByteString): Promise<SourceFile> {
    return new SourceFile(await open(pathOf(file)));
  }

  async size(): Promise<number> {
    const { size } = await this.#handle.stat();
    return size;
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      const { bytesRead } = await this.#handle.read(bytes, filled, size - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
