import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  writeDescriptors(outDir);
  // The fresh copy of a check lies below node_modules, which prettier passes over unless told.
  run('prettier', ['--log-level=warn', '--ignore-path=/dev/null', '--with-node-modules', '--write', outDir]);
}

/** The services that have HTTP routes. */
const servicesWithRoutes = [
  'etcdserverpb/rpc.proto',
  'v3lockpb/v3lock.proto',
  'v3electionpb/v3election.proto',
];

/** What the messages of clients look like, for whoever has to know at run time: a FileDescriptorSet in base64. */
function writeDescriptors(outDir: string): void {
  const path = join(outDir, 'api-descriptors.ts');
  run('protoc', [
    `-I${join(root, 'proto')}`,
    '--include_imports',
    `--descriptor_set_out=${path}`,
    ...servicesWithRoutes,
  ]);
  const lines = readFileSync(path, 'base64').match(/.{1,100}/g) ?? [];
  const text = lines.map((line) => `  '${line}',\n`).join('');
  writeFileSync(
    path,
    '// Generated from proto/ by "npm run generate".\n\n' +
      '/** A google.protobuf.FileDescriptorSet of the services with HTTP routes and all they use, in base64. */\n' +
      `export const apiDescriptors: string = [\n${text}].join('');\n`,
  );
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
