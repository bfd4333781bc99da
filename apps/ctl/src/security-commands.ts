import type { Command } from './cli/command.ts';
import type { FlagDefinition } from './cli/flags.ts';

/** Authentication on and off. */
export const authCommand: Command = {
  name: 'auth',
  use: 'auth <enable or disable>',
  short: 'Enable or disable authentication',
  children: [
    {
      name: 'enable',
      use: 'enable',
      short: 'Enables authentication',
      load: async () => (await import('./commands/auth.ts')).authEnable,
    },
    {
      name: 'disable',
      use: 'disable',
      short: 'Disables authentication',
      load: async () => (await import('./commands/auth.ts')).authDisable,
    },
    {
      name: 'status',
      use: 'status',
      short: 'Returns authentication status',
      load: async () => (await import('./commands/auth.ts')).authStatus,
    },
  ],
};

/** Who there is. */
export const userCommand: Command = {
  name: 'user',
  use: 'user <subcommand>',
  short: 'User related commands',
  children: [
    {
      name: 'add',
      use: 'add <user name or user:password> [options]',
      short: 'Adds a new user',
      flags: [
        {
          name: 'interactive',
          kind: 'bool',
          default: true,
          usage: 'Read password from stdin instead of interactive terminal',
        },
        {
          name: 'new-user-password',
          kind: 'string',
          default: '',
          usage: 'Supply password from the command line flag',
        },
        {
          name: 'no-password',
          kind: 'bool',
          default: false,
          usage: 'Create a user without password (CN based auth only)',
        },
      ],
      load: async () => (await import('./commands/user.ts')).userAdd,
    },
    {
      name: 'delete',
      use: 'delete <user name>',
      short: 'Deletes a user',
      load: async () => (await import('./commands/user.ts')).userDelete,
    },
    {
      name: 'get',
      use: 'get <user name> [options]',
      short: 'Gets detailed information of a user',
      flags: [
        {
          name: 'detail',
          kind: 'bool',
          default: false,
          usage: 'Show permissions of roles granted to the user',
        },
      ],
      load: async () => (await import('./commands/user.ts')).userGet,
    },
    {
      name: 'list',
      use: 'list',
      short: 'Lists all users',
      load: async () => (await import('./commands/user.ts')).userList,
    },
    {
      name: 'passwd',
      use: 'passwd <user name> [options]',
      short: 'Changes password of user',
      flags: [
        {
          name: 'interactive',
          kind: 'bool',
          default: true,
          usage: 'If true, read password from stdin instead of interactive terminal',
        },
      ],
      load: async () => (await import('./commands/user.ts')).userPasswd,
    },
    {
      name: 'grant-role',
      use: 'grant-role <user name> <role name>',
      short: 'Grants a role to a user',
      load: async () => (await import('./commands/user.ts')).userGrantRole,
    },
    {
      name: 'revoke-role',
      use: 'revoke-role <user name> <role name>',
      short: 'Revokes a role from a user',
      load: async () => (await import('./commands/user.ts')).userRevokeRole,
    },
  ],
};

/** Flags of the commands about permissions; `verb` is what they do with one. */
const permissionFlags = (verb: 'grant' | 'revoke'): readonly FlagDefinition[] => [
  { name: 'prefix', kind: 'bool', default: false, usage: `${verb} a prefix permission` },
  {
    name: 'from-key',
    kind: 'bool',
    default: false,
    usage: `${verb} a permission of keys that are greater than or equal to the given key using byte compare`,
  },
];

/** What they may do. */
export const roleCommand: Command = {
  name: 'role',
  use: 'role <subcommand>',
  short: 'Role related commands',
  children: [
    {
      name: 'add',
      use: 'add <role name>',
      short: 'Adds a new role',
      load: async () => (await import('./commands/role.ts')).roleAdd,
    },
    {
      name: 'delete',
      use: 'delete <role name>',
      short: 'Deletes a role',
      load: async () => (await import('./commands/role.ts')).roleDelete,
    },
    {
      name: 'get',
      use: 'get <role name>',
      short: 'Gets detailed information of a role',
      load: async () => (await import('./commands/role.ts')).roleGet,
    },
    {
      name: 'list',
      use: 'list',
      short: 'Lists all roles',
      load: async () => (await import('./commands/role.ts')).roleList,
    },
    {
      name: 'grant-permission',
      use: 'grant-permission [options] <role name> <permission type> <key> [endkey]',
      short: 'Grants a key to a role',
      flags: permissionFlags('grant'),
      load: async () => (await import('./commands/role.ts')).roleGrantPermission,
    },
    {
      name: 'revoke-permission',
      use: 'revoke-permission <role name> <key> [endkey]',
      short: 'Revokes a key from a role',
      flags: permissionFlags('revoke'),
      load: async () => (await import('./commands/role.ts')).roleRevokePermission,
    },
  ],
};
