import { startServer } from '@quorate/server';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { etcdBin, freePort, startEtcd, type MemberKind } from '../member-process.ts';

/** A server that tests of other people's clients speak to. */
export interface TriedServer {
  /** `host:port`, which those clients take. */
  readonly endpoint: string;
  /** Stops it and starts it again, on the same port and data, with whatever `meanwhile` does in between. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
}

interface Running {
  close(): Promise<unknown>;
}

/**
 * Declares the same tests for Quorate and for a real etcd, so that what fails with one of them only is its own fault,
 * and what fails with both is the client's.
 */
export function describeOnEachServer(
  name: string,
  declare: (server: TriedServer, kind: MemberKind) => void,
): void {
  describe(`${name}: Quorate`, () => declare(tried(startInProcess), 'quorate'));
  describe.skipIf(etcdBin === undefined)(`${name}: a real etcd (needs QUORATE_ETCD_BIN)`, () =>
    declare(tried(startProcess), 'etcd'),
  );
}

type Start = (place: { readonly dataDir: string; readonly port: number }) => Promise<Running>;

const startInProcess: Start = ({ dataDir, port }) =>
  startServer({
    dataDir,
    listenClientUrls: [`http://127.0.0.1:${port}`],
    bcryptCost: 4,
    unsafeNoFsync: true,
  });

const startProcess: Start = async ({ dataDir, port }) => {
  const flags = ['--bcrypt-cost=4', '--unsafe-no-fsync', '--log-level=info'];
  const member = await startEtcd({ dataDir, clientPort: port, flags });
  return { close: () => member.stop() };
};

/** One server for all tests of a `describe`. */
function tried(start: Start): TriedServer {
  let folder = '';
  let port = 0;
  let running: Running | undefined;
  const run = async (): Promise<Running> => start({ dataDir: join(folder, 'data'), port });
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quorate-tried-'));
    port = await freePort();
    running = await run();
  });
  afterAll(async () => {
    await running?.close();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    get endpoint() {
      return `127.0.0.1:${port}`;
    },
    restart: async (meanwhile) => {
      await running?.close();
      running = undefined;
      await meanwhile?.();
      running = await run();
    },
  };
}
