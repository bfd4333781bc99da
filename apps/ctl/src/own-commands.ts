import type { Command } from './cli/command.ts';

/** Named sets of global flags. */
export const contextCommand: Command = {
  name: 'context',
  use: 'context <subcommand>',
  isOwn: true,
  short: 'Named sets of endpoints, certificates and users, to choose from',
  children: [
    {
      name: 'list',
      use: 'list',
      short: 'Lists all contexts, the current one marked',
      load: async () => (await import('./commands/context.ts')).contextList,
    },
    {
      name: 'use',
      use: 'use <name>',
      short: 'Makes a context the current one',
      flags: [{ name: 'none', kind: 'bool', default: false, usage: 'make no context the current one' }],
      load: async () => (await import('./commands/context.ts')).contextUse,
    },
    {
      name: 'add',
      use: 'add <name> [options]',
      short: 'Keeps the global flags given under a name',
      long: `Keeps the global flags of this command line, and nothing else, under a name:

$ quoratectl context add prod --endpoints=https://a:2379,https://b:2379 --cacert=ca.crt --user=alice
$ quoratectl context use prod

A flag of a command line goes before the environment, the environment before the context. The context is the
one that --context names, or QUORATECTL_CONTEXT, or the current one. With --context= a command has none.`,
      flags: [
        { name: 'force', kind: 'bool', default: false, usage: 'replace a context of that name' },
        { name: 'use', kind: 'bool', default: false, usage: 'make it the current one' },
        {
          name: 'store-password',
          kind: 'bool',
          default: false,
          usage: 'keep a password or token in clear in a file that only you can read',
        },
      ],
      load: async () => (await import('./commands/context.ts')).contextAdd,
    },
    {
      name: 'remove',
      use: 'remove <name>',
      short: 'Removes a context',
      load: async () => (await import('./commands/context.ts')).contextRemove,
    },
    {
      name: 'show',
      use: 'show [name]',
      short: 'Prints what a context holds, without secrets',
      load: async () => (await import('./commands/context.ts')).contextShow,
    },
    {
      name: 'current',
      use: 'current',
      short: 'Prints the name of the context that commands use',
      load: async () => (await import('./commands/context.ts')).contextCurrent,
    },
  ],
};

const completionScript = (shell: string, long: string): Command => ({
  name: shell,
  use: shell,
  short: `Prints the completion script for ${shell}`,
  long,
  flags: [
    { name: 'no-descriptions', kind: 'bool', default: false, usage: 'disable completion descriptions' },
  ],
  load: async () => (await import('./commands/completion.ts')).completion(shell),
});

/** Scripts by which shells complete command lines. */
export const completionCommand: Command = {
  name: 'completion',
  use: 'completion <shell>',
  short: 'Prints a script that completes command lines in a shell',
  long: 'The script asks the program itself what fits, so keys, leases, users and members are those of the cluster.',
  children: [
    completionScript(
      'bash',
      `For this shell:

$ source <(quoratectl completion bash)

For all shells to come, put that line into ~/.bashrc.`,
    ),
    completionScript(
      'fish',
      `For this shell:

$ quoratectl completion fish | source

For all shells to come:

$ quoratectl completion fish > ~/.config/fish/completions/quoratectl.fish`,
    ),
    completionScript(
      'powershell',
      `For this shell:

PS> quoratectl completion powershell | Out-String | Invoke-Expression

For all shells to come, put that line into the file that $PROFILE names.`,
    ),
    completionScript(
      'zsh',
      `For this shell:

$ source <(quoratectl completion zsh)

For all shells to come, with a folder of $fpath:

$ quoratectl completion zsh > "\${fpath[1]}/_quoratectl"`,
    ),
  ],
};

/** How a cluster is, at a glance. */
export const topCommand: Command = {
  name: 'top',
  use: 'top [options]',
  short: 'Shows how the members are and what they do, live',
  isOwn: true,
  long: `All members are asked again and again, until q or Ctrl-C. Rates are per second, and come from the members'
/metrics; where those are not to be had, the rate of revisions in the first line counts the writes. LAG is how many
entries of the leader a member has still to apply; P50 is the median time of its last answers.

Off a terminal, with --once, or with -w json or table, one table is printed.`,
  flags: [
    {
      name: 'interval',
      kind: 'duration',
      default: 2000,
      usage: 'time between two looks (0s with --once: no rates)',
    },
    { name: 'once', kind: 'bool', default: false, usage: 'print one table, for programs' },
  ],
  load: async () => (await import('./commands/top.ts')).top,
};
