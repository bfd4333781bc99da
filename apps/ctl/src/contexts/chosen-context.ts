import { bytesOfText, textOf } from '../byte-string.ts';
import { FlagError, type Flags } from '../cli/flags.ts';
import { contextFilePath, contextProblem, homeless, isOpenToAll, readContextFile } from './context-file.ts';
import { applySettings, secretSettings, type Setting } from './settings.ts';

/**
 * Sets flags that are still not set from the context that `--context` or its environment names, or from the current
 * one. Whoever has no file of contexts, and names none, is not concerned: not even the library for YAML is loaded.
 *
 * @throws ExitError
 */
export async function applyChosenContext(
  flags: Flags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const chosen = flags.isSet('context') ? textOf(flags.string('context')) : undefined;
  // An empty name is for one run without any context.
  if (chosen === '') return;
  const path = contextFilePath(env);
  if (path === undefined) {
    if (chosen === undefined) return;
    throw homeless();
  }
  const text = readContextFile(path);
  if (text === undefined && chosen === undefined) return;
  const { ContextStore } = await import('./context-store.ts');
  const store = new ContextStore(path, text ?? '');
  const name = chosen ?? store.current;
  if (name === undefined) return;
  const settings = store.settings(name);
  refuseOpenSecrets(path, name, settings);
  try {
    applySettings(flags, settings);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    throw contextProblem(path, `context ${bytesOfText(name)}: ${error.message}`, error);
  }
}

/** A secret that everybody on the machine can read is none. */
function refuseOpenSecrets(path: string, name: string, settings: ReadonlyMap<string, Setting>): void {
  const hasSecret = [...settings].some(
    ([key, setting]) => secretSettings.has(key) || (key === 'user' && String(setting).includes(':')),
  );
  if (!hasSecret || !isOpenToAll(path)) return;
  const remedy = `keep it to yourself by: chmod 600 ${bytesOfText(path)}`;
  throw contextProblem(
    path,
    `context ${bytesOfText(name)} has a secret, and all users can read it; ${remedy}`,
  );
}
