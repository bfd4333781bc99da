import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Application, ReflectionKind, type DeclarationReflection, type ProjectReflection } from 'typedoc';
import type { PluginOptions } from 'typedoc-plugin-markdown';
import { MarkdownReader } from './markdown.ts';
import { addressOf } from './site-map.ts';
import { root, type WorkspacePackage } from './workspace.ts';

/** The API of packages, from the comments of what they export. */
export interface ApiReference {
  /** Markdown by the path of its page. */
  readonly pages: ReadonlyMap<string, string>;
  /** The errors that callers can meet. */
  readonly errors: readonly ErrorClass[];
  /** What comments refer to and cannot be found; empty when all is well. */
  readonly warnings: readonly string[];
}

/** A class of errors that a package exports. */
export interface ErrorClass {
  /** The name of the package. */
  readonly from: string;
  readonly name: string;
  /** The type of its `code`; empty when it has none. */
  readonly code: string;
  readonly summary: string;
}

/** How the pages look. */
const look: PluginOptions = {
  outputFileStrategy: 'modules',
  hideBreadcrumbs: true,
  hidePageHeader: true,
  hideGroupHeadings: false,
  useCodeBlocks: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  enumMembersFormat: 'table',
};

/** Makes the pages of all packages that can be imported. @throws Error when the sources cannot be read */
export async function apiReference(packages: readonly WorkspacePackage[]): Promise<ApiReference> {
  const doors = packages.flatMap((each) => each.doors);
  const folder = mkdtempSync(join(tmpdir(), 'quorate-api-'));
  try {
    const app = await Application.bootstrapWithPlugins({
      name: 'Quorate',
      out: folder,
      plugin: ['typedoc-plugin-markdown'],
      tsconfig: join(root, 'tsconfig.json'),
      entryPointStrategy: 'resolve',
      entryPoints: doors.map(({ source }) => join(root, source)),
      // `npm run typecheck` is for that.
      skipErrorChecking: true,
      readme: 'none',
      disableSources: true,
      excludeExternals: true,
      excludePrivate: true,
      excludeInternal: true,
      validation: { notExported: false, invalidLink: true, rewrittenLink: true, notDocumented: false },
      ...look,
    });
    const warnings: string[] = [];
    app.logger.log = (message) => void warnings.push(message);
    const project = await app.convert();
    if (project === undefined) throw new Error(`typedoc cannot read the packages:\n${warnings.join('\n')}`);
    for (const module of project.children ?? [])
      module.name =
        doors.find(({ source }) => source.replace(/(?:\/index)?\.ts$/, '') === module.name)?.name ??
        module.name;
    const errors = errorsOf(project);
    await app.generateOutputs(project);
    return {
      pages: withAnchors(pagesIn(folder), await MarkdownReader.open()),
      errors,
      warnings: warnings.filter((text) => text.includes('links to')),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What was written, by the paths of pages. */
function pagesIn(folder: string): ReadonlyMap<string, string> {
  const files = globSync('@quorate/**/*.md', { cwd: folder });
  return new Map(
    files.map((file) => {
      const markdown = readFileSync(join(folder, file), 'utf8').replace(
        /\]\(((?!#)[^)\s]+?\.md)(#[^)]*)?\)/g,
        (_, path: string, anchor = '') => `](${addressOf(pageOf(join(dirname(file), path)))}${anchor})`,
      );
      const [, project = ''] = file.replace(/\.md$/, '').split('/');
      const about = `What these names are for, and what they promise, stands in the [README](/packages/${project}/).`;
      const page = markdown.replace(/^(# @.*)$/m, `$1\n\n${about}`);
      return [pageOf(file), `---\noutline: [2, 3]\n---\n\n${page}`];
    }),
  );
}

/**
 * The pages with anchors as they are on them. Where a class and a member together sound like another name (`AuthError.code` and
 * `AuthErrorCode`), typedoc numbers the other one's anchor, though the headings do not collide.
 */
function withAnchors(
  pages: ReadonlyMap<string, string>,
  reader: MarkdownReader,
): ReadonlyMap<string, string> {
  const anchors = new Map(
    [...pages].map(([page, markdown]) => [
      addressOf(page),
      new Set([
        ...reader.read(markdown).anchors,
        ...[...markdown.matchAll(/<a id="([^"]+)"/g)].map(([, id = '']) => id),
      ]),
    ]),
  );
  return new Map(
    [...pages].map(([page, markdown]) => [
      page,
      markdown.replace(
        /\]\((\/[^)#\s]*)?#([^)\s]+)-\d+\)/g,
        (whole, address: string | undefined, name: string) => {
          const there = anchors.get(address ?? addressOf(page));
          return there?.has(whole.slice(whole.indexOf('#') + 1, -1)) === false && there.has(name)
            ? `](${address ?? ''}#${name})`
            : whole;
        },
      ),
    ]),
  );
}

/** `@quorate/wire/namespaces/rpcpb/README.md` is at `packages/wire/api/rpcpb`. */
function pageOf(file: string): string {
  const [, project = '', ...rest] = file.replace(/(?:\/README)?\.md$/, '').split('/');
  return ['packages', project, 'api', ...rest.filter((part) => part !== 'namespaces')].join('/');
}

function errorsOf(project: ProjectReflection): ErrorClass[] {
  return (project.children ?? []).flatMap((module) =>
    (module.children ?? []).filter(isError).map((each) => ({
      from: module.name,
      name: each.name,
      code: each.children?.find(({ name }) => name === 'code')?.type?.toString() ?? '',
      summary: (each.comment?.summary ?? []).map(({ text }) => text).join(''),
    })),
  );
}

function isError(reflection: DeclarationReflection): boolean {
  return reflection.kind === ReflectionKind.Class && reflection.name.endsWith('Error');
}
