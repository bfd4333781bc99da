#!/usr/bin/env node
import * as nodeModule from 'node:module';

// Plain ES2020, so that an old Node can parse it and say what is wrong.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    `quorate-gateway needs Node 22.22 or newer, and this is ${process.versions.node}: ` +
      'run it through npm (npx quorate-gateway), or run "npm rebuild node" in the checkout first.\n',
  );
  process.exit(1);
}
// Code that was compiled (and stripped of its types) once is not compiled again at the next start.
nodeModule.enableCompileCache?.();
import('../src/main.ts').then(({ main }) => main(process.argv.slice(2)));
