import { concatBytes, fromUtf8, type Random } from '@quorate/std';
import type { Position } from '../queue-place.ts';
import { uniqueName } from './unique-name.ts';

/**
 * Locks for many readers or one writer, with the keys of `recipe.RWMutex` of clients in Go:
 *
 *     <name>/read/<unique>     a reader; waits for the writers that are older
 *     <name>/write/<unique>    a writer; waits for all that are older
 *
 * Older is who was created by a smaller revision. A writer that waits holds back the readers that come after it, so
 * that it is not passed over for ever.
 */

/** The place of a new reader. */
export function readerPosition(name: Uint8Array, random: Random): Position {
  return {
    queue: concatBytes([name, fromUtf8('/write/')]),
    key: concatBytes([name, fromUtf8(`/read/${uniqueName(random)}`)]),
  };
}

/** The place of a new writer. */
export function writerPosition(name: Uint8Array, random: Random): Position {
  return {
    queue: concatBytes([name, fromUtf8('/')]),
    key: concatBytes([name, fromUtf8(`/write/${uniqueName(random)}`)]),
  };
}
