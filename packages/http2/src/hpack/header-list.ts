import type { HeaderField } from './header-field.ts';

/**
 * What a header block says. Later blocks that say the same share it, so nobody changes it, and what is found out about it
 * is found out once.
 */
export class HeaderList {
  /** In their order; none when the list is too large. */
  readonly fields: readonly HeaderField[];
  /** Of names and values with 32 for each field (RFC 9113 §6.5.2), also of those that were not kept. */
  readonly size: number;
  readonly isTooLarge: boolean;
  /** For whoever serves requests: what he has made of it, to be found again when it comes again. */
  note: unknown = undefined;
  #problem: string | undefined;
  #isChecked = false;
  #contentLength: number | undefined;

  constructor(made: Pick<HeaderList, 'fields' | 'size' | 'isTooLarge'>) {
    this.fields = made.fields;
    this.size = made.size;
    this.isTooLarge = made.isTooLarge;
  }

  /** The value of the first field of a name in lower case. */
  value(name: string): string | undefined {
    for (const field of this.fields) if (field.name === name) return field.value;
    return undefined;
  }

  /** What it says of the length of what comes behind it; -1 when it says nothing. Of a wrong header it may be NaN. */
  get contentLength(): number {
    return (this.#contentLength ??= Number(this.value('content-length') ?? -1));
  }

  /** What makes it malformed as the header of a request (RFC 9113 §8.2, §8.3.1); undefined when nothing does. */
  get requestProblem(): string | undefined {
    if (!this.#isChecked) this.#problem = this.#findProblem();
    this.#isChecked = true;
    return this.#problem;
  }

  /** What makes it malformed as a trailer (§8.1). */
  get trailerProblem(): string | undefined {
    const wrong = this.fields.find(({ kind }) => kind !== 'regular');
    return wrong && `the field ${JSON.stringify(wrong.name)} must not be in a trailer`;
  }

  /** Each pseudo-header field once and in front, and no field that HTTP/2 does not have. */
  #findProblem(): string | undefined {
    const pseudo: PseudoFields = {};
    let isFront = true;
    let contentLength: string | undefined;
    for (const { name, value, kind } of this.fields) {
      if (kind === 'malformed') return `the field ${JSON.stringify(name)} must not be`;
      if (kind === 'pseudo') {
        // The kind says that it is one of these names.
        const key = name as keyof PseudoFields;
        if (!isFront) return `${name} comes behind other fields`;
        if (pseudo[key] !== undefined) return `${name} comes twice`;
        pseudo[key] = value;
        continue;
      }
      isFront = false;
      if (name !== 'content-length') continue;
      if (!isNumber(value)) return 'content-length is no number';
      if (contentLength !== undefined && contentLength !== value) return 'content-length is two numbers';
      contentLength = value;
    }
    return pseudoProblem(pseudo);
  }
}

interface PseudoFields {
  ':method'?: string;
  ':scheme'?: string;
  ':authority'?: string;
  ':path'?: string;
}

function pseudoProblem(pseudo: PseudoFields): string | undefined {
  const { ':method': method = '', ':scheme': scheme = '', ':path': path = '' } = pseudo;
  if (!isToken(method)) return ':method is missing, or is none';
  if (method === 'CONNECT') {
    // §8.5
    if (pseudo[':authority'] === undefined) return 'CONNECT goes nowhere';
    const isBare = pseudo[':scheme'] === undefined && pseudo[':path'] === undefined;
    return isBare ? undefined : 'CONNECT has a scheme or a path';
  }
  if (scheme === '') return ':scheme is missing';
  if (path.startsWith('/') || (path === '*' && method === 'OPTIONS')) return undefined;
  return ':path is missing, or is none';
}

/** RFC 9110 §5.6.2 */
function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
}

function isNumber(text: string): boolean {
  return /^\d{1,15}$/.test(text);
}
