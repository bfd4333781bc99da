import { code, plain, table } from './tables.ts';
import type { WorkspacePackage } from './workspace.ts';

const floors: Readonly<Record<string, string>> = {
  app: 'Programs',
  '4': 'Floor 4: above a whole member',
  '3': 'Floor 3: what puts the parts together',
  '2': 'Floor 2: protocols and clients',
  '1': 'Floor 1: cores and formats, which do not know each other',
  '0': 'Floor 0: what all stand on',
};

/** The page that lists the packages, made of their manifests. */
export function packagesPage(packages: readonly WorkspacePackage[]): string {
  const byFloor = Map.groupBy(packages, ({ layer }) => layer);
  const layers = ['app', '4', '3', '2', '1', '0'].filter((layer) => byFloor.has(layer));
  return [
    '# Packages',
    '',
    `Quorate is ${packages.length} packages. Each can be installed, tested, read and released alone; which of them fit your purpose says`,
    'the guide [Single packages](/guides/single-packages). Who may import whom says the [architecture](/architecture).',
    '',
    ...layers.flatMap((layer) => [
      `## ${floors[layer] ?? layer}`,
      '',
      table(['package', 'what it is', 'pages'], (byFloor.get(layer) ?? []).map(rowOf)),
      '',
    ]),
  ].join('\n');
}

function rowOf({ name, project, description, doors }: WorkspacePackage): string[] {
  const links = [
    `[README](/packages/${project}/)`,
    ...(doors.length > 0 ? [`[API](/packages/${project}/api)`] : []),
  ];
  return [code(name), plain(description), links.join(' · ')];
}

/** The page that lists the decisions, by their numbers. */
export function decisionsPage(
  decisions: readonly { readonly page: string; readonly title: string }[],
): string {
  return [
    '# Decisions',
    '',
    'What was decided for several packages at once: the context, the choice, and what it costs.',
    '',
    ...decisions.map(({ page, title }) => `- [${title.replace(/^\d+\. /, '')}](/${page})`),
    '',
  ].join('\n');
}
