import type { PlantedBug } from './planted-bug.ts';

/** Mistakes between the members and their disks. */
export const storageBugs: readonly PlantedBug[] = [
  {
    name: 'unsynced-tail-acknowledged',
    file: 'packages/replica/src/raft-driver.ts',
    edits: [{ find: 'sync: batch.mustSync && !unsafeNoFsync,', replace: 'sync: false,' }],
    why: 'Entries are acknowledged when they are written, not when they are synced.',
  },
  {
    name: 'sent-before-saved',
    file: 'packages/replica/src/raft-driver.ts',
    edits: [
      {
        find: 'if (ready.messages.length > 0) send(ready.messages);',
        replace: 'send([...ready.messages, ...ready.messagesAfterPersist]);',
      },
    ],
    why: 'Promises leave while what they promise is still on its way to the disk.',
  },
  {
    name: 'index-apart-from-data',
    file: 'packages/replica/src/backend-writer.ts',
    edits: [
      {
        find: 'await backend.write(batch.changes, { sync });',
        replace:
          'await backend.write(batch.changes.slice(-2), { sync });\n    await backend.write(batch.changes.slice(0, -2), { sync });',
      },
    ],
    why: 'The applied index is stored apart from, and before, the data it stands for.',
  },
  {
    name: 'index-behind-data',
    file: 'packages/replica/src/backend-writer.ts',
    edits: [
      {
        find: "batch.put('meta', metaKeys.consistentIndex, uint64ToBytes(BigInt(index)));",
        replace:
          "batch.put('meta', metaKeys.consistentIndex, uint64ToBytes(BigInt(Math.max(0, index - 1))));",
      },
    ],
    why: 'The stored index is one too low: the last entry is applied twice after a restart.',
  },
  {
    name: 'log-released-before-store-synced',
    file: 'packages/replica/src/snapshotter.ts',
    edits: [{ find: 'await writer.flush({ sync: true });', replace: 'await writer.flush({ sync: false });' }],
    faults: ['powerCut'],
    why: 'A snapshot is marked, and the log released, while the store may still lose what is below.',
  },
  {
    name: 'snapshot-installed-before-sealed',
    file: 'packages/replica/src/raft-driver.ts',
    edits: [
      { find: 'await snapshots.seal(snapshot);\n', replace: '' },
      {
        find: 'await wal.save({ entries: ready.entries, sync: true, ...(hardState !== undefined && { hardState }) });',
        replace:
          'await wal.save({ entries: ready.entries, sync: true, ...(hardState !== undefined && { hardState }) });\n    await snapshots.seal(snapshot);',
      },
    ],
    why: 'The log goes on from a snapshot that was received but would not survive a crash.',
    faults: ['lag', 'crashAtPoint'],
  },
  {
    name: 'torn-record-accepted',
    file: 'packages/wal/src/segment-reader.ts',
    edits: [{ find: "if (crc !== head.crc) return 'the checksum does not match';", replace: '' }],
    faults: ['bitRot'],
    why: 'Records are taken from the log without looking at their checksum.',
  },
  {
    name: 'damage-cut-as-torn',
    file: 'packages/wal/src/segment-reader.ts',
    edits: [
      {
        find: 'if (lost) return this.#refuseTail(problem);',
        replace: 'return this.#refuseTail(problem + lost);',
      },
    ],
    faults: ['bitRot'],
    why: 'A damaged record is cut off with all behind it, as if a crash had torn it.',
  },
  {
    name: 'segment-name-not-synced',
    file: 'packages/wal/src/wal.ts',
    edits: [
      {
        find: 'await this.#disk.rename(next.path, `${this.#dir}/${name}`);\n    await this.#disk.syncDir(this.#dir);',
        replace: 'await this.#disk.rename(next.path, `${this.#dir}/${name}`);',
      },
    ],
    faults: ['powerCut'],
    why: 'A new segment of the log has no name on disk: a loss of power takes all of it.',
  },
  {
    name: 'sync-error-forgotten',
    file: 'packages/wal/src/segment-file.ts',
    edits: [
      {
        find: 'await this.#file.writeDurably(this.#position, frames);',
        replace: 'await this.#file.write(this.#position, frames); await this.sync().catch(() => undefined);',
      },
    ],
    faults: ['diskError', 'powerCut'],
    why: 'A failed sync is passed over, and what it should have saved is acknowledged.',
  },
  {
    name: 'doubtful-bytes-believed',
    file: 'packages/wal/src/doubt.ts',
    edits: [{ find: 'await writeAgain(disk, path);', replace: '' }],
    faults: ['diskError', 'powerCut'],
    why: 'What a failed sync has left in memory alone is promised by the next process.',
  },
];
