import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { RotationSettings } from './rotation-settings.ts';

const dayMs = 86_400_000;
/** Of files that are being compressed; a killed process leaves one behind. */
const unfinished = '.gz.tmp';

/**
 * The old files beside a log file: `member-2026-11-23T02-48-29.274.log` of `member.log`, as those of etcd, with `.gz` when
 * compressed.
 */
export class LogBackups {
  readonly #path: string;
  readonly #settings: RotationSettings;
  #work = Promise.resolve();

  constructor(path: string, settings: RotationSettings) {
    this.#path = path;
    this.#settings = settings;
  }

  /** A name for the file that ends now, which no other has. */
  nameFor(now: Date): string {
    for (let atMs = now.getTime(); ; atMs++) {
      const path = join(
        dirname(this.#path),
        `${this.#prefix}${this.#stamp(new Date(atMs))}${this.#extension}`,
      );
      if (!existsSync(path) && !existsSync(`${path}.gz`)) return path;
    }
  }

  /**
   * Removes those that are too many or too old, and compresses the others where that is asked for: one such round after
   * the other. What can't be done is left for the next one.
   */
  tidy(now: Date): Promise<void> {
    this.#work = this.#work.then(() => this.#tidy(now)).catch(() => {});
    return this.#work;
  }

  async #tidy(now: Date): Promise<void> {
    const { maxBackups, maxAgeDays, compress } = this.#settings;
    const folder = dirname(this.#path);
    const names = await readdir(folder);
    const leftBehind = names.filter((name) => name.startsWith(this.#prefix) && name.endsWith(unfinished));
    for (const name of leftBehind) await rm(join(folder, name), { force: true });
    const backups = names.flatMap((name) => this.#backupOf(name)).toSorted((a, b) => b.atMs - a.atMs);
    for (const [newer, { name, atMs }] of backups.entries()) {
      const path = join(folder, name);
      const isTooMuch = maxBackups > 0 && newer >= maxBackups;
      const isTooOld = maxAgeDays > 0 && now.getTime() - atMs > maxAgeDays * dayMs;
      if (isTooMuch || isTooOld) await rm(path, { force: true });
      else if (compress && !name.endsWith('.gz')) await compressFile(path);
    }
  }

  #backupOf(name: string): { readonly name: string; readonly atMs: number }[] {
    const plain = name.endsWith('.gz') ? name.slice(0, -'.gz'.length) : name;
    if (!plain.startsWith(this.#prefix) || !plain.endsWith(this.#extension)) return [];
    const stamp = plain.slice(this.#prefix.length, plain.length - this.#extension.length);
    const [, day, hours, minutes, seconds] =
      /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(stamp) ?? [];
    if (day === undefined) return [];
    const zone = this.#settings.localTime ? '' : 'Z';
    const atMs = Date.parse(`${day}T${hours}:${minutes}:${seconds}${zone}`);
    return Number.isNaN(atMs) ? [] : [{ name, atMs }];
  }

  get #extension(): string {
    return extname(this.#path);
  }

  get #prefix(): string {
    return `${basename(this.#path, this.#extension)}-`;
  }

  #stamp(time: Date): string {
    const { localTime } = this.#settings;
    const shifted = localTime ? new Date(time.getTime() - time.getTimezoneOffset() * 60_000) : time;
    return shifted.toISOString().replace('Z', '').replaceAll(':', '-');
  }
}

async function compressFile(path: string): Promise<void> {
  const temporary = `${path}${unfinished}`;
  await pipeline(createReadStream(path), createGzip(), createWriteStream(temporary, { mode: 0o600 }));
  await rename(temporary, `${path}.gz`);
  await rm(path);
}
