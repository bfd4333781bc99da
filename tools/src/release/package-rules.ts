import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { moduleGraph } from './module-graph.ts';

/** A manifest as a registry gets it, as far as the rules below look at it. */
interface PublishedManifest {
  readonly name?: string;
  readonly version?: string;
  readonly description?: string;
  readonly license?: string;
  readonly type?: string;
  readonly keywords?: readonly string[];
  readonly engines?: { readonly node?: string };
  readonly publishConfig?: Readonly<Record<string, unknown>>;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly [field: string]: unknown;
}

/** All that may be in a package: what runs, what types it, what says how it is used. */
const allowedFiles = [
  /^package\.json$/,
  /^(?:README|DESIGN(?:-[a-z]+)?)\.md$/,
  /^LICENSE$/,
  /^bin\/[\w-]+\.js$/,
  /^bundle\/(?:[\w-]+\.js|LICENSES\.txt)$/,
  /^src\/(?:[\w-]+\/)*[\w.-]+\.(?:js|js\.map|d\.ts)$/,
];

const forbiddenFields = [
  'nx',
  'scripts',
  'devDependencies',
  'private',
  'workspaces',
  'overrides',
  'main',
  'types',
];

/**
 * What is wrong with a package as it would be published (or was, unpacked); nothing, when it is as it should be: it
 * holds what runs and nothing of the checkout, and its manifest names files that are there, exact versions, and
 * packages of ours of its own version.
 */
export function packageProblems(dir: string, version: string): string[] {
  // Whatever it is: each field is looked at before it counts.
  const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as PublishedManifest;
  const files = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1));
  return [
    ...fileProblems(files),
    ...fieldProblems(manifest, version),
    ...doorProblems(manifest),
    ...dependencyProblems(manifest, version),
    ...commandProblems(dir, manifest),
    ...graphProblems(dir, manifest),
  ];
}

function fileProblems(files: readonly string[]): string[] {
  const missing = ['package.json', 'README.md', 'LICENSE'].filter((file) => !files.includes(file));
  const strange = files.filter((file) => !allowedFiles.some((pattern) => pattern.test(file)));
  return [
    ...missing.map((file) => `${file} is missing`),
    ...strange.map((file) => `${file} has no place in a package`),
  ];
}

function fieldProblems(manifest: PublishedManifest, version: string): string[] {
  const { description, license, type, keywords, engines, publishConfig } = manifest;
  const problems = forbiddenFields
    .filter((field) => field in manifest)
    .map((field) => `package.json has "${field}"`);
  const expected: [boolean, string][] = [
    [manifest.version === version, `version is ${manifest.version}, and not ${version}`],
    [description !== undefined && description !== '', 'description is missing'],
    [license === 'Apache-2.0', 'license is not Apache-2.0'],
    [type === 'module', 'type is not module'],
    [keywords !== undefined && keywords.length > 0, 'keywords are missing'],
    [engines?.node !== undefined, 'engines.node is missing'],
    // With "provenance" here nobody could publish from anywhere but a CI that can sign.
    [JSON.stringify(publishConfig) === '{"access":"public"}', 'publishConfig is not {"access":"public"}'],
  ];
  return [...problems, ...expected.filter(([holds]) => !holds).map(([, problem]) => problem)];
}

/** Types come first, since a reader of conditions takes the first that fits. */
function doorProblems({ exports = {} }: PublishedManifest): string[] {
  return Object.entries(exports).flatMap(([door, target]) => {
    const path = target['default']?.replace(/\.js$/, '');
    const expected = { types: `${path}.d.ts`, default: `${path}.js` };
    return JSON.stringify(target) === JSON.stringify(expected)
      ? []
      : [`the door ${door} is ${JSON.stringify(target)}, and not ${JSON.stringify(expected)}`];
  });
}

function dependencyProblems(manifest: PublishedManifest, version: string): string[] {
  const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
  const inexact = Object.entries(dependencies).filter(
    ([name, range]) => !(name.startsWith('@quorate/') ? range === version : /^\d+\.\d+\.\d+$/.test(range)),
  );
  const forced = Object.keys(peerDependencies).filter(
    (name) => peerDependenciesMeta[name]?.optional !== true,
  );
  return [
    ...inexact.map(
      ([name, range]) => `${name} is wanted as "${range}", which is not one exact version of it`,
    ),
    ...forced.map((name) => `the peer ${name} is not optional`),
  ];
}

function commandProblems(dir: string, { bin = {} }: PublishedManifest): string[] {
  return Object.entries(bin).flatMap(([name, path]) => {
    const file = join(dir, path);
    if (!existsSync(file)) return [`the command ${name} is ${path}, which is missing`];
    const problems: string[] = [];
    if ((statSync(file).mode & 0o111) !== 0o111) problems.push(`the command ${name} may not be run`);
    if (!readFileSync(file, 'utf8').startsWith('#!/usr/bin/env node\n'))
      problems.push(`the command ${name} does not say that Node runs it`);
    return problems;
  });
}

function graphProblems(dir: string, { exports = {}, bin = {} }: PublishedManifest): string[] {
  const named = [...Object.values(exports).flatMap((target) => Object.values(target)), ...Object.values(bin)];
  const entries = named.map((path) => path.replace(/^\.\//, ''));
  const missing = entries.filter((path) => !existsSync(join(dir, path)));
  if (missing.length > 0) return missing.map((path) => `${path} is named in package.json and missing`);
  const { unreachable, broken } = moduleGraph(dir, entries);
  return [
    ...unreachable.map((module) => `${module} is reached from no door and no command`),
    ...broken.map((place) => `${place} leads to no file of the package`),
  ];
}
