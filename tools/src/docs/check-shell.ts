import { findCommand, allFlags } from '@quorate/ctl/src/cli/command.ts';
import { Flags } from '@quorate/ctl/src/cli/flags.ts';
import { rootCommand } from '@quorate/ctl/src/commands.ts';
import { readConfig } from '@quorate/gateway';
import { checkCommandLine } from '@quorate/server/config';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { shellCommands } from './shell-words.ts';
import { root, workspacePackages } from './workspace.ts';

/** What is wrong with a script. */
export interface ShellProblem {
  /** From 0, in the script. */
  readonly line: number;
  readonly problem: string;
}

/**
 * Reads the commands of a script as the programs would: subcommands and flags of `quorate`, `quoratectl` and
 * `quorate-gateway`, names of npm scripts, and of projects that tests are run of. Other programs are not looked at.
 */
export function checkShell(script: string): ShellProblem[] {
  return shellCommands(script).flatMap(({ words, line }) => {
    try {
      checkWords(words);
      return [];
    } catch (error) {
      const problem = `${words.join(' ')}: ${error instanceof Error ? error.message : String(error)}`;
      return [{ line, problem }];
    }
  });
}

/** @throws Error that says what the program does not know */
function checkWords([program = '', ...args]: readonly string[]): void {
  const name = program.split('/').at(-1);
  if (name === 'npx') {
    const at = args.findIndex((word) => !word.startsWith('-'));
    if (at >= 0) checkWords(args.slice(at));
  } else if (name === 'npm') checkNpm(args);
  else if (name === 'nx' && (args[0] === 'test' || args[0] === 'bench')) checkProject(args[1]);
  else if (name === 'vitest') {
    const at = args.indexOf('--project');
    if (at >= 0) checkProject(args[at + 1]);
  } else if (name === 'quoratectl') checkQuoratectl(args);
  else if (name === 'quorate-gateway') {
    if (!asksForHelp(args)) readConfig(args.map(likeAUrl), {}, () => {});
  } else if (name === 'quorate') {
    if (!asksForHelp(args)) checkCommandLine(args.map(likeAUrl));
  }
}

function asksForHelp(args: readonly string[]): boolean {
  return args.includes('--help') || args.includes('--version');
}

/** What a shell would put there: documents leave parts of addresses to their readers. */
function likeAUrl(word: string): string {
  return word.replaceAll(/\$\{?\w+\}?|\$\(…\)/g, '1');
}

const manifest = z.object({ scripts: z.record(z.string(), z.string()) });
const scripts = manifest.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))).scripts;

/** Commands of npm that stand for a script of that name. */
const npmShortcuts = new Set(['start', 'test']);

function checkNpm(args: readonly string[]): void {
  const words = args.filter((word) => !word.startsWith('-'));
  // Those of one workspace are that workspace's own.
  if (args.includes('-w') || args.some((word) => word.startsWith('--workspace'))) return;
  const name = words[0] === 'run' ? words[1] : npmShortcuts.has(words[0] ?? '') ? words[0] : undefined;
  if (name !== undefined && scripts[name] === undefined) throw new Error(`there is no npm script ${name}`);
  const dashes = args.indexOf('--');
  if (name === 'start' && dashes >= 0) checkWords(['quorate', ...args.slice(dashes + 1)]);
}

const projects = new Set(['e2e', 'tools', ...workspacePackages().map(({ project }) => project)]);

function checkProject(name: string | undefined): void {
  if (!projects.has(name ?? '')) throw new Error(`there is no project ${name}`);
}

function checkQuoratectl(args: readonly string[]): void {
  const argv = args[0] === 'help' ? [...args.slice(1), '--help'] : args;
  const { path, argv: rest, unknown } = findCommand(rootCommand, argv);
  if (unknown !== undefined) throw new Error(`unknown command ${unknown}`);
  const help = { name: 'help', shorthand: 'h', kind: 'bool', default: false, usage: '' } as const;
  new Flags([...allFlags(path), help]).parse(rest);
}
