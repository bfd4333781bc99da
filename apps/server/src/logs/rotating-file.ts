import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { LogBackups } from './log-backups.ts';
import type { RotationSettings } from './rotation-settings.ts';

/**
 * A log file that is put aside, and begun anew, before it grows beyond a size. Each line is whole in one file, and is with
 * the system when `write` returns. A line that is longer than that has a file of its own.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #settings: RotationSettings;
  readonly #now: () => Date;
  readonly #backups: LogBackups;
  #file: number;
  #bytes: number;
  #tidied: Promise<void>;

  /** @throws the system's error when the file cannot be opened */
  constructor(path: string, settings: RotationSettings, now: () => Date = () => new Date()) {
    this.#path = path;
    this.#settings = settings;
    this.#now = now;
    this.#backups = new LogBackups(path, settings);
    mkdirSync(dirname(path), { recursive: true });
    this.#file = openSync(path, 'a', 0o600);
    this.#bytes = fstatSync(this.#file).size;
    this.#tidied = this.#backups.tidy(now());
  }

  /** Resolves when the old files are as they should be. */
  get tidied(): Promise<void> {
    return this.#tidied;
  }

  /** Writes one line; one that the disk does not take is lost, and the member goes on. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#settings.maxBytes) this.#tryToRotate();
    try {
      for (let written = 0; written < bytes.length;) {
        const count = writeSync(this.#file, bytes, written);
        written += count;
        this.#bytes += count;
      }
    } catch {
      // Such as a full disk: there is no other place to say so than this one.
    }
  }

  #tryToRotate(): void {
    try {
      this.#rotate();
    } catch {
      // Such as a folder that may not be written any more: better a file that is too long than no line.
    }
  }

  #rotate(): void {
    const { mode } = fstatSync(this.#file);
    const now = this.#now();
    // One that somebody else has moved away is put aside already.
    if (existsSync(this.#path)) renameSync(this.#path, this.#backups.nameFor(now));
    const next = openSync(this.#path, 'a', mode & 0o777);
    closeSync(this.#file);
    this.#file = next;
    this.#bytes = fstatSync(next).size;
    this.#tidied = this.#backups.tidy(now);
  }

  /** Closes the file; nothing may be written behind it. */
  close(): void {
    closeSync(this.#file);
  }
}
