import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkedSize, sizeMax } from '../src/images/build-image.ts';
import { copyEngine, engineOf } from '../src/images/engine-packages.ts';
import { findEngine } from '../src/images/engine.ts';
import { checkoutFacts, webAddress } from '../src/images/facts.ts';
import { imageSpecOf, imageSpecs } from '../src/images/image-specs.ts';
import { labelsOf } from '../src/images/labels.ts';
import { librariesOf, parseLdd } from '../src/images/libraries.ts';
import { userId } from '../src/images/system-files.ts';
import { settleTree } from '../src/images/settle-tree.ts';

const root = resolve(import.meta.dirname, '../..');
const isLinux = process.platform === 'linux';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-images-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('what an image is made from', () => {
  test('the libraries of a program are those that ldd finds, and not what the kernel provides', () => {
    const text = [
      '\tlinux-vdso.so.1 (0x00007f7b32564000)',
      '\tlibstdc++.so.6 => /lib/x86_64-linux-gnu/libstdc++.so.6 (0x00007f7b32200000)',
      '\t/lib64/ld-linux-x86-64.so.2 (0x00007f7b32566000)',
      '',
    ].join('\n');
    expect(parseLdd(text)).toEqual([
      { name: 'libstdc++.so.6', path: '/lib/x86_64-linux-gnu/libstdc++.so.6' },
      { name: '/lib64/ld-linux-x86-64.so.2', path: '/lib64/ld-linux-x86-64.so.2' },
    ]);
    expect(parseLdd('\tstatically linked\n')).toEqual([]);
  });

  test('a library that is not installed is named', () => {
    expect(() => parseLdd('\tlibatomic.so.1 => not found\n')).toThrow('libatomic.so.1 is not installed');
  });

  test.skipIf(!isLinux)('Node needs a loader and a C library, each listed once', () => {
    const paths = librariesOf([process.execPath, process.execPath]).map(({ path }) => path);
    expect(paths).toContainEqual(expect.stringMatching(/\/ld-linux/));
    expect(paths).toContainEqual(expect.stringMatching(/\/libc\.so\.6$/));
    expect(new Set(paths).size).toBe(paths.length);
    expect(() => librariesOf([join(dir, 'none')])).toThrow('none');
  });

  test.skipIf(!isLinux)(
    'each engine comes with all that it needs to be loaded, its license, and no other platform',
    () => {
      const platform = `linux-${process.arch}`;
      for (const engine of ['linux-x64', 'linux-arm64'].map(engineOf)) {
        const hasPrebuilt = readdirSync(join(root, 'node_modules', engine.name, 'prebuilds')).includes(
          platform,
        );
        if (!hasPrebuilt) continue;
        const outDir = join(dir, engine.name, 'node_modules');
        copyEngine({ root, outDir, platform, engine });
        const copied = join(outDir, engine.name);
        expect(readdirSync(copied)).toContain('LICENSE');
        expect(globSync('deps/**/{LICENSE,COPYING}*', { cwd: copied })).not.toEqual([]);
        expect(readdirSync(join(copied, 'prebuilds'))).toEqual([platform]);
        const entry = engine.scripts === 'all' ? engine.name : `${engine.name}/${engine.scripts.join()}`;
        const loaded = spawnSync(process.execPath, ['-p', `typeof require('${entry}')`], {
          cwd: join(dir, engine.name),
          encoding: 'utf8',
        });
        expect(loaded.stderr).toBe('');
        expect(loaded.stdout.trim()).toMatch(/^(object|function)$/);
      }
    },
  );

  test('a platform without an engine has no image', () => {
    expect(() => engineOf('linux-s390x')).toThrow('there is no image for linux-s390x');
    expect(() => copyEngine({ root: dir, outDir: join(dir, 'out'), platform: 'linux-x64' })).toThrow(
      'the package @nxtedition/rocksdb is not installed: run npm ci first',
    );
  });

  test('files get modes that all may read, and one time, whatever they had', () => {
    const tree = join(dir, 'tree');
    mkdirSync(join(tree, 'bin'), { recursive: true });
    mkdirSync(join(tree, 'tmp'));
    writeFileSync(join(tree, 'bin/run'), '12345');
    chmodSync(join(tree, 'bin/run'), 0o700);
    writeFileSync(join(tree, 'text'), '123');
    chmodSync(join(tree, 'text'), 0o600);
    symlinkSync('bin/run', join(tree, 'link'));
    const time = new Date('2020-02-02T02:02:02Z');
    expect(settleTree(tree, time, { tmp: 0o1777 })).toBe(8);
    const modeOf = (path: string): number => lstatSync(join(tree, path)).mode & 0o7777;
    expect(['', 'bin', 'bin/run', 'text', 'tmp'].map(modeOf)).toEqual([0o755, 0o755, 0o755, 0o644, 0o1777]);
    for (const path of ['', 'bin', 'bin/run', 'text', 'tmp', 'link']) {
      expect(lstatSync(join(tree, path)).mtime).toEqual(time);
    }
  });

  test('an image that is too large is refused with its size', () => {
    expect(checkedSize('quorate', sizeMax)).toBe(200_000_000);
    expect(() => checkedSize('quorate', 200_100_000)).toThrow(
      'quorate has 200.1 MB, and at most 200.0 MB are allowed',
    );
  });
});

describe('what an image says of itself', () => {
  test('labels have the names of the OCI specification, and none stands there empty', () => {
    const facts = { title: 'Quorate', description: 'A member.', version: '0.1.0', licenses: 'Apache-2.0' };
    expect(labelsOf({ ...facts, revision: 'abc', source: '' })).toEqual({
      'org.opencontainers.image.title': 'Quorate',
      'org.opencontainers.image.description': 'A member.',
      'org.opencontainers.image.version': '0.1.0',
      'org.opencontainers.image.revision': 'abc',
      'org.opencontainers.image.licenses': 'Apache-2.0',
    });
  });

  test('version and license are those of the server, and a time can be given', () => {
    const facts = checkoutFacts(root, { SOURCE_DATE_EPOCH: '86400', QUORATE_REVISION: 'abc' });
    expect(facts).toMatchObject({ licenses: 'Apache-2.0', revision: 'abc', time: new Date(86_400_000) });
    expect(facts.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(webAddress('git+https://example.org/a/b.git')).toBe('https://example.org/a/b');
  });

  test('an image that does not exist is refused with those that do', () => {
    expect(() => imageSpecOf('etcd')).toThrow(
      'there is no image "etcd": there are quorate, quorate-gateway, quoratectl',
    );
  });

  test('who asks for an engine that does not answer is told what was tried and what to do', () => {
    expect(() => findEngine('none')).toThrow(/no container engine answers.*--context-only/);
  });
});

describe('Containerfiles', () => {
  const textOf = (name: string): string => readFileSync(join(root, 'deploy/images', name), 'utf8');
  const instructions = (text: string, pattern: RegExp): string[] =>
    text.split('\n').filter((line) => pattern.test(line));
  const atRun = /^(USER|WORKDIR|VOLUME|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT)/;

  for (const { name, commands } of imageSpecs) {
    test(`that of ${name} runs its command as a user without rights, and needs no shell and no other image`, () => {
      const text = textOf(`Containerfile.${name}`);
      expect(instructions(text, /^FROM/)).toEqual(['FROM scratch']);
      expect(instructions(text, /^RUN/)).toEqual([]);
      expect(text).toContain(`USER ${userId}:${userId}\n`);
      expect(text).toContain('STOPSIGNAL SIGTERM\n');
      expect(text).toContain(`ENTRYPOINT ["/usr/local/bin/${name}"]\n`);
      const check = commands.find((command) => command.endsWith('-health'));
      if (check === undefined) expect(text).not.toContain('HEALTHCHECK');
      else expect(text).toMatch(new RegExp(`^HEALTHCHECK .* CMD \\["/usr/local/bin/${check}"\\]$`, 'm'));
    });

    test(`that on public images has ${name} run the same way`, () => {
      const stages = textOf('Containerfile').split(/^(?=FROM )/m);
      const base = stages.find((stage) => stage.includes(' AS base\n')) ?? '';
      const stage = stages.find((stage) => stage.startsWith(`FROM base AS ${name}\n`)) ?? '';
      expect(instructions(`${base}${stage}`, atRun).sort()).toEqual(
        instructions(textOf(`Containerfile.${name}`), atRun).sort(),
      );
    });

    test(`the commands of ${name} are there and may be run`, () => {
      for (const command of commands) {
        const file = join(root, 'deploy/images/bin', command);
        accessSync(file, constants.X_OK);
        expect(readFileSync(file, 'utf8')).toMatch(/^#!\/usr\/local\/bin\/node\n/);
      }
    });
  }
});
