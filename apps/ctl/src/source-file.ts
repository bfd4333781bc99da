import type { BoltSource } from '@quorate/bolt';
import type { ByteString } from './byte-string.ts';
import { ExitError } from './exit.ts';
import { SourceFile, systemText } from './file.ts';

/** A file that is opened when it is first read, so that what is wrong beside it is said before. */
export class LazyFile implements BoltSource, AsyncDisposable {
  readonly #path: ByteString;
  readonly #onRead: (bytes: number) => void;
  #file: SourceFile | undefined;

  /** @param onRead told of bytes when they were read */
  constructor(path: ByteString, onRead: (bytes: number) => void = () => undefined) {
    this.#path = path;
    this.#onRead = onRead;
  }

  async size(): Promise<number> {
    return (await this.#open()).size();
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    const bytes = await (await this.#open()).read(offset, size);
    this.#onRead(bytes.length);
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.[Symbol.asyncDispose]();
  }

  /** @throws ExitError with the words of Go */
  async #open(): Promise<SourceFile> {
    if (this.#file !== undefined) return this.#file;
    try {
      this.#file = await SourceFile.open(this.#path);
    } catch (error) {
      throw new ExitError('error', `open ${this.#path}: ${systemText(error)}`, { cause: error });
    }
    return this.#file;
  }
}
