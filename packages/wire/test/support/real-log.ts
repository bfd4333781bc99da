/**
 * Records that etcd 3.5.30 wrote into its log, as hex of the walpb.Record's data: a member alone, which was
 * sent puts, a lease, a delete, a transaction, a compaction and a role.
 */

export const realEntries = {
  confChange:
    '08011001180122630800100018cabaecc58aae9486fe0122527b226964223a3138333036303936313239363633323435363' +
    '4322c227065657255524c73223a5b22687474703a2f2f3132372e302e302e313a3234323439225d2c226e616d65223a2264' +
    '656661756c74227d',
  empty: '080010021802',
} as const;

/** Data of normal entries. */
export const realEnvelopes = {
  put: '220a0a03666f6f1203626172a2060a0883def493b1c0a8a51d',
  putWithLease: '22150a066c65617365641201781885def493b1c0a8a51da2060a0887def493b1c0a8a51d',
  leaseGrant: '420d08d8041085def493b1c0a8a51da2060a0886def493b1c0a8a51d',
  deleteRange: '2a050a03666f6fa2060a0888def493b1c0a8a51d',
  compaction: '3a020803a2060a0889def493b1c0a8a51d',
  roleAdd: 'a2060a0891def493b1c0a8a51d824b030a0172',
  txn:
    '32470a0b080110021a03666f6f30000a051a016120000a0810031a01763a0178120812060a016112016212090a070a03666f' +
    '6f18031a0812060a01631201641a081a060a0178120179a2060b08838a9197b1c0e8aa8601',
} as const;

/** Data of a normal entry that is no InternalRaftRequest: the leader sets the cluster version. */
export const realBareRequest =
  '0882def493b1c0a8a51d12035055541a0a2f302f76657273696f6e2205332e352e30280032003800480050005800600068007' +
  '0007800800100';

export const realHardState = '080210cabaecc58aae9486fe01180d';
export const realWalSnapshot = '080d10021a0d08cabaecc58aae9486fe012800';
