import type { Client } from '@quorate/client';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bytesOfText, type ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { pathOf, systemText } from '../file.ts';
import { startProgress, type Progress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

/** Bytes collected before they are written: much more than come in one message. */
const writeBytes = 1024 * 1024;

/**
 * Saves the store of one member to a file, which is there only when it is whole: it is written under another name,
 * checked against its checksum, synced, and renamed.
 */
export async function snapshotSave(context: Context): Promise<void> {
  const [file] = context.args;
  if (file === undefined || context.args.length !== 1) {
    throw new ExitError('badArguments', 'snapshot save expects one argument');
  }
  const endpoints = await context.endpoints();
  if (endpoints.length !== 1) {
    const given = `[${endpoints.join(' ')}]`;
    const reason = `snapshot must be requested to one selected node, not multiple ${given}`;
    throw new ExitError('interrupted', reason);
  }
  const client = await context.client();
  // A store may be of any size, so the usual time limit counts only when it was asked for.
  const timeoutMs = context.flags.isSet('command-timeout') ? context.timeoutMs : undefined;
  const version = await save({ client, terminal: context.terminal, timeoutMs }, file);
  context.printText(`Snapshot saved at ${file}\n`);
  if (version !== '') context.printText(`Server version ${bytesOfText(version)}\n`);
}

/** Where a snapshot comes from, and who looks on. */
interface Source {
  readonly client: Client;
  readonly terminal: Terminal;
  readonly timeoutMs: number | undefined;
}

/** Saves a snapshot, and returns the version of its format. */
async function save(source: Source, file: ByteString): Promise<string> {
  const partFile = `${file}.part`;
  const part = await open(pathOf(partFile), 'w', 0o600).catch((error: unknown) => {
    throw interrupted(`could not open ${partFile} (open ${partFile}: ${systemText(error)})`, error);
  });
  try {
    let version: string;
    try {
      version = await receive(source, part);
      await part.sync();
    } finally {
      await part.close();
    }
    await rename(pathOf(partFile), pathOf(file)).catch((error: unknown) => {
      const reason = `rename ${partFile} ${file}: ${systemText(error)}`;
      throw interrupted(`could not rename ${partFile} to ${file} (${reason})`, error);
    });
    await syncFolderOf(file);
    return version;
  } catch (error) {
    await rm(pathOf(partFile), { force: true });
    throw error instanceof ExitError ? error : interrupted(errorText(error), error);
  }
}

async function receive({ client, terminal, timeoutMs }: Source, part: FileHandle): Promise<string> {
  let version = '';
  let progress: Progress | undefined;
  let collected: Uint8Array[] = [];
  let collectedBytes = 0;
  const write = async () => {
    await part.appendFile(Buffer.concat(collected));
    collected = [];
    collectedBytes = 0;
  };
  try {
    for await (const received of client.maintenance.snapshot({ timeoutMs })) {
      const { blob, remainingBytes } = received;
      const total = blob.length + Number(remainingBytes);
      progress ??= startProgress(terminal, { label: 'snapshot', total, unit: 'bytes' });
      progress.advance(blob.length);
      version = received.version;
      collected.push(blob);
      collectedBytes += blob.length;
      if (collectedBytes >= writeBytes) await write();
    }
    await write();
  } finally {
    progress?.done();
  }
  return version;
}

/** The new name of a file is on disk when its folder is. Windows has no way to say so. */
async function syncFolderOf(file: ByteString): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(pathOf(dirname(file)));
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function interrupted(text: ByteString, cause: unknown): ExitError {
  return new ExitError('interrupted', text, { cause });
}
