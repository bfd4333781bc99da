import { systemClock, type Clock } from '@quorate/std';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NamedFile } from './files.ts';

/** Where a certificate is kept, whom it is for, and for how many years. */
export interface AutoTlsOptions {
  /** Where `cert.pem` and `key.pem` lie; made for the owner only. */
  readonly dir: string;
  /** Host names and addresses that the certificate is for. */
  readonly hosts: readonly string[];
  readonly years: number;
  /** The flag that asked for it, for errors about the files. */
  readonly flag: string;
  readonly clock?: Clock;
  readonly onWarning?: (message: string) => void;
}

/**
 * A certificate that a member makes for itself: nobody vouches for it, so it keeps secrets from who only listens, and
 * proves nothing. Files that exist are used again; whoever wants new ones removes them.
 */
export async function autoTls(
  options: AutoTlsOptions,
): Promise<{ readonly cert: NamedFile; readonly key: NamedFile }> {
  const { dir, flag } = options;
  const cert = { path: join(dir, 'cert.pem'), flag };
  const key = { path: join(dir, 'key.pem'), flag };
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (existsSync(cert.path) && existsSync(key.path)) {
    for (const path of [dir, key.path]) tighten(path, options);
    return { cert, key };
  }
  tighten(dir, options);
  const { hosts, years, clock = systemClock } = options;
  // Loading the library takes longer than the rest of a start, and hardly a member needs it.
  const { makeCertificate } = await import('./make-certificate.ts');
  const made = await makeCertificate({ hosts, years, nowMs: clock.wallMs() });
  // The key first, and each in one step: a pair of files is either there or not.
  writePrivate(key.path, made.key);
  writePrivate(cert.path, made.cert);
  return { cert, key };
}

/** Takes away what others may do with what is ours alone. */
function tighten(path: string, { onWarning, flag }: AutoTlsOptions): void {
  const { mode } = statSync(path);
  if ((mode & 0o077) === 0) return;
  chmodSync(path, mode & 0o700);
  onWarning?.(
    `${flag}: others could use ${path} (mode ${(mode & 0o777).toString(8)}): it is the owner's alone now`,
  );
}

function writePrivate(path: string, text: string): void {
  const unfinished = `${path}.tmp`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, text, { mode: 0o600, flag: 'wx', flush: true });
  renameSync(unfinished, path);
}
