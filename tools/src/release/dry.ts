import { mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Checks, expectNone, forEachLimited } from './checks.ts';
import { checkCommands, startMember } from './commands.ts';
import { Consumer, type ConsumerEnvironment } from './consumer.ts';
import { attwProblems, publintProblems } from './lint-tarball.ts';
import { nxPublish } from './nx-release.ts';
import { packageProblems } from './package-rules.ts';
import { builtPackages, sizeOf, sizeTable, unpack, type BuiltPackage, type PackageSize } from './packages.ts';
import { checkPreview } from './preview.ts';
import { startRegistry, type LocalRegistry } from './registry.ts';
import { run } from './run.ts';

/**
 * `npm run release:dry`: a release from end to end, to a registry on this machine. Builds and publishes every package, looks at
 * what was published, installs each alone into a fresh project outside of the workspace, type-checks and runs the example of
 * its README there, and starts the commands. Packages of others come from the registry that npm is set to. Nothing is
 * left behind; the last line counts what held and what did not.
 */
const root = resolve(import.meta.dirname, '../../..');
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => stopping.abort(new Error(`stopped by ${signal}`)));
}
process.exitCode = await main();

async function main(): Promise<number> {
  const checks = new Checks(stopping.signal);
  try {
    // What cannot be begun at all, such as a build that fails, counts like everything else.
    await checks.check('a release goes through', () => release(checks));
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    console.log(String(stopping.signal.reason));
    checks.finish();
    return 1;
  }
  return checks.finish();
}

async function release(checks: Checks): Promise<void> {
  const { signal } = stopping;
  await using resources = new AsyncDisposableStack();
  const dir = mkdtempSync(join(tmpdir(), 'quorate-release-'));
  resources.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));

  await phase('building', () =>
    run(process.execPath, [join(root, 'tools/src/build.ts')], { cwd: root, signal }),
  );
  const packages = builtPackages(root);
  const version = packages[0]?.version ?? '';
  const registry = resources.use(await startRegistry(root, join(dir, 'registry')));
  const cache = join(dir, 'cache');
  await phase(`publishing ${packages.length} packages`, () =>
    nxPublish({ root, signal }, { url: registry.url, userConfig: registry.userConfig, cache }),
  );
  await phase('looking at what the next version would change', () =>
    checkPreview(checks, { root, signal }, version),
  );
  await phase('looking at tarballs', () => checkTarballs(checks, packages, registry, join(dir, 'unpacked')));
  const environment = { registryUrl: registry.url, cache, nodeTypes: nodeTypes(), root, signal };
  await phase('using packages', () => usePackages(checks, packages, environment, join(dir, 'consumers')));
}

/** Says what begins, and how long it took. */
async function phase<T>(title: string, work: () => Promise<T>): Promise<T> {
  stopping.signal.throwIfAborted();
  console.log(`== ${title}`);
  const start = performance.now();
  const result = await work();
  console.log(`   ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

async function checkTarballs(
  checks: Checks,
  packages: readonly BuiltPackage[],
  registry: LocalRegistry,
  dir: string,
): Promise<void> {
  const sizes: PackageSize[] = [];
  await forEachLimited(packages, 2, async ({ name, version, id, exports }) => {
    const tarball = registry.tarball(name, version);
    const unpacked = await unpack(tarball, join(dir, id));
    sizes.push(sizeOf(name, tarball, unpacked));
    await checks.check(`${name} holds what it needs and nothing else`, () =>
      expectNone(packageProblems(unpacked, version)),
    );
    await checks.check(`${name} passes publint`, async () => expectNone(await publintProblems(tarball)));
    // Who has no door has no types.
    if (exports === undefined) return;
    await checks.check(`${name} passes attw`, async () => expectNone(await attwProblems(root, tarball)));
  });
  console.log(sizeTable(sizes));
}

async function usePackages(
  checks: Checks,
  packages: readonly BuiltPackage[],
  environment: ConsumerEnvironment,
  dir: string,
): Promise<void> {
  const consumers = new Map(
    packages.map((one) => [one.id, new Consumer(join(dir, one.id), environment, one)] as const),
  );
  const [server, ctl, gateway] = ['server', 'ctl', 'gateway'].map((id) => consumers.get(id));
  if (server === undefined || ctl === undefined || gateway === undefined)
    throw new Error('an app is missing');
  await checks.check('@quorate/server installs', () => server.install());
  // Examples of packages that speak with a cluster find it in their environment, as in their tests.
  await using member = await startMember(server);
  const env = { ETCD_ENDPOINT: member.endpoint };
  await forEachLimited(packages, 2, async ({ id, name }) => {
    const consumer = consumers.get(id);
    if (consumer === undefined) return;
    if (id !== 'server' && !(await checks.check(`${name} installs alone`, () => consumer.install()))) return;
    const example = consumer.readmeExample();
    if (id !== 'ctl')
      await checks.check(`${name} has types for its doors and its example`, () =>
        consumer.checkTypes(example),
      );
    if (id !== 'ctl')
      await checks.check(`${name} does what its README says`, () => consumer.runExample(example, env));
  });
  await checkCommands(checks, { member, ctl, gateway, version: packages[0]?.version ?? '' });
}

/** The version of Node's types that we develop with. */
function nodeTypes(): string {
  // Our own manifest.
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  return manifest.devDependencies['@types/node'] ?? '*';
}
