import { Client } from '@quorate/client';
import { CertificateAuthority, CertificateFolder, type Issued } from '@quorate/tls/testing';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@quorate/std/testing';
import { until } from '../cluster/until.ts';
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
  readonly kind: MemberKind;
  /** What it was started with beside its URLs. */
  readonly flags: readonly string[];
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

  /** Tells the cluster of one more member, and starts it. */
  async add(kind: MemberKind, { flags }: Pick<TlsClusterOptions, 'flags'>, client: Client): Promise<void> {
    const added = await this.#plan(kind);
    await until('the member to be added', () =>
      client.cluster.memberAdd({ peerURLs: [`https://127.0.0.1:${added.peerPort}`] }),
    );
    const initialCluster = initialClusterOf([...this.#members, added]);
    await this.#launch(added, [
      `--initial-cluster=${initialCluster}`,
      '--initial-cluster-state=existing',
      ...flags(added.files),
    ]);
    await this.#members.at(-1)!.process.ready;
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

  /** Stops all members, and starts them again on what they have. */
  async restart(): Promise<void> {
    const stopped = this.#members;
    await Promise.all(stopped.map(({ process }) => process.stop()));
    this.#members = [];
    for (const member of stopped) await this.#launch(member, member.flags);
    await Promise.all(this.#members.map(({ process }) => process.ready));
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
    this.folder.write('ca.crt', this.ca.pem);
    await this.revoke([]);
    const planned: PlannedMember[] = [];
    for (const kind of kinds) planned.push(await this.#plan(kind, planned.length));
    const initialCluster = initialClusterOf(planned);
    for (const member of planned) {
      await this.#launch(member, [`--initial-cluster=${initialCluster}`, ...flags(member.files)]);
    }
    await Promise.all(this.#members.map(({ process }) => process.ready));
  }

  async #plan(kind: MemberKind, at = this.#members.length): Promise<PlannedMember> {
    const name = `m${at + 1}`;
    const { cert, key } = this.folder.writePair(name, await this.ca.issue({ commonName: name }));
    const path = (file: string): string => join(this.folder.path, file);
    const files = { name, ca: path('ca.crt'), crl: path('revoked.crl'), cert: cert.path, key: key.path };
    return { name, kind, files, clientPort: await freePort(), peerPort: await freePort() };
  }

  async #launch(member: PlannedMember, flags: readonly string[]): Promise<void> {
    const { name, kind, clientPort, peerPort } = member;
    const [client, peer] = [`https://127.0.0.1:${clientPort}`, `https://127.0.0.1:${peerPort}`];
    const process = await launchMember(kind, {
      dataDir: join(this.folder.path, `${name}.data`),
      flags: [
        `--name=${name}`,
        `--listen-client-urls=${client}`,
        `--advertise-client-urls=${client}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        ...flags,
      ],
    });
    this.#members = [...this.#members, { ...member, flags, process }];
  }
}

type PlannedMember = Omit<TlsMember, 'process' | 'flags'>;

function initialClusterOf(members: readonly { readonly name: string; readonly peerPort: number }[]): string {
  return members.map(({ name, peerPort }) => `${name}=https://127.0.0.1:${peerPort}`).join(',');
}
