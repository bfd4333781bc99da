import { rmSync } from 'node:fs';
import { afterAll } from 'vitest';
import { CertificateAuthority, CertificateFolder, type Issued } from '../../src/testing/index.ts';
import type { ServerTlsOptions } from '../../src/index.ts';
import { Listener } from './listener.ts';

/** What most tests begin with: an authority, its files, and a server certificate. */
export interface Setup {
  readonly ca: CertificateAuthority;
  readonly folder: CertificateFolder;
  /** Options of a listener that demands certificates of the authority. */
  readonly mutual: Pick<ServerTlsOptions, 'cert' | 'key' | 'trustedCa'>;
  readonly plain: Pick<ServerTlsOptions, 'cert' | 'key'>;
  /** A listener that ends with the test file. */
  readonly open: (
    options: Partial<ServerTlsOptions> & Pick<ServerTlsOptions, 'cert' | 'key'>,
  ) => Promise<Listener>;
}

/** Call it at the top level of a test file. */
export async function setUp(): Promise<Setup> {
  const ca = await CertificateAuthority.create();
  const folder = new CertificateFolder();
  const listeners: Listener[] = [];
  const plain = folder.writePair('server', await ca.issue({ commonName: 'server' }));
  const trustedCa = folder.write('ca.crt', ca.pem, '--trusted-ca-file');
  afterAll(async () => {
    for (const listener of listeners) await listener[Symbol.asyncDispose]();
    rmSync(folder.path, { recursive: true });
  });
  return {
    ca,
    folder,
    plain,
    mutual: { ...plain, trustedCa },
    open: async (options) => {
      const listener = await Listener.open(options);
      listeners.push(listener);
      return listener;
    },
  };
}

/** What a client shows, as `node:tls` takes it. */
export function showing(ca: CertificateAuthority, { cert, key }: Issued) {
  return { ca: ca.pem, cert, key };
}
