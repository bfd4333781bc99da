/**
 * A list of free pages: a page header with flags 0x10, then ids of pages in ascending order, 8 bytes each. When the
 * header's count is 0xFFFF, the true one stands in the 8 bytes before the ids. etcd writes no such list.
 */
import { elementCountMax, pageFlag, pageHeaderSize, readUint64, viewOf, type PageHeader } from './page.ts';
import { PageReader, type PageSpace } from './page-reader.ts';
import { complainOf } from './tree-walk.ts';

const idSize = 8;
const idsAtOnce = 4096;

/** The ids in a list of free pages, a few thousand at a time. @throws BoltDamagedError */
export async function* freePages(
  space: PageSpace,
  listPage: number,
  onPage: (page: PageHeader) => void,
): AsyncGenerator<readonly number[]> {
  const complain = complainOf(listPage);
  const reader = new PageReader(space);
  const page = await reader.header([listPage], 0);
  if (page.flags !== pageFlag.freelist)
    complain(`flags 0x${page.flags.toString(16)} where the list of free pages should be`);
  const sizeMax = (page.overflow + 1) * space.pageSizeBytes;
  let at = pageHeaderSize;
  let count = page.count;
  if (count > elementCountMax) {
    count = readUint64(viewOf(await reader.bytes(page, at, at + idSize)), 0);
    at += idSize;
  }
  if (at + count * idSize > sizeMax) complain(`no room for the ids of ${count} free pages`);
  // bbolt takes a place for the list before it is made, and of the pages in the list: it may be a little too large.
  const sizeMin = (page.overflow - 1) * space.pageSizeBytes - (page.overflow + 1) * idSize;
  if (at + count * idSize < sizeMin) complain(`${count} ids, but ${page.overflow} overflow pages`);
  onPage(page);
  let previous = 1;
  for (const end = at + count * idSize; at < end;) {
    const size = Math.min(idsAtOnce * idSize, end - at);
    const view = viewOf(await reader.bytes(page, at, at + size));
    const ids: number[] = [];
    for (let offset = 0; offset < size; offset += idSize) {
      const id = readUint64(view, offset);
      if (id <= previous || id >= space.pageCount)
        complain(`page ${id} cannot follow ${previous} among the free ones`);
      ids.push(id);
      previous = id;
    }
    yield ids;
    at += size;
  }
}
