import { Command, CommanderError, Option } from 'commander';
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { describeFlag, sentenceOf } from '../config/command-line.ts';
import { ConfigError } from '../config/errors.ts';
import type { FieldMeta } from '../config/field.ts';

/** Headings of the help, in the order of the sections. */
export type Headings = Partial<Record<FieldMeta['section'], string>>;

/** A command and the schema that its flags are made of. */
export interface FlagSet<Schema extends z.ZodObject> {
  /** As it is typed, `quorate` left out. */
  readonly name: string;
  readonly summary: string;
  readonly schema: Schema;
  readonly headings: Headings;
}

/** What the arguments of a command ask for. */
export type ParsedFlags<Schema extends z.ZodObject> =
  | { readonly action: 'help'; readonly text: string }
  | {
      readonly action: 'run';
      readonly config: z.output<Schema>;
      /** Flags that were given, by their names without dashes. */
      readonly given: ReadonlySet<string>;
    };

/** Every flag of a schema. */
export function flagsOf(schema: z.ZodObject): readonly FieldMeta[] {
  return Object.keys(schema.shape).map((key) => metaOf(schema, key));
}

function metaOf(schema: z.ZodObject, key: string): FieldMeta {
  // `field.ts` is the only maker of these schemas, and gives each of them this meta.
  return (schema.shape[key] as z.ZodType).meta() as unknown as FieldMeta;
}

/**
 * Reads flags as etcd's commands do: `--flag value`, `--flag=value`, `--flag` alone for a boolean; a list may be given in
 * several pieces. There is no environment and no file.
 *
 * @throws ConfigError for what is not understood, makes no sense, or is not supported
 */
export function parseFlags<Schema extends z.ZodObject>(
  set: FlagSet<Schema>,
  args: readonly string[],
): ParsedFlags<Schema> {
  const values = new Map<string, string>();
  const command = newCommand(set, (meta, value) => {
    const before = meta.isList === true ? values.get(meta.flag) : undefined;
    values.set(meta.flag, before === undefined ? value : `${before},${value}`);
  });
  const normal = normalized(set.schema, args);
  const asksForHelp = normal.some(isHelp);
  try {
    command.parse(
      normal.filter((argument) => !isHelp(argument)),
      { from: 'user' },
    );
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new ConfigError(sentenceOf(error));
  }
  if (asksForHelp) return { action: 'help', text: command.helpInformation() };
  const [extra] = command.args;
  if (extra !== undefined) {
    throw new ConfigError(`"${extra}" is not a flag: every setting is given as --name=value`);
  }
  return { action: 'run', config: checked(set.schema, values), given: new Set(values.keys()) };
}

/** A question that is answered only if all else is understood, as in etcd. */
function isHelp(argument: string): boolean {
  return argument === '-h' || argument === '--help';
}

/** Every flag with its value behind `=`: what follows a flag that needs a value is that value, whatever it looks like. */
function normalized(schema: z.ZodObject, args: readonly string[]): string[] {
  const flags = new Map(flagsOf(schema).map((meta) => [meta.flag, meta]));
  const normal: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? '';
    const [, name = '', value] = /^--([^=]*)(=.*)?$/s.exec(argument) ?? [];
    const meta = flags.get(name);
    if (/^-[^-]/.test(argument) && argument !== '-h') {
      throw new ConfigError(`unknown flag ${argument}: flags of commands have two dashes`);
    }
    if (meta === undefined || value !== undefined) normal.push(argument);
    else if (meta.kind === 'boolean') normal.push(`${argument}=true`);
    else if (i + 1 < args.length) normal.push(`${argument}=${args[++i]}`);
    else normal.push(argument);
  }
  return normal;
}

function newCommand(
  { name, summary, schema, headings }: FlagSet<z.ZodObject>,
  onFlag: (meta: FieldMeta, value: string) => void,
): Command {
  const command = new Command(`quorate ${name}`)
    .usage('[flags]')
    .description(summary)
    .helpOption('-h, --help', 'Show this help and exit.')
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} })
    .allowExcessArguments();
  for (const meta of flagsOf(schema)) {
    const option = new Option(`--${meta.flag} <${meta.kind}>`, describeFlag(meta)).argParser(
      (value: string) => {
        onFlag(meta, value);
        return value;
      },
    );
    command.addOption(option.helpGroup(headings[meta.section] ?? 'Flags:'));
  }
  return command;
}

function checked<Schema extends z.ZodObject>(
  schema: Schema,
  values: ReadonlyMap<string, string>,
): z.output<Schema> {
  const keys = Object.keys(schema.shape);
  const given = keys.flatMap((key) => {
    const value = values.get(metaOf(schema, key).flag);
    return value === undefined ? [] : [[key, value] as const];
  });
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = keys.find((candidate) => candidate === issue?.path[0]) ?? '';
    throw new ConfigError(`--${metaOf(schema, key).flag}: ${issue?.message}`);
  }
  refuseUnserved(schema, parsed.data);
  return parsed.data;
}

/** Refuses what this version cannot serve, or never will. @throws ConfigError */
function refuseUnserved(schema: z.ZodObject, config: Readonly<Record<string, unknown>>): void {
  const defaults = schema.parse({});
  for (const key of Object.keys(schema.shape)) {
    const { flag, notBuilt, refused } = metaOf(schema, key);
    if ((notBuilt ?? refused) === undefined || isDeepStrictEqual(config[key], defaults[key])) continue;
    if (refused !== undefined) throw new ConfigError(`--${flag}: ${refused}`);
    throw new ConfigError(`--${flag} needs ${notBuilt}, which this version does not support`);
  }
}
