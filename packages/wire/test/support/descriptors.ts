import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createFileRegistry, fromBinary, type FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const root = resolve(import.meta.dirname, '../../../..');
const protoDir = join(root, 'proto');

/** What protoc makes of `proto/`, with all that is imported. */
export function loadDescriptors(): FileRegistry {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-wire-'));
  try {
    const output = join(dir, 'all.binpb');
    const files = globSync('**/*.proto', { cwd: protoDir }).sort();
    const args = ['-I', protoDir, '--include_imports', `--descriptor_set_out=${output}`, ...files];
    const { status, stderr } = spawnSync(join(root, 'node_modules/.bin/protoc'), args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`protoc exited with ${status}: ${stderr}`);
    return createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(output)));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
