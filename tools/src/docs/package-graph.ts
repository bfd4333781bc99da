import type { WorkspacePackage } from './workspace.ts';

/** A package in the drawing: a box with its middle at `x`, `y`. */
export interface GraphNode {
  readonly name: string;
  readonly description: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  /** Projects that it imports. */
  readonly needs: readonly string[];
}

/** An arrow from a package to one below that it needs, and that no other one that it needs brings along. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** A path of SVG. */
  readonly path: string;
}

/** All packages in rows, floor by floor, with the arrows between them; lengths are those of an SVG. */
export interface PackageGraph {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly floors: readonly { readonly title: string; readonly y: number }[];
}

const titles: Readonly<Record<string, string>> = {
  app: 'apps',
  '4': 'floor 4',
  '3': 'floor 3',
  '2': 'floor 2',
  '1': 'floor 1',
  '0': 'floor 0',
};
const rowHeight = 104;
const boxHeight = 34;
const gap = 14;
const left = 74;

/** Draws the packages by their floors. */
export function packageGraph(packages: readonly WorkspacePackage[]): PackageGraph {
  const rows = Object.keys(titles)
    .toSorted((a, b) => order(a) - order(b))
    .map((layer) => ({ layer, members: packages.filter((each) => each.layer === layer) }))
    .filter(({ members }) => members.length > 0);
  const widths = rows.map(({ members }) =>
    members.reduce((sum, { project }) => sum + boxWidth(project) + gap, -gap),
  );
  const width = left + Math.max(...widths) + 10;
  const nodes = rows.flatMap(({ members }, row) => {
    // A row that has room takes some of it.
    const free = width - left - 10 - (widths[row] ?? 0);
    const extra = Math.min(46, free / (members.length + 1));
    let x = left + (free - extra * (members.length - 1)) / 2;
    return members.map(({ project, description, needs }) => {
      const own = boxWidth(project);
      const node = { name: project, description, needs, width: own, x: x + own / 2, y: 40 + row * rowHeight };
      x += own + gap + extra;
      return node;
    });
  });
  return {
    width,
    height: 40 + (rows.length - 1) * rowHeight + boxHeight,
    nodes,
    edges: edgesOf(nodes),
    floors: rows.map(({ layer }, row) => ({ title: titles[layer] ?? layer, y: 40 + row * rowHeight })),
  };
}

/** The roof first. */
function order(layer: string): number {
  return layer === 'app' ? -5 : -Number(layer);
}

function boxWidth(name: string): number {
  return 26 + name.length * 8.2;
}

function edgesOf(nodes: readonly GraphNode[]): GraphEdge[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const reached = new Map<string, ReadonlySet<string>>();
  const reach = (name: string): ReadonlySet<string> => {
    const known = reached.get(name);
    if (known !== undefined) return known;
    const needs = byName.get(name)?.needs ?? [];
    const all = new Set([...needs, ...needs.flatMap((needed) => [...reach(needed)])]);
    reached.set(name, all);
    return all;
  };
  return nodes.flatMap((node) =>
    node.needs
      .filter((needed) => !node.needs.some((other) => other !== needed && reach(other).has(needed)))
      .flatMap((needed) => {
        const target = byName.get(needed);
        return target === undefined ? [] : [{ from: node.name, to: needed, path: curve(node, target) }];
      }),
  );
}

function curve(from: GraphNode, to: GraphNode): string {
  const round = (value: number): string => value.toFixed(1).replace(/\.0$/, '');
  if (from.y === to.y) {
    const side = from.x < to.x ? 1 : -1;
    return `M${round(from.x + (side * from.width) / 2)} ${from.y}H${round(to.x - (side * to.width) / 2)}`;
  }
  const [startY, endY] = [from.y + boxHeight / 2, to.y - boxHeight / 2];
  const bend = Math.max(24, (endY - startY) / 2);
  return `M${round(from.x)} ${round(startY)}C${round(from.x)} ${round(startY + bend)} ${round(to.x)} ${round(endY - bend)} ${round(to.x)} ${round(endY)}`;
}
