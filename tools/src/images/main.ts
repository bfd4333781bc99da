import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { buildImage, makeContext, megabytes } from './build-image.ts';
import { askEngine, findEngine } from './engine.ts';
import { checkoutFacts } from './facts.ts';
import { imageSpecOf, imageSpecs } from './image-specs.ts';

/**
 * `npm run images`: container images of a member, of the gateway and of quoratectl, from this checkout alone. No image
 * is pulled: Node and the libraries below it are those of this machine.
 *
 *     npm run images                                all three, with docker or podman
 *     npm run images -- quorate --tag=next          one of them, as localhost/quorate:next
 *     npm run images -- --output=images.tar         saved to a file as well, for another machine
 *     npm run images -- --context-only              only what goes into them, below dist/images
 */
const root = resolve(import.meta.dirname, '../../..');
const outDir = join(root, 'dist/images');

interface Options {
  readonly tag?: string;
  readonly engine?: string;
  readonly output?: string;
  readonly sourceMaps: boolean;
  readonly contextOnly: boolean;
  readonly programsOnly: boolean;
}

const command = new Command('npm run images --')
  .description('Builds the container images of this checkout; no image is pulled for that.')
  .argument('[names...]', `which ones: ${imageSpecs.map(({ name }) => name).join(', ')}`)
  .option('--tag <tag>', 'tag of the images, in place of the version and "latest"')
  .option('--engine <name>', 'docker or podman, in place of what answers first')
  .option('--output <file>', 'save the images to this tar file, too')
  .option('--source-maps', 'put maps to the sources into the images', false)
  .option('--context-only', 'make what goes into the images, and build none', false)
  .option('--programs-only', 'as --context-only, without what a base image brings, such as Node', false)
  .action(run);
try {
  await command.parseAsync();
} catch (error) {
  console.error(`images: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function run(names: readonly string[], options: Options): Promise<void> {
  const specs = names.length === 0 ? imageSpecs : names.map(imageSpecOf);
  const { sourceMaps, programsOnly: isForBase } = options;
  const facts = checkoutFacts(root);
  const engine = options.contextOnly || isForBase ? undefined : findEngine(options.engine);
  const tags = options.tag === undefined ? [facts.version, 'latest'] : [options.tag];
  const built: string[] = [];
  for (const spec of specs) {
    const context = await makeContext(spec, { root, outDir, facts, sourceMaps, isForBase });
    if (engine === undefined) {
      console.log(`${context.dir}: ${megabytes(context.sizeBytes)}`);
      continue;
    }
    // Without a registry in its name, an engine may look for one.
    const references = tags.map((tag) => `localhost/${spec.name}:${tag}`);
    const sizeBytes = buildImage(context, { engine, facts, references });
    built.push(...references);
    console.log(`${references.join(', ')}: ${megabytes(sizeBytes)}`);
  }
  if (engine !== undefined && options.output !== undefined) {
    const several = engine.name === 'podman' && built.length > 1 ? ['--multi-image-archive'] : [];
    askEngine(engine, ['save', ...several, '--output', resolve(options.output), ...built]);
    console.log(`saved to ${options.output}`);
  }
}
