import type { LoadConnection, LoadTarget } from '../cluster/judged.ts';
import { freePort } from '@quorate/std/testing';
import { Container } from './container.ts';
import { dialJson } from './json-call.ts';
import { images } from './images.ts';

/** What a gateway is made of. */
export interface ContainerGatewayOptions {
  readonly name: string;
  readonly network: string;
  /** Members, as `m1:2379`, in the order in which they are tried. */
  readonly endpoints: readonly string[];
  readonly healthIntervalMs?: number;
}

/** A gateway in a container of its own, in the network of the clients. */
export class ContainerGateway implements LoadTarget {
  readonly name: string;
  readonly endpoint: string;
  /** What it answers may come from any member, whichever of its lives that is. */
  readonly starts = 1;
  readonly container: Container;

  static async start(options: ContainerGatewayOptions): Promise<ContainerGateway> {
    const { name, network, endpoints, healthIntervalMs } = options;
    const port = await freePort();
    const container = await Container.start({
      image: images.gateway,
      partOf: network,
      ports: { 2378: port },
      attachments: [{ network, aliases: [name] }],
      command: [
        '--listen-urls=http://0.0.0.0:2378',
        `--endpoints=${endpoints.join(',')}`,
        '--health-interval-ms=1000',
      ],
      ...(healthIntervalMs !== undefined && { healthIntervalMs }),
    });
    return new ContainerGateway(name, port, container);
  }

  private constructor(name: string, port: number, container: Container) {
    this.name = name;
    this.container = container;
    this.endpoint = `127.0.0.1:${port}`;
  }

  get url(): string {
    return `http://${this.endpoint}`;
  }

  readonly dial = (): LoadConnection => dialJson(this.url);
}
