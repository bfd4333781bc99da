import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

/** Floors of the house: an import goes down, never up, and never sideways on floor 1. */
const floors = [
  { sourceTag: 'layer:0', onlyDependOnLibsWithTags: ['layer:0'] },
  { sourceTag: 'layer:1', onlyDependOnLibsWithTags: ['layer:0'] },
  { sourceTag: 'layer:2', onlyDependOnLibsWithTags: ['layer:0', 'layer:1'] },
  { sourceTag: 'layer:3', onlyDependOnLibsWithTags: ['layer:0', 'layer:1', 'layer:2'] },
  // What stands above a whole member: the simulator, and work on the data of one that does not run.
  { sourceTag: 'layer:4', onlyDependOnLibsWithTags: ['layer:0', 'layer:1', 'layer:2', 'layer:3'] },
  {
    sourceTag: 'layer:app',
    onlyDependOnLibsWithTags: ['layer:0', 'layer:1', 'layer:2', 'layer:3', 'layer:4'],
  },
  { sourceTag: 'layer:tools', onlyDependOnLibsWithTags: ['*'] },
  { sourceTag: 'deploy:gateway', onlyDependOnLibsWithTags: ['deploy:gateway'] },
];

/** What a pure core may not touch: time, chance, disk, sockets and the process come in as arguments. */
const impure = {
  globals: [
    'setTimeout',
    'setInterval',
    'setImmediate',
    'queueMicrotask',
    'process',
    'performance',
    'Date',
    'fetch',
  ],
  properties: [{ object: 'Math', property: 'random', message: 'Chance comes in as a Random.' }],
};

export default tseslint.config(
  {
    ignores: ['**/dist/**', '**/node_modules/**', 'packages/wire/src/generated/**', '.nx/**', 'coverage/**'],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
    files: ['**/*.ts'],
    plugins: { '@nx': nx },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@nx/enforce-module-boundaries': ['error', { depConstraints: floors, allow: [] }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allow: [{ name: ['bigint'], from: 'lib' }] },
      ],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['packages/{raft,mvcc,watch,lease,auth,membership,replica}/src/**/*.ts'],
    ignores: ['**/testing/**'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...impure.globals.map((name) => ({
          name,
          message: 'A pure core has no clock, disk or process of its own.',
        })),
      ],
      'no-restricted-properties': ['error', ...impure.properties],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: [
                'node:fs*',
                'node:net',
                'node:http*',
                'node:tls',
                'node:timers*',
                'node:child_process',
                'node:worker_threads',
              ],
              message: 'A pure core does no I/O.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['tools/**/*.ts', 'e2e/**/*.ts', 'packages/*/bench/**/*.ts', 'apps/ctl/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  { files: ['**/*.mjs', '**/*.js'], ...tseslint.configs.disableTypeChecked },
);
