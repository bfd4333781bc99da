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
  start(options?: StartOptions): Promise<StartedServer>;
}

/** Declares the same tests for a Quorate member and for a real etcd. */
export function describeOnBoth(
  name: string,
  declare: (fixture: () => Fixture) => void,
  options: StartOptions = {},
): void {
  const declareOn = (start: (options?: StartOptions) => Promise<StartedServer>) => {
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
  };
  describe(`${name}: against a Quorate member`, () => declareOn(startQuorate));
  describe.skipIf(etcdBinFolder === undefined)(
    `${name}: against a real etcd (set QUORATE_ETCD_BIN to run)`,
    () => declareOn((startOptions) => startRealEtcd(etcdBinFolder ?? '', startOptions)),
  );
}
