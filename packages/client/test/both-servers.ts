import { afterAll, beforeAll, describe, vi } from 'vitest';
import { Client } from '../src/index.ts';
import {
  etcdBinFolder,
  startQuorate,
  startRealEtcd,
  type StartedServer,
  type StartOptions,
} from '../src/testing/index.ts';

// Servers are started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** What tests talk to. */
export interface Fixture {
  readonly server: StartedServer;
  readonly client: Client;
  /** The same server started once more. */
  readonly start: Start;
}

/** Starts a server of the kind that the tests are for. */
export type Start = (options?: StartOptions) => Promise<StartedServer>;

/** Declares the same tests for Quorate members and for real etcds, which they start themselves. */
export function describeOnEach(
  name: string,
  declare: (start: Start, kind: 'quorate' | 'etcd') => void,
): void {
  describe(`${name}: against a Quorate member`, () => declare(startQuorate, 'quorate'));
  describe.skipIf(etcdBinFolder === undefined)(
    `${name}: against a real etcd (set QUORATE_ETCD_BIN to run)`,
    () => declare((options) => startRealEtcd(etcdBinFolder ?? '', options), 'etcd'),
  );
}

/** Declares the same tests for one Quorate member and for one real etcd. */
export function describeOnBoth(
  name: string,
  declare: (fixture: () => Fixture) => void,
  options: StartOptions = {},
): void {
  describeOnEach(name, (start) => {
    let server: StartedServer | undefined;
    let client: Client | undefined;
    beforeAll(async () => {
      server = await start(options);
      client = new Client({ endpoints: [server.endpoint] });
    });
    afterAll(async () => {
      await client?.close();
      await server?.[Symbol.asyncDispose]();
    });
    declare(() => {
      if (server === undefined || client === undefined) throw new Error('the server has not started');
      return { server, client, start };
    });
  });
}
