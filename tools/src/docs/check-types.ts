import { dirname, join } from 'node:path';
import ts from 'typescript';
import { root } from './workspace.ts';

/** A block of TypeScript in a document. */
export interface TypedBlock {
  /** The document, relative to the checkout: imports are looked for from its folder. */
  readonly document: string;
  /** The line of its opening fence, from 1. */
  readonly line: number;
  readonly code: string;
}

/** What readers of the documents are asked to have: no more than `strict`. */
const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2024,
  lib: [
    'lib.es2024.d.ts',
    'lib.esnext.disposable.d.ts',
    'lib.esnext.array.d.ts',
    'lib.esnext.collection.d.ts',
    'lib.esnext.iterator.d.ts',
  ],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
};

/** Checks the types of all blocks against the packages of the checkout. Says `document:line: what is wrong` of each error. */
export function typeProblems(blocks: readonly TypedBlock[]): string[] {
  const files = new Map(blocks.map((block) => [fileOf(block), block]));
  const disk = ts.createCompilerHost({ ...options, typeRoots: [join(root, 'node_modules/@types')] });
  // Without an export a file is a script, whose names are those of all others.
  const textOf = (path: string): string | undefined => {
    const block = files.get(path);
    return block === undefined ? undefined : `${block.code}\nexport {};\n`;
  };
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (path) => files.has(path) || disk.fileExists(path),
    readFile: (path) => textOf(path) ?? disk.readFile(path),
    getSourceFile: (path, ...rest) => {
      const text = textOf(path);
      if (text === undefined) return disk.getSourceFile(path, ...rest);
      const format = {
        languageVersion: ts.ScriptTarget.ES2024,
        impliedNodeFormat: ts.ModuleKind.ESNext,
      } as const;
      return ts.createSourceFile(path, text, format, true);
    },
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files].flatMap(([path, block]) => {
    const source = program.getSourceFile(path);
    const syntax = program.getSyntacticDiagnostics(source);
    const found = syntax.length > 0 ? syntax : program.getSemanticDiagnostics(source);
    return found.map((diagnostic) => sayOf(diagnostic, block));
  });
}

/** A file that is only thought of, beside the document. */
function fileOf({ document, line }: TypedBlock): string {
  return join(root, dirname(document), `line-${line}-of-${document.replace(/\W/g, '-')}.ts`);
}

function sayOf({ file, start, messageText }: ts.Diagnostic, { document, line }: TypedBlock): string {
  const at = file === undefined || start === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line;
  return `${document}:${line + 1 + at}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}
