import { asBuffer } from '@quorate/std';
import type { Call } from '../transport.ts';

/** Keys of metadata that handlers, and whoever traces them, may ask for. Others stay in the thread of the connection. */
export const metadataKeys = [
  'token',
  'authorization',
  'hasleader',
  'client-api-version',
  'grpcgateway-accept',
  'traceparent',
  'tracestate',
] as const;

/*
 * The head of a call: fields, one behind the other, those that are absent left out.
 *
 *   | which (u8) | length (u32) | UTF-8 ... |
 *
 * `which` is 0 for the address of the client, 1 for the name in its certificate, and 2 + i for the i-th key of metadata.
 */
const addressField = 0;
const commonNameField = 1;
const firstKeyField = 2;
const prefixBytes = 5;

type Texts = readonly (string | undefined)[];

const noHead = new Uint8Array(0);

/** Writes heads. Calls with the same one come in rows: then it is the same bytes. */
export class CallHeads {
  #texts: Texts = [];
  #head: Uint8Array = noHead;

  /** The head of a call. Nobody may write to it. */
  of(call: Call): Uint8Array {
    const texts: Texts = [call.address, call.commonName, ...metadataKeys.map((key) => call.metadata(key))];
    if (!areSame(texts, this.#texts)) {
      this.#texts = texts;
      this.#head = encoded(texts);
    }
    return this.#head;
  }
}

function areSame(some: Texts, others: Texts): boolean {
  return some.length === others.length && some.every((text, index) => text === others[index]);
}

function encoded(texts: Texts): Uint8Array {
  const fields = texts.flatMap((text, which) => {
    if (text === undefined) return [];
    const bytes = Buffer.from(text);
    const prefix = Buffer.alloc(prefixBytes);
    prefix[0] = which;
    prefix.writeUInt32LE(bytes.length, 1);
    return [prefix, bytes];
  });
  return Buffer.concat(fields);
}

/** What a head says. Calls with the same one share it. */
export class CallHead {
  readonly #texts: Texts;

  constructor(bytes: Uint8Array) {
    this.#texts = decoded(bytes);
  }

  get address(): string | undefined {
    return this.#texts[addressField];
  }

  get commonName(): string | undefined {
    return this.#texts[commonNameField];
  }

  metadata(key: string): string | undefined {
    const index = (metadataKeys as readonly string[]).indexOf(key);
    return index === -1 ? undefined : this.#texts[firstKeyField + index];
  }
}

/** Reads heads; one that is the same as the last one was is not read again. */
export class HeadReader {
  #bytes: Uint8Array = noHead;
  #head = new CallHead(noHead);

  read(bytes: Uint8Array): CallHead {
    if (Buffer.compare(bytes, this.#bytes) !== 0) {
      // The bytes are part of what came, which is not to be kept.
      this.#bytes = Uint8Array.from(bytes);
      this.#head = new CallHead(bytes);
    }
    return this.#head;
  }
}

function decoded(bytes: Uint8Array): Texts {
  const head = asBuffer(bytes);
  const texts: (string | undefined)[] = new Array<undefined>(firstKeyField + metadataKeys.length).fill(
    undefined,
  );
  for (let at = 0; at < head.length;) {
    const end = at + prefixBytes + head.readUInt32LE(at + 1);
    texts[head[at] ?? 0] = head.toString('utf8', at + prefixBytes, end);
    at = end;
  }
  return texts;
}
