import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * Generates `packages/wire/src/generated` from `proto/`: protoc (shipped whole inside its npm package)
 * with ts-proto. The output is committed; `--check` regenerates elsewhere and compares.
 */
const root = resolve(import.meta.dirname, '../..');

const tsProtoOptions = [
  'forceLong=bigint',
  'esModuleInterop=true',
  'importSuffix=.ts',
  'outputServices=generic-definitions',
  'oneof=unions-value',
  'outputJsonMethods=false',
  'useExactTypes=false',
  'enumsAsLiterals=true',
  'unrecognizedEnum=false',
  'emitImportedFiles=false',
  'annotateFilesWithVersion=false',
];

function generate(outDir: string): void {
  rmSync(outDir, { recursive: true, force: true });
  mkdirSync(outDir, { recursive: true });
  const files = globSync('**/*.proto', { cwd: join(root, 'proto') })
    .filter((file) => !file.startsWith('google/'))
    .sort();
  run('protoc', [
    `-I${join(root, 'proto')}`,
    `--plugin=protoc-gen-ts_proto=${join(root, 'node_modules/.bin/protoc-gen-ts_proto')}`,
    `--ts_proto_out=${outDir}`,
    `--ts_proto_opt=${tsProtoOptions.join(',')}`,
    ...files,
  ]);
  // The fresh copy of a check lies below node_modules, which prettier passes over unless told.
  run('prettier', ['--log-level=warn', '--ignore-path=/dev/null', '--with-node-modules', '--write', outDir]);
}

function run(tool: string, args: readonly string[]): void {
  const path = join(root, 'node_modules/.bin', tool);
  const { status, error } = spawnSync(path, args, { cwd: root, stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${tool} exited with ${status}`);
}

const committed = join(root, 'packages/wire/src/generated');
if (process.argv.includes('--check')) {
  const fresh = join(root, 'node_modules/.cache/generated-wire');
  generate(fresh);
  const { status } = spawnSync('diff', ['-r', committed, fresh], { stdio: 'inherit' });
  if (status !== 0) {
    console.error('The generated code differs from proto/: run "npm run generate" and commit the result.');
    process.exit(1);
  }
  console.log('generated code is up to date');
} else {
  generate(committed);
}
