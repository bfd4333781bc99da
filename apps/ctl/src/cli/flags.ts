import type { ByteString } from '../byte-string.ts';
import { parseDuration } from '../go/duration.ts';
import { parseInt64, parseUint64 } from '../go/parse-int.ts';
import { goQuote } from '../go/quote.ts';

/**
 * What a flag holds, by its kind: `int64` whole numbers, `uint64` those not below zero, `duration` milliseconds, `list`
 * comma-separated texts.
 */
interface FlagKinds {
  bool: boolean;
  string: ByteString;
  int64: bigint;
  uint64: bigint;
  duration: number;
  list: readonly ByteString[];
}

/** A flag of a command. */
export type FlagDefinition = {
  [Kind in keyof FlagKinds]: {
    readonly name: string;
    readonly shorthand?: string;
    readonly kind: Kind;
    readonly default: FlagKinds[Kind];
    readonly usage: string;
  };
}[keyof FlagKinds];

/** Flags that cannot be read; the text is that of etcdctl. */
export class FlagError extends Error {
  override readonly name = 'FlagError';
}

/** The flags of one command line, and what was left of it. */
export class Flags {
  /** The arguments that are no flags. */
  readonly args: ByteString[] = [];
  /** How many of the arguments came before a `--`; undefined when there was none. */
  argsBeforeDash: number | undefined;
  readonly #definitions = new Map<string, FlagDefinition>();
  readonly #shorthands = new Map<string, FlagDefinition>();
  readonly #values = new Map<string, FlagKinds[keyof FlagKinds]>();

  constructor(definitions: readonly FlagDefinition[]) {
    for (const definition of definitions) {
      this.#definitions.set(definition.name, definition);
      if (definition.shorthand !== undefined) this.#shorthands.set(definition.shorthand, definition);
    }
  }

  /** Whether the flag was given. */
  isSet(name: string): boolean {
    return this.#values.has(name);
  }

  bool(name: string): boolean {
    return this.#get(name, 'bool');
  }

  string(name: string): ByteString {
    return this.#get(name, 'string');
  }

  int64(name: string): bigint {
    return this.#get(name, 'int64');
  }

  uint64(name: string): bigint {
    return this.#get(name, 'uint64');
  }

  durationMs(name: string): number {
    return this.#get(name, 'duration');
  }

  list(name: string): readonly ByteString[] {
    return this.#get(name, 'list');
  }

  /** Reads flags and arguments in any order, up to a `--`, after which all are arguments. @throws FlagError */
  parse(argv: readonly ByteString[]): void {
    for (let at = 0; at < argv.length; at++) {
      const argument = argv[at] ?? '';
      if (argument === '--') {
        this.argsBeforeDash = this.args.length;
        this.args.push(...argv.slice(at + 1));
        return;
      }
      if (argument.startsWith('--')) at += this.#parseLong(argument, argv[at + 1]);
      else if (argument.startsWith('-') && argument.length > 1)
        at += this.#parseShort(argument, argv[at + 1]);
      else this.args.push(argument);
    }
  }

  /** Sets a flag from text. @throws FlagError */
  set(definition: FlagDefinition, text: ByteString): void {
    try {
      this.#store(definition, text);
    } catch (error) {
      const { name, shorthand } = definition;
      const shown = shorthand === undefined ? `--${name}` : `-${shorthand}, --${name}`;
      const reason = error instanceof Error ? error.message : String(error);
      throw new FlagError(`invalid argument ${goQuote(text)} for "${shown}" flag: ${reason}`, {
        cause: error,
      });
    }
  }

  /** Of `--name=value`, `--name value` or `--name`. Returns how many arguments behind it belong to it. */
  #parseLong(argument: ByteString, next: ByteString | undefined): 0 | 1 {
    const [, name = '', value] = /^--([^=]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name === '' || name.startsWith('-')) throw new FlagError(`bad flag syntax: ${argument}`);
    const definition = this.#definitions.get(name);
    if (definition === undefined) throw new FlagError(`unknown flag: --${name}`);
    if (value !== undefined) {
      this.set(definition, value);
      return 0;
    }
    if (definition.kind === 'bool') {
      this.#values.set(name, true);
      return 0;
    }
    if (next === undefined) throw new FlagError(`flag needs an argument: ${argument}`);
    this.set(definition, next);
    return 1;
  }

  /** Of `-abc`, `-wvalue`, `-w=value` or `-w value`. Returns how many arguments behind it belong to it. */
  #parseShort(argument: ByteString, next: ByteString | undefined): 0 | 1 {
    for (let at = 1; at < argument.length; at++) {
      const shorthand = argument[at] ?? '';
      const definition = this.#shorthands.get(shorthand);
      if (definition === undefined)
        throw new FlagError(`unknown shorthand flag: '${shorthand}' in ${argument}`);
      const rest = argument.slice(at + 1);
      if (rest.startsWith('=') && rest.length > 1) {
        this.set(definition, rest.slice(1));
        return 0;
      }
      if (definition.kind === 'bool') {
        this.#values.set(definition.name, true);
        continue;
      }
      if (rest !== '') {
        this.set(definition, rest);
        return 0;
      }
      if (next === undefined) throw new FlagError(`flag needs an argument: '${shorthand}' in ${argument}`);
      this.set(definition, next);
      return 1;
    }
    return 0;
  }

  #store(definition: FlagDefinition, text: ByteString): void {
    const { name, kind } = definition;
    switch (kind) {
      case 'bool':
        this.#values.set(name, parseBool(text));
        return;
      case 'int64':
        this.#values.set(name, parseInt64(text, 0));
        return;
      case 'uint64':
        this.#values.set(name, parseUint64(text, 0));
        return;
      case 'duration':
        this.#values.set(name, parseDuration(text));
        return;
      case 'string':
        this.#values.set(name, text);
        return;
      case 'list': {
        // The first use replaces the default, each further one adds.
        const before = this.isSet(name) ? this.list(name) : [];
        this.#values.set(name, [...before, ...(text === '' ? [] : text.split(','))]);
      }
    }
  }

  #get<Kind extends keyof FlagKinds>(name: string, kind: Kind): FlagKinds[Kind] {
    const definition = this.#definitions.get(name);
    if (definition?.kind !== kind) throw new TypeError(`there is no ${kind} flag ${name}`);
    // The value was stored by the definition's kind, which has just been compared.
    return (this.#values.get(name) ?? definition.default) as FlagKinds[Kind];
  }
}

function parseBool(text: ByteString): boolean {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw new Error(`strconv.ParseBool: parsing ${goQuote(text)}: invalid syntax`);
}
