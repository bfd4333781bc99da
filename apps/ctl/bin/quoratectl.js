#!/usr/bin/env node
// Plain ES2020 up to the import, so that an old Node can parse this file and say what is wrong.
import * as nodeModule from 'node:module';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    `quoratectl needs Node 22.22 or newer, and this is ${process.versions.node}: ` +
      'run it through npm (npx quoratectl), or run "npm rebuild node" in the checkout first.\n',
  );
  process.exit(1);
}
// Later runs start faster; on a Node or a disk that cannot, nothing is lost.
nodeModule.enableCompileCache?.();
await import('../src/main.ts');
