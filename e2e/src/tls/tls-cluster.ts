import { Client } from '@quorate/client';
import { CertificateAuthority, CertificateFolder, type Issued } from '@quorate/tls/testing';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { memberPort } from '../cluster/member-port.ts';
import { launchMember, type MemberKind, type MemberProcess } from '../member-process.ts';

/** How the members of a cluster are made. */
export interface TlsClusterOptions {
  /** One for each member. */
  readonly kinds: readonly MemberKind[];
  /** What every member is started with beside its URLs; files of the cluster are named by `pki`. */
  readonly flags: (member: MemberFiles) => readonly string[];
}

/** The files of one member, and those of all. */
export interface MemberFiles {
  readonly name: string;
  readonly ca: string;
  readonly crl: string;
  readonly cert: string;
  readonly key: string;
}

/** A member of such a cluster. */
export interface TlsMember {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly files: MemberFiles;
  readonly process: MemberProcess;
}

/** Members with TLS on all their URLs, each with a certificate of one authority, which is here as well. */
export class TlsCluster implements AsyncDisposable {
  readonly ca: CertificateAuthority;
  readonly folder: CertificateFolder;
  #members: readonly TlsMember[] = [];

  /** Starts all members and waits until they serve. */
  static async start(options: TlsClusterOptions): Promise<TlsCluster> {
    const cluster = new TlsCluster(await CertificateAuthority.create());
    try {
      await cluster.#start(options);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(ca: CertificateAuthority) {
    this.ca = ca;
    this.folder = new CertificateFolder();
  }

  get members(): readonly TlsMember[] {
    return this.#members;
  }

  /** A client of these members that shows this certificate. */
  client(shown: Partial<Issued>, members: readonly TlsMember[] = this.#members): Client {
    const encoded = (pem: string | undefined) => (pem === undefined ? undefined : Buffer.from(pem));
    const [cert, key] = [encoded(shown.cert), encoded(shown.key)];
    return new Client({
      endpoints: members.map(({ clientPort }) => `https://127.0.0.1:${clientPort}`),
      tls: { ca: Buffer.from(this.ca.pem), ...(cert && { cert }), ...(key && { key }) },
    });
  }

  /** Says that certificates are revoked, from the next connection on. */
  async revoke(serials: readonly string[]): Promise<void> {
    this.folder.write('revoked.crl', await this.ca.crl(serials));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map(({ process }) => process[Symbol.asyncDispose]()));
    await rm(this.folder.path, { recursive: true, force: true });
  }

  async #start({ kinds, flags }: TlsClusterOptions): Promise<void> {
    const ca = this.folder.write('ca.crt', this.ca.pem).path;
    await this.revoke([]);
    const crl = join(this.folder.path, 'revoked.crl');
    const planned = [];
    for (const [at, kind] of kinds.entries()) {
      const name = `m${at + 1}`;
      const { cert, key } = this.folder.writePair(name, await this.ca.issue({ commonName: name }));
      const files = { name, ca, crl, cert: cert.path, key: key.path };
      planned.push({ name, kind, files, clientPort: await memberPort(), peerPort: await memberPort() });
    }
    const initialCluster = planned
      .map(({ name, peerPort }) => `${name}=https://127.0.0.1:${peerPort}`)
      .join(',');
    for (const { name, kind, files, clientPort, peerPort } of planned) {
      const [client, peer] = [`https://127.0.0.1:${clientPort}`, `https://127.0.0.1:${peerPort}`];
      const process = await launchMember(kind, {
        dataDir: join(this.folder.path, `${name}.data`),
        flags: [
          `--name=${name}`,
          `--listen-client-urls=${client}`,
          `--advertise-client-urls=${client}`,
          `--listen-peer-urls=${peer}`,
          `--initial-advertise-peer-urls=${peer}`,
          `--initial-cluster=${initialCluster}`,
          ...flags(files),
        ],
      });
      this.#members = [...this.#members, { name, clientPort, peerPort, files, process }];
    }
    await Promise.all(this.#members.map(({ process }) => process.ready));
  }
}
