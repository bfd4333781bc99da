import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { run } from './run.ts';

/** What a fresh project installs its packages with. */
export interface ConsumerEnvironment {
  readonly registryUrl: string;
  /** One cache of npm for all projects, so that what others wrote is fetched once. */
  readonly cache: string;
  /** The version of Node's types that TypeScript needs in every project. */
  readonly nodeTypes: string;
  /** The checkout, whose TypeScript checks the project. */
  readonly root: string;
  readonly signal: AbortSignal;
}

/** A package that was published, as its manifest has it. */
export interface PublishedPackage {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly bin?: Readonly<Record<string, string>>;
}

/** A project outside of the workspace that has one package, and what comes with it. */
export class Consumer {
  readonly dir: string;
  readonly #environment: ConsumerEnvironment;
  readonly #package: PublishedPackage;

  constructor(dir: string, environment: ConsumerEnvironment, installed: PublishedPackage) {
    this.dir = dir;
    this.#environment = environment;
    this.#package = installed;
  }

  /** What every command in the project has in its environment. */
  get env(): Readonly<Record<string, string>> {
    return {
      // The Node that runs this, also for commands that ask `env` for one.
      PATH: [join(this.dir, 'node_modules/.bin'), dirname(process.execPath), process.env['PATH']].join(
        delimiter,
      ),
      NPM_CONFIG_CACHE: this.#environment.cache,
      NPM_CONFIG_UPDATE_NOTIFIER: 'false',
    };
  }

  /** Installs the package without running anybody's scripts: what has native code has it prebuilt. */
  async install(): Promise<void> {
    const { registryUrl, nodeTypes } = this.#environment;
    mkdirSync(this.dir, { recursive: true });
    writeFileSync(join(this.dir, '.npmrc'), `@quorate:registry=${registryUrl}\n`);
    const manifest = {
      name: 'consumer',
      private: true,
      type: 'module',
      dependencies: { [this.#package.name]: this.#package.version },
      devDependencies: { '@types/node': nodeTypes },
    };
    writeFileSync(join(this.dir, 'package.json'), JSON.stringify(manifest));
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
    await this.#run('npm', ['install', ...flags]);
  }

  /** The README as it was installed: its first block of TypeScript, when there is one. */
  readmeExample(): string | undefined {
    const readme = readFileSync(join(this.dir, 'node_modules', this.#package.name, 'README.md'), 'utf8');
    return /^```ts\n([\s\S]*?)^```/m.exec(readme)?.[1];
  }

  /** Checks the example and every door against the published types; those of others are checked as well. */
  async checkTypes(example: string | undefined): Promise<void> {
    const doors = this.#doors().map((door, index) => `import * as door${index} from '${door}';`);
    const used = doors.map((_, index) => `door${index}`).join(', ');
    writeFileSync(join(this.dir, 'doors.ts'), `${doors.join('\n')}\nexport const doors = [${used}];\n`);
    if (example !== undefined) writeFileSync(join(this.dir, 'example.ts'), example);
    const files = ['doors.ts', ...(example === undefined ? [] : ['example.ts'])];
    writeFileSync(join(this.dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    await this.#run(process.execPath, [
      join(this.#environment.root, 'node_modules/typescript/bin/tsc'),
      '-p',
      '.',
    ]);
  }

  /** Runs the example, and loads every door that needs no test runner. */
  async runExample(example: string | undefined, env: Readonly<Record<string, string>>): Promise<void> {
    const doors = this.#doors().map((door) => `await import('${door}');`);
    await this.#run(process.execPath, ['--input-type=module', '--eval', doors.join('\n')]);
    if (example === undefined) throw new Error('the README has no example in TypeScript');
    writeFileSync(join(this.dir, 'example.ts'), example);
    await this.#run(process.execPath, ['--no-warnings', 'example.ts'], env);
  }

  #doors(): string[] {
    const { name, exports = {} } = this.#package;
    return Object.keys(exports).map((door) => name + door.slice(1));
  }

  #run(
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const { signal } = this.#environment;
    return run(command, args, { cwd: this.dir, env: { ...this.env, ...env }, signal });
  }
}

/** As strict as a project can be, and no library is let off. */
const compilerOptions = {
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable', 'esnext.array', 'esnext.collection', 'esnext.iterator'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  erasableSyntaxOnly: true,
  skipLibCheck: false,
  noEmit: true,
};
