import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeAsk } from '../src/authorization/ask.ts';
import { intended, RealEtcd } from '../src/authorization/real-etcd.ts';
import { enumeratedAsks, fewAsks } from '../src/authorization/shapes.ts';
import { GrpcCaller } from '../src/differential/grpc-caller.ts';
import { etcdBin, startEtcd } from '../src/member-process.ts';

test.skipIf(etcdBin === undefined)(
  'the oracle of the authorization matrix decides as etcd 3.5.30 does (set QUORATE_ETCD_BIN to run)',
  { timeout: 600_000 },
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'quorate-oracle-'));
    try {
      await using etcd = await startEtcd({ dataDir, flags: ['--unsafe-no-fsync', '--bcrypt-cost=4'] });
      using caller = new GrpcCaller(etcd.endpoint);
      const few = fewAsks();
      const some = [...enumeratedAsks().filter((_, at) => at % 23 === 0), ...few];
      const report = await new RealEtcd(caller).compare(({ who }) => (who.kind === 'named' ? some : few));

      const unintended = report.differences.filter(
        (difference) => !Object.values(intended).some((isIntended) => isIntended(difference)),
      );
      expect(
        unintended.map(({ identity, ask, found }) => `${identity} ${describeAsk(ask)}: ${found}`),
      ).toEqual([]);
      for (const [what, isIntended] of Object.entries(intended)) {
        expect(report.differences.some(isIntended), what).toBe(true);
      }
      expect(Math.min(report.servedCount, report.refusedCount)).toBeGreaterThan(2_000);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  },
);
