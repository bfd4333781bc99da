import { DiskError, type Disk, type DiskFile } from './disk.ts';
import { MemoryFile, type CrashOptions } from './memory-file.ts';

/** A change of names that belongs together: a rename takes one away and gives another. */
interface NameChange {
  readonly steps: readonly {
    readonly dir: MemoryDirectory;
    readonly name: string;
    readonly node: Node | undefined;
  }[];
}

/** A file of a MemoryDisk. */
export interface MemoryDiskFile extends DiskFile {
  /**
   * Does what a sync that fails does on Linux: what was not synced stays to be read, is not durable, and no later sync makes
   * it so unless it is written again. Each other handle is told by its next sync, those opened later are not.
   */
  failSync(): void;
}

class MemoryDirectory {
  readonly entries = new Map<string, Node>();
  readonly durable = new Map<string, Node>();
  /** Changes since the last sync, oldest first. */
  pending: NameChange[] = [];
}

type Node = MemoryDirectory | MemoryFile;

/**
 * A disk in memory that knows which bytes and which names are durable, so that `crash` can say what a power cut
 * at this moment would leave. Calls are carried out at once, in order; their promises resolve later.
 */
export class MemoryDisk implements Disk {
  #root = new MemoryDirectory();

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<MemoryDiskFile> {
    const { dir, name } = this.#parent('open', path);
    let node = dir.entries.get(name);
    if (mode === 'create') {
      if (node !== undefined) throw new DiskError('EEXIST', 'open', path);
      node = new MemoryFile();
      change([{ dir, name, node }]);
    }
    if (node === undefined) throw new DiskError('ENOENT', 'open', path);
    if (node instanceof MemoryDirectory) throw new DiskError('EISDIR', 'open', path);
    return new MemoryHandle(path, node, mode !== 'read');
  }

  async list(dir: string): Promise<string[]> {
    const node = this.#find(dir);
    if (node instanceof MemoryFile) throw new DiskError('ENOTDIR', 'list', dir);
    return [...(node?.entries.keys() ?? [])].sort();
  }

  async makeDir(dir: string): Promise<void> {
    let at = this.#root;
    for (const name of partsOf(dir)) {
      let below = at.entries.get(name);
      if (below instanceof MemoryFile) throw new DiskError('EEXIST', 'makeDir', dir);
      if (below === undefined) {
        below = new MemoryDirectory();
        change([{ dir: at, name, node: below }]);
        syncNames(at);
      }
      at = below;
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#parent('rename', from);
    const target = this.#parent('rename', to);
    const node = source.dir.entries.get(source.name);
    if (node === undefined) throw new DiskError('ENOENT', 'rename', from);
    const replaced = target.dir.entries.get(target.name);
    if (replaced instanceof MemoryDirectory && replaced.entries.size > 0) {
      throw new DiskError('ENOTEMPTY', 'rename', to);
    }
    change([
      { ...source, node: undefined },
      { ...target, node },
    ]);
  }

  async remove(path: string): Promise<void> {
    const { dir, name } = this.#parent('remove', path);
    const node = dir.entries.get(name);
    if (node === undefined) throw new DiskError('ENOENT', 'remove', path);
    if (node instanceof MemoryDirectory && node.entries.size > 0)
      throw new DiskError('ENOTEMPTY', 'remove', path);
    change([{ dir, name, node: undefined }]);
  }

  async syncDir(dir: string): Promise<void> {
    const node = this.#find(dir);
    if (!(node instanceof MemoryDirectory)) throw new DiskError('ENOENT', 'syncDir', dir);
    syncNames(node);
  }

  async freeBytes(_path: string): Promise<number> {
    return Infinity;
  }

  /** The disk that a power cut at this moment would leave. This one goes on as if nothing had happened. */
  crash(options: CrashOptions): MemoryDisk {
    const left = new MemoryDisk();
    left.#root = crashDirectory(this.#root, options, new Map());
    return left;
  }

  /** The content of a file, as a process sees it now. @throws DiskError ENOENT */
  bytesOf(path: string): Uint8Array {
    const file = this.#file(path);
    return file.read(0, file.size);
  }

  /** Puts a file there, durable, and the directories above it: for tests that begin with given bytes. */
  async put(path: string, bytes: Uint8Array): Promise<void> {
    const dir = `/${partsOf(path).slice(0, -1).join('/')}`;
    await this.makeDir(dir);
    const { dir: parent, name } = this.#parent('put', path);
    const file = new MemoryFile();
    file.write(0, bytes);
    file.sync();
    change([{ dir: parent, name, node: file }]);
    syncNames(parent);
  }

  /** How many bytes of a file a crash may lose, in whole sectors. @throws DiskError ENOENT */
  unsyncedBytesOf(path: string): number {
    return this.#file(path).unsyncedBytes;
  }

  #file(path: string): MemoryFile {
    const node = this.#find(path);
    if (!(node instanceof MemoryFile)) throw new DiskError('ENOENT', 'read', path);
    return node;
  }

  #find(path: string): Node | undefined {
    let at: Node | undefined = this.#root;
    for (const name of partsOf(path)) at = at instanceof MemoryDirectory ? at.entries.get(name) : undefined;
    return at;
  }

  #parent(operation: string, path: string): { dir: MemoryDirectory; name: string } {
    const parts = partsOf(path);
    const name = parts.pop();
    const dir = this.#find(parts.join('/'));
    if (name === undefined || !(dir instanceof MemoryDirectory))
      throw new DiskError('ENOENT', operation, path);
    return { dir, name };
  }
}

class MemoryHandle implements MemoryDiskFile {
  readonly path: string;
  readonly #file: MemoryFile;
  readonly #writable: boolean;
  #open = true;
  /** So many failed syncs of the file this handle knows of. */
  #failuresSeen: number;

  constructor(path: string, file: MemoryFile, writable: boolean) {
    this.path = path;
    this.#file = file;
    this.#writable = writable;
    this.#failuresSeen = file.failureCount;
  }

  async read(offset: number, size: number): Promise<Uint8Array> {
    this.#check('read', true);
    return this.#file.read(offset, size);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.#check('write', this.#writable);
    this.#file.write(offset, bytes);
  }

  async writeDurably(offset: number, bytes: Uint8Array): Promise<void> {
    await this.write(offset, bytes);
    this.#checkFailures();
    this.#file.syncRange(offset, bytes.length);
  }

  async sync(): Promise<void> {
    this.#check('sync', true);
    this.#checkFailures();
    this.#file.sync();
  }

  failSync(): void {
    this.#file.failSync();
    this.#failuresSeen = this.#file.failureCount;
  }

  async truncate(size: number): Promise<void> {
    this.#check('truncate', this.#writable);
    this.#file.truncate(size);
  }

  async size(): Promise<number> {
    this.#check('size', true);
    return this.#file.size;
  }

  async close(): Promise<void> {
    this.#open = false;
  }

  #checkFailures(): void {
    if (this.#failuresSeen === this.#file.failureCount) return;
    this.#failuresSeen = this.#file.failureCount;
    throw new DiskError('EIO', 'sync', this.path);
  }

  #check(operation: string, allowed: boolean): void {
    if (!this.#open || !allowed) throw new DiskError('EBADF', operation, this.path);
  }
}

function change(steps: NameChange['steps']): void {
  const whole: NameChange = { steps };
  for (const dir of new Set(steps.map((step) => step.dir))) dir.pending.push(whole);
  for (const { dir, name, node } of steps) setName(dir.entries, name, node);
}

function syncNames(dir: MemoryDirectory): void {
  for (const whole of dir.pending) {
    for (const step of whole.steps) {
      setName(step.dir.durable, step.name, step.node);
      if (step.dir !== dir) step.dir.pending = step.dir.pending.filter((other) => other !== whole);
    }
  }
  dir.pending = [];
}

/**
 * A copy with the names that survive. A change survives as a whole, and only if all earlier ones of its names
 * did; otherwise each has its own luck.
 */
function crashDirectory(
  dir: MemoryDirectory,
  options: CrashOptions,
  luck: Map<NameChange, boolean>,
): MemoryDirectory {
  const names = new Map(dir.durable);
  const lost = new Set<string>();
  for (const whole of dir.pending) {
    const steps = whole.steps.filter((step) => step.dir === dir);
    let survives = luck.get(whole);
    if (survives === undefined) {
      survives = !steps.some((step) => lost.has(step.name)) && isLucky(options);
      luck.set(whole, survives);
    }
    for (const { name, node } of steps) {
      if (survives) setName(names, name, node);
      else lost.add(name);
    }
  }
  const left = new MemoryDirectory();
  for (const [name, node] of names) {
    const copy = node instanceof MemoryFile ? node.crash(options) : crashDirectory(node, options, luck);
    left.entries.set(name, copy);
    left.durable.set(name, copy);
  }
  return left;
}

function isLucky(options: CrashOptions): boolean {
  return options.keep === 'random' ? options.random.below(2) === 1 : options.keep === 'all';
}

function setName(names: Map<string, Node>, name: string, node: Node | undefined): void {
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
