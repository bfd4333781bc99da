import { DamagedImageError } from '@quorate/mvcc';
import { InvariantError, type BackendReader } from '@quorate/std';
import { DiskError } from '@quorate/wal';
import type { MemberState } from './applier.ts';
import { readPosition } from './backend-writer.ts';
import { openImageFile, removeImageFile, writeImageFile } from './image-file.ts';
import { openState } from './open-state.ts';
import type { FullOptions } from './options.ts';

/**
 * The state of a member that starts: from the image that its last stop left, when that is of the very entry that the
 * backend stands for, else from the rows. The image is gone then: it stands for a member that does not run.
 */
export async function openStateAtStart(options: FullOptions): Promise<MemberState> {
  const { backend, disk, imagePath, observer } = options;
  if (imagePath === undefined) return openState(options, backend);
  const state = await openFromImage(options, imagePath).catch((error: unknown) => {
    if (!(error instanceof DamagedImageError || error instanceof DiskError)) throw error;
    observer?.onImage?.({ outcome: 'refused', reason: error.message });
    return undefined;
  });
  const opened = state ?? (await openState(options, backend));
  await removeImageFile(disk, imagePath);
  return opened;
}

async function openFromImage(options: FullOptions, path: string): Promise<MemberState | undefined> {
  const { backend, disk, observer } = options;
  await using image = await openImageFile(disk, path);
  if (image === undefined) return undefined;
  const { index, term } = readPosition(backend);
  if (image.position.index !== index || image.position.term !== term) {
    throw new DamagedImageError(`it is of entry ${image.position.index}, the store of entry ${index}`);
  }
  const state = await openState(options, backend, image.blocks);
  observer?.onImage?.({ outcome: 'used' });
  return state;
}

/**
 * Leaves an image for the next start. The backend must hold all of the state durably, and nothing may be written to either
 * any more. A member stops as well without, whatever the reason: it then reads its rows when it starts, and says which of
 * them is damaged.
 */
export async function saveImageAtStop(
  options: FullOptions,
  state: MemberState,
  backend: BackendReader,
): Promise<void> {
  const { disk, imagePath, observer } = options;
  const { store, lessor } = state;
  // A key of a lease that is not there hangs on it from the next start on, if it is there by then: the rows know that.
  if (imagePath === undefined || lessor.strayKeyCount > 0) return;
  const leases = lessor.list().map((id) => [id, lessor.keys(id) ?? []] as const);
  const blocks = store.image(leases);
  if (blocks === undefined) return;
  try {
    await writeImageFile(disk, imagePath, readPosition(backend), blocks);
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    observer?.onImage?.({ outcome: 'not written', reason });
  }
}
