import type { Clock } from '@quorate/std';
import type { MessageShape } from './shapes.ts';
import { jsonPieces, type JsonForm } from './to-json.ts';

/** What is written at once. */
const pieceLength = 64 * 1024;
/** How long writing JSON may keep everybody else waiting. */
const sliceMs = 2;

export interface Piece {
  readonly json: string;
  readonly isLast: boolean;
}

/** Writes long messages in slices of time, with turns for others in between. */
export class Pieces {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The JSON of a message, in pieces of some size; the last one may be short or empty. */
  async *of(shape: MessageShape, bytes: Uint8Array, form: JsonForm): AsyncGenerator<Piece, void, undefined> {
    let json = '';
    let began = this.#clock.now();
    for (const piece of jsonPieces(shape, bytes, form)) {
      json += piece;
      if (json.length >= pieceLength) {
        yield { json, isLast: false };
        json = '';
      }
      if (this.#clock.now() - began >= sliceMs) {
        await new Promise<void>((resolve) => this.#clock.soon(resolve));
        began = this.#clock.now();
      }
    }
    yield { json, isLast: true };
  }

  /** The JSON of a message as a whole. */
  async joined(shape: MessageShape, bytes: Uint8Array, form: JsonForm): Promise<string> {
    let json = '';
    for await (const piece of this.of(shape, bytes, form)) json += piece.json;
    return json;
  }
}
