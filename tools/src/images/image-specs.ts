import type { ProgramName } from './programs.ts';

/** An image: what it is called, and what is in it. */
export interface ImageSpec {
  /** Its name, and the ending of its Containerfile. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly programs: readonly ProgramName[];
  /** What it can be told to run, of those in `deploy/images/bin`. */
  readonly commands: readonly string[];
  /** Whether it opens a store, and so needs the engine below that. */
  readonly hasEngine: boolean;
}

/** The images that a release has. Members bring quoratectl along, since that is what operators run beside them. */
export const imageSpecs: readonly ImageSpec[] = [
  {
    name: 'quorate',
    title: 'Quorate',
    description: 'One member of a Quorate cluster: the API, log and formats of etcd. With quoratectl.',
    programs: ['server', 'ctl'],
    commands: ['quorate', 'quorate-health', 'quoratectl'],
    hasEngine: true,
  },
  {
    name: 'quorate-gateway',
    title: 'Quorate gateway',
    description: "etcd's API as JSON over HTTP, in front of any etcd-compatible cluster.",
    programs: ['gateway'],
    commands: ['quorate-gateway', 'quorate-gateway-health'],
    hasEngine: false,
  },
  {
    name: 'quoratectl',
    title: 'quoratectl',
    description: 'The command line of Quorate and etcd, for live clusters and for data directories at rest.',
    programs: ['ctl'],
    commands: ['quoratectl'],
    hasEngine: true,
  },
];

/** @throws Error for a name that no image has */
export function imageSpecOf(name: string): ImageSpec {
  const spec = imageSpecs.find((known) => known.name === name);
  if (spec !== undefined) return spec;
  throw new Error(`there is no image "${name}": there are ${imageSpecs.map(({ name }) => name).join(', ')}`);
}
