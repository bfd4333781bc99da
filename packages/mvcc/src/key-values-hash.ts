import { crc32c, fromLatin1 } from '@quorate/std';
import { storedSize } from './key-value-bytes.ts';
import { encodeRevisionKey, writeRevisionKey } from './revision-key.ts';
import type { RevisionScan } from './revision-log.ts';

/** A revision of which a hash is taken. */
type Hashed = Pick<RevisionScan, 'main' | 'sub' | 'tombstone' | 'bytes' | 'offset' | 'size'>;

const bucketName = fromLatin1('key');

/**
 * etcd's HashKV: CRC-32C over the name of the bucket and then the key and value of each revision, as if every
 * revision had a row of its own in etcd's backend.
 */
export class KeyValuesHash {
  /** The hash of what was added. */
  value: number;
  readonly #putKey = encodeRevisionKey(0, 0);
  readonly #tombstoneKey = encodeRevisionKey(0, 0, true);

  /** Continues `crc`, the hash of what comes before the bucket. */
  constructor(crc = 0) {
    this.value = crc32c(bucketName, crc);
  }

  add(revision: Hashed): void {
    const { main, tombstone, offset, size } = revision;
    const key = tombstone ? this.#tombstoneKey : this.#putKey;
    writeRevisionKey(main, revision.sub, key);
    const end = offset + storedSize(size, tombstone, main);
    this.value = crc32c(revision.bytes, crc32c(key, this.value), offset, end);
  }
}

/** A hash together with what it covers. */
export interface RevisionHash {
  readonly hash: number;
  /** What had been compacted, -1 for nothing. */
  readonly compactRevision: number;
  /** The newest revision that counts. */
  readonly hashRevision: number;
}

/** How many hashes of compactions are kept. */
const storedHashesMax = 10;

/** The hashes of the last compactions, by which members compare themselves with each other. */
export class StoredHashes {
  readonly #hashes: RevisionHash[] = [];

  add(hash: RevisionHash): void {
    this.#hashes.push(hash);
    if (this.#hashes.length > storedHashesMax) this.#hashes.shift();
  }

  of(revision: number): RevisionHash | undefined {
    return this.#hashes.find((hash) => hash.hashRevision === revision);
  }
}
