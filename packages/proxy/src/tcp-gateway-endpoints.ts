import type { Random } from '@quorate/std';
import { textOf, type TcpEndpoint } from './tcp-gateway-options.ts';

/** An endpoint and whether it is used. */
export interface EndpointState {
  readonly host: string;
  readonly port: number;
  /** `host:port`. */
  readonly name: string;
  readonly priority: number;
  readonly weight: number;
  isUp: boolean;
}

/** One in this many connections goes to an endpoint of weight 0 when others have weights: a very small chance (RFC 2782). */
const weightlessChance = 100;

/** Which endpoint the next connection goes to. */
export class EndpointList {
  readonly all: readonly EndpointState[];
  readonly #random: Random;
  #turn = 0;

  /** All of them are up until something else is known. */
  constructor(endpoints: readonly TcpEndpoint[], random: Random) {
    this.#random = random;
    this.all = endpoints.map(({ host, port, priority = 0, weight = 0 }) => ({
      host,
      port,
      name: textOf({ host, port }),
      priority,
      weight,
      isUp: true,
    }));
  }

  /**
   * Of the endpoints that are up, those of the lowest priority count: each in turn, or where they have weights by chance,
   * in proportion to these. Undefined when none is up.
   */
  pick(): EndpointState | undefined {
    const up = this.all.filter(({ isUp }) => isUp);
    if (up.length === 0) return undefined;
    const lowest = Math.min(...up.map(({ priority }) => priority));
    const first = up.filter(({ priority }) => priority === lowest);
    const weighted = first.filter(({ weight }) => weight > 0);
    if (weighted.length === 0) return this.#inTurn(first);
    if (weighted.length < first.length && this.#random.below(weightlessChance) === 0) {
      return this.#inTurn(first.filter(({ weight }) => weight === 0));
    }
    return this.#byWeight(weighted);
  }

  #inTurn(endpoints: readonly EndpointState[]): EndpointState | undefined {
    return endpoints[this.#turn++ % endpoints.length];
  }

  #byWeight(endpoints: readonly EndpointState[]): EndpointState | undefined {
    const total = endpoints.reduce((sum, { weight }) => sum + weight, 0);
    let left = this.#random.below(total);
    return endpoints.find(({ weight }) => (left -= weight) < 0);
  }
}
