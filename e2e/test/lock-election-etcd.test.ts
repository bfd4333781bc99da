import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ServerPair, sides } from '../src/differential/server-pair.ts';
import { etcdBin } from '../src/member-process.ts';
import { RecipeScript } from '../src/recipes/recipe-script.ts';

test.skipIf(etcdBin === undefined)(
  'locks and elections are answered as by etcd: same keys, texts and revisions (needs QUORATE_ETCD_BIN)',
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-recipes-'));
    try {
      await using pair = await ServerPair.start({ folder, flags: ['--unsafe-no-fsync'] });
      const [quorate, etcd] = await Promise.all(
        sides.map(async (side) => {
          const script = new RecipeScript(pair.callers[side]);
          await script.lock();
          await script.elect();
          await script.withoutSpace();
          return script.lines;
        }),
      );
      expect(withoutCodes(quorate!)).toEqual(withoutCodes(etcd!));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);

/**
 * etcd hands out errors of its inner client, which have texts and no status, so that they arrive as UNKNOWN; Quorate's
 * have the status that the same text has everywhere else. Clients of etcd go by the text.
 */
function withoutCodes(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/"code":\d+,"message":"etcdserver: /, '"message":"etcdserver: '));
}
