/** What `examineDataDir` found. Only what is so: what it means is for others to judge. */
export interface DataDirFacts {
  /** As it was given. */
  readonly dataDir: string;
  readonly walDir: string;
  /** Undefined when there is a directory that can be read; else why there is none. */
  readonly unreadable: string | undefined;
  /** Whose store lies there; `both` belongs to neither, `none` has no store. */
  readonly owner: 'quorate' | 'etcd' | 'both' | 'none';
  /** `member.restoring` is there: a restore that did not come to its end. */
  readonly isRestoreInterrupted: boolean;
  /** `proxy` lies beside `member`. */
  readonly hasProxy: boolean;
  readonly use: UseFacts;
  /** What an interrupted step or a repair has left, most of it to be removed by the next start. */
  readonly leftovers: readonly LeftoverFacts[];
  readonly places: readonly PlaceFacts[];
  readonly volumes: readonly VolumeFacts[];
  /** Undefined when there is no log. */
  readonly log: LogFacts | undefined;
  readonly snapFiles: readonly SnapFileFacts[];
  /** Undefined when there is no store, or somebody has it open. */
  readonly store: StoreFacts | undefined;
}

/** Whether a process has the store open. */
export type UseFacts =
  | { readonly state: 'free' }
  | { readonly state: 'used'; readonly pid: number }
  | { readonly state: 'unknown'; readonly reason: string };

/** A file or directory that no member works with. */
export interface LeftoverFacts {
  readonly path: string;
  readonly sizeBytes: number;
  /** `broken`: the untouched copy of what was repaired; `unfinished`: what was being made. */
  readonly kind: 'broken' | 'unfinished';
}

/** A directory or file, and who may enter or read it. */
export interface PlaceFacts {
  readonly path: string;
  readonly isDirectory: boolean;
  /** The permission bits, as `0o700`. */
  readonly mode: number;
  readonly uid: number;
}

/** A file system. Sizes are in bytes; what is free is what processes without privileges may take. */
export interface VolumeFacts {
  readonly path: string;
  readonly device: number;
  /** `f_type` of statfs(2). */
  readonly type: number;
  readonly sizeBytes: number;
  readonly freeBytes: number;
  /** Both 0 where files are not counted. */
  readonly fileCount: number;
  readonly freeFileCount: number;
}

/** A segment of the log. */
export interface SegmentFacts {
  readonly name: string;
  readonly sizeBytes: number;
  /** What the file system has given it: less than its size where it has holes. */
  readonly allocatedBytes: number;
}

/** Why the records of a log cannot all be read. */
export interface LogProblem {
  /** `torn` is what a crash leaves at the end, and a start repairs; the others keep a member from starting. */
  readonly kind: 'torn' | 'damaged' | 'gap' | 'conflict' | 'unreadable';
  readonly text: string;
}

/** A log, read from its first segment to its end. */
export interface LogFacts {
  readonly segments: readonly SegmentFacts[];
  readonly problem: LogProblem | undefined;
  /** Its last segment was not judged, since a member may be writing it. */
  readonly isEndUnsure: boolean;
  /** Undefined when no metadata was read. */
  readonly owner: { readonly memberId: bigint; readonly clusterId: bigint } | undefined;
  readonly hardState: { readonly term: number; readonly vote: bigint; readonly commit: number };
  /** The index of the last entry, or of a later snapshot that has replaced the log. */
  readonly lastIndex: number;
  /** Marks of snapshots that a member may start from, oldest first. */
  readonly marks: readonly { readonly index: number; readonly term: number }[];
}

/** A file of a snapshot. */
export interface SnapFileFacts {
  readonly name: string;
  readonly index: number;
  readonly term: number;
  /** Why it is no good; undefined when it is. */
  readonly problem: string | undefined;
}

/** A store, read from end to end. */
export interface StoreFacts {
  readonly kind: 'quorate' | 'etcd';
  /** Why it does not open, or what of it cannot be read; undefined when all is good. */
  readonly problem: StoreProblem | undefined;
  /** The entry of the log that it stands for; undefined when that cannot be read. */
  readonly position: { readonly index: number; readonly term: number } | undefined;
  /** Rows of all buckets that were read. */
  readonly rowCount: number;
  /** Alarms that stand in it. */
  readonly alarmCount: number;
  /** Bytes of its files. */
  readonly sizeBytes: number;
  /** Bytes of pages that hold nothing; 0 for a store that gives them back by itself. */
  readonly freeBytes: number;
}

/** What keeps a store from being read. */
export interface StoreProblem {
  /** `unchecked`: it was not possible to look, which says nothing about the store. */
  readonly kind: 'damaged' | 'unchecked';
  readonly text: string;
}
