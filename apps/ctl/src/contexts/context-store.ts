import { randomUUID } from 'node:crypto';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMap, isNode, parseDocument, stringify, type Document, type YAMLMap } from 'yaml';
import { bytesOfText, type ByteString } from '../byte-string.ts';
import { ExitError } from '../exit.ts';
import { systemText } from '../file.ts';
import { contextProblem, isMissing, readContextFile } from './context-file.ts';
import { settingFlags, type Setting } from './settings.ts';

/** The settings of a context, by the names of their flags. */
export type Settings = ReadonlyMap<string, Setting>;

/** What the file begins with when it is made. */
const heading =
  ' Contexts of quoratectl: see "quoratectl context --help". May be edited; keep it from other readers.';
/** A name that needs no quotes anywhere. */
const goodName = /^[A-Za-z0-9][\w.@-]*$/;
/** How often a change is made anew because somebody else has changed the file at the same time. */
const attemptsMax = 10;

/**
 * The contexts in a file of YAML:
 *
 *     current: prod
 *     contexts:
 *       prod:
 *         endpoints: [https://a:2379, https://b:2379]
 *         cacert: /etc/etcd/ca.crt
 *         user: alice
 *
 * What is read is checked; what is changed keeps comments and order of the rest.
 */
export class ContextStore {
  readonly #path: string;
  readonly #document: Document;

  /** @throws ExitError for text that is no file of contexts */
  constructor(path: string, text: string) {
    this.#path = path;
    this.#document = parseDocument(text);
    this.#check();
  }

  /** The contexts of a file, none when it is not there. @throws ExitError */
  static read(path: string): ContextStore {
    return new ContextStore(path, readContextFile(path) ?? '');
  }

  /**
   * Changes the file as one step: others see it as before or as after, and a change made meanwhile is not lost.
   *
   * @throws ExitError, the file being as it was
   */
  static async change(path: string, change: (store: ContextStore) => void): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const before = readContextFile(path);
      const store = new ContextStore(path, before ?? '');
      change(store);
      const isUnchanged = () => readContextFile(path) === before;
      if (await writeWhole(path, store.#text(), isUnchanged)) return;
      if (attempt === attemptsMax) throw contextProblem(path, 'others keep changing it: try again');
    }
  }

  /** The names of all contexts, in the order of the file. */
  get names(): string[] {
    return (this.#contexts()?.items ?? []).map(({ key }) => String(key));
  }

  /** The name of the context that holds where none is chosen; undefined when there is none. */
  get current(): string | undefined {
    const current = this.#document.get('current');
    return typeof current === 'string' && current !== '' ? current : undefined;
  }

  /** The settings of a context. @throws ExitError when there is none of that name */
  settings(name: string): Settings {
    this.#require(name);
    const settings = this.#document.getIn(['contexts', name]);
    if (!isMap(settings)) return new Map();
    return new Map(settings.items.map(({ key }) => [String(key), this.#setting(name, String(key))]));
  }

  /** Makes a context the current one; undefined: none is. @throws ExitError when there is none of that name */
  use(name: string | undefined): void {
    if (name === undefined) {
      this.#document.delete('current');
      return;
    }
    this.#require(name);
    this.#document.set('current', name);
  }

  /** Adds a context, or replaces it when that is allowed. @throws ExitError */
  add(name: string, settings: Settings, { replace }: { readonly replace: boolean }): void {
    if (!goodName.test(name)) {
      const rule = 'take letters, digits, and any of . _ @ - behind the first';
      throw new ExitError('badArguments', `${bytesOfText(name)} cannot be the name of a context: ${rule}`);
    }
    if (this.names.includes(name) && !replace) {
      throw new ExitError('error', `there is a context ${name} already: give --force to replace it`);
    }
    if (this.#document.contents === null) this.#document.commentBefore = heading;
    this.#document.setIn(['contexts', name], this.#document.createNode(Object.fromEntries(settings)));
  }

  /** Removes a context; when it was the current one, none is. @throws ExitError when there is none of that name */
  remove(name: string): void {
    this.#require(name);
    if (this.current === name) this.use(undefined);
    this.#document.deleteIn(['contexts', name]);
  }

  #text(): string {
    return this.#document.toString({ lineWidth: 0 });
  }

  #contexts(): YAMLMap | undefined {
    const contexts = this.#document.get('contexts');
    return isMap(contexts) ? contexts : undefined;
  }

  #require(name: string): void {
    if (this.names.includes(name)) return;
    const known = this.names.length === 0 ? 'there are none yet' : `there are ${this.names.join(', ')}`;
    throw contextProblem(this.#path, bytesOfText(`no context is called ${name}; ${known}`));
  }

  /** Looks through the whole file, so that a fault is told before anything is done by half of it. */
  #check(): void {
    const [error] = this.#document.errors;
    if (error !== undefined) throw this.#broken(error.message.replace(/:?\n[^]*$/, ''));
    const { contents } = this.#document;
    if (contents === null) return;
    if (!isMap(contents)) throw this.#broken('it must be a map with the keys current and contexts');
    const contexts = this.#document.get('contexts');
    if (contexts !== undefined && contexts !== null && !isMap(contexts))
      throw this.#broken('contexts must be a map of contexts by name');
    const current = this.#document.get('current');
    if (current !== undefined && current !== null && typeof current !== 'string')
      throw this.#broken('current must be the name of a context');
    for (const name of this.names) this.#checkContext(name);
  }

  #checkContext(name: string): void {
    const settings = this.#document.getIn(['contexts', name]);
    if (settings === null) return;
    if (!isMap(settings)) throw this.#broken(`context ${name} must be a map of settings`);
    for (const { key } of settings.items) {
      if (!settingFlags.some((flag) => flag.name === String(key)))
        throw this.#broken(`context ${name} has the setting ${String(key)}, which there is not`);
      this.#setting(name, String(key));
    }
  }

  /** One setting, of the form that its flag has. */
  #setting(name: string, key: string): Setting {
    const flag = settingFlags.find((candidate) => candidate.name === key);
    const node: unknown = this.#document.getIn(['contexts', name, key], true);
    const value: unknown = isNode(node) ? node.toJS(this.#document) : node;
    const kind = flag?.kind ?? 'string';
    if (kind === 'bool' && typeof value === 'boolean') return value;
    if (kind !== 'bool' && typeof value === 'string') return value;
    if (kind === 'list' && Array.isArray(value) && value.every((item) => typeof item === 'string'))
      return value;
    const wanted = { bool: 'true or false', list: 'a list of texts' };
    const form = kind === 'bool' || kind === 'list' ? wanted[kind] : 'a text (in quotes, if it is a number)';
    throw this.#broken(`${key} of context ${name} must be ${form}`);
  }

  #broken(reason: string): ExitError {
    return contextProblem(this.#path, bytesOfText(`${reason}; mend it by hand`));
  }
}

/**
 * Writes a file under another name, syncs it and renames it, unless `mayReplace` says no at the last moment: then
 * nothing is changed, and the result is false. Only its owner may read it. A symbolic link stays one.
 */
async function writeWhole(path: string, text: string, mayReplace: () => boolean): Promise<boolean> {
  let part: string | undefined;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const target = await realpath(path).catch((error: unknown) => {
      if (isMissing(error)) return path;
      throw error;
    });
    // In a container all processes may have one number, and one that was killed may have left its file.
    part = `${target}.${randomUUID()}.part`;
    await using file = await open(part, 'wx', 0o600);
    await file.writeFile(text);
    await file.sync();
    if (!mayReplace()) return false;
    await rename(part, target);
    part = undefined;
    return true;
  } catch (error) {
    if (error instanceof ExitError) throw error;
    throw contextProblem(path, `cannot be written: ${systemText(error)}`, error);
  } finally {
    if (part !== undefined) await rm(part, { force: true });
  }
}

/** Settings as the file has them. */
export function settingsYaml(settings: Settings): ByteString {
  return bytesOfText(stringify(Object.fromEntries(settings), { lineWidth: 0 }));
}
