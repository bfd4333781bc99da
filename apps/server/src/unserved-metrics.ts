/** Metrics of etcd that a member does not serve, `*` for whatever follows, and why each of them has no meaning here. */
export const unservedMetrics: Readonly<Record<string, string>> = {
  'go_*': 'of Go’s runtime; `nodejs_*` tell the same of Node’s',
  'etcd_debugging_store_*': 'of etcd’s v2 store, which is gone',
  'etcd_grpc_proxy_*': 'of `grpc-proxy`; in a member they are always 0',
  'etcd_debugging_disk_backend_commit_*': 'steps of a commit of bbolt; the store is RocksDB',
  etcd_mvcc_db_open_read_transactions: 'of bbolt; reads need no transaction',
  etcd_disk_wal_write_duration_seconds:
    'a batch is written and synced in one: `etcd_disk_wal_fsync_duration_seconds` tells both',
  etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds:
    'the index goes in the same slices: `etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds`',
  'etcd_snap_db_*': 'a snapshot of the leader goes into the store as it comes, and not into a file',
  etcd_snap_fsync_duration_seconds:
    '`.snap` files are for others to read; nothing waits for them, and nothing is restored from them',
  'etcd_debugging_snap_save_*': 'the same',
  etcd_server_learner_promote_failures: '`grpc_server_handled_total` of `MemberPromote` tells them by code',
};
