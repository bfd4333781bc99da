import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { evaluate } from './evaluate.ts';
import { parseTemplate } from './parser.ts';
import { TemplateError, type Node } from './syntax.ts';
import { isDict, Method, printed, type Dict } from './values.ts';

/** What a chart is rendered with. */
export interface RenderOptions {
  /** The folder with `Chart.yaml`. */
  readonly chartDir: string;
  readonly releaseName: string;
  readonly namespace: string;
  /** Laid over the chart's own values, dictionaries entry by entry; nothing takes an entry away. */
  readonly values?: Dict;
  /** Whether this is `helm upgrade`, and not `helm install`. */
  readonly isUpgrade?: boolean;
}

/** What came of a chart. */
export interface RenderedChart {
  /** Every document of every template, in the order of the files. */
  readonly documents: readonly Dict[];
  /** What the user reads after an installation; undefined without `NOTES.txt`. */
  readonly notes: string | undefined;
}

/**
 * Renders a chart as `helm template` does, as far as our charts go: their own templates, with the functions of
 * `functions.ts`, without dependencies, hooks and look-ups in a cluster. What it does not know it refuses.
 *
 * @throws TemplateError that names the file
 */
export function renderChart(options: RenderOptions): RenderedChart {
  const files = templateFiles(options.chartDir);
  const templates = new Map<string, readonly Node[]>();
  for (const { parsed } of files) {
    for (const [name, nodes] of parsed.defined) templates.set(name, nodes);
  }
  const dot = dotOf(options);
  const outputs = files
    .filter(({ path }) => !basename(path).startsWith('_'))
    .map(({ path, parsed }) => ({
      path,
      text: inFile(path, () => evaluate(parsed.nodes, { dot, templates })),
    }));
  return {
    documents: outputs
      .filter(({ path }) => path.endsWith('.yaml'))
      .flatMap(({ path, text }) => documentsOf(path, text)),
    notes: outputs.find(({ path }) => basename(path) === 'NOTES.txt')?.text,
  };
}

/** The documents of a stream of YAML, without those that are empty. @throws TemplateError */
export function documentsOf(path: string, text: string): Dict[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new TemplateError(`${path}: ${error.message}`);
    const value: unknown = document.toJS();
    if (value === null || value === undefined) return [];
    if (!isDict(value)) throw new TemplateError(`${path}: a document is no dictionary`);
    return [value];
  });
}

/** The values of a chart with others laid over them; `null` takes an entry away, as in Helm. */
export function mergeValues(base: Dict, over: Dict): Dict {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    if (value === null) delete merged[key];
    else merged[key] = isDict(before) && isDict(value) ? mergeValues(before, value) : value;
  }
  return merged;
}

function templateFiles(chartDir: string) {
  const dir = join(chartDir, 'templates');
  return globSync('**/*', { cwd: dir })
    .filter((path) => /\.(yaml|tpl|txt)$/.test(path))
    .sort()
    .map((path) => ({
      path,
      parsed: inFile(path, () => parseTemplate(readFileSync(join(dir, path), 'utf8'))),
    }));
}

function inFile<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new TemplateError(`${path}: ${error.message}`, { cause: error });
  }
}

function dotOf({ chartDir, releaseName, namespace, values = {}, isUpgrade = false }: RenderOptions): Dict {
  const chart = yamlFile(join(chartDir, 'Chart.yaml'));
  return {
    Values: mergeValues(yamlFile(join(chartDir, 'values.yaml')), values),
    Chart: { Name: chart['name'], Version: chart['version'], AppVersion: chart['appVersion'] },
    Release: {
      Name: releaseName,
      Namespace: namespace,
      Service: 'Helm',
      IsInstall: !isUpgrade,
      IsUpgrade: isUpgrade,
    },
    Files: {
      Get: new Method((path) => {
        const file = join(chartDir, printed(path));
        return existsSync(file) ? readFileSync(file, 'utf8') : '';
      }),
    },
  };
}

function yamlFile(path: string): Dict {
  const value: unknown = parse(readFileSync(path, 'utf8'));
  if (!isDict(value)) throw new TemplateError(`${path} is no dictionary`);
  return value;
}
