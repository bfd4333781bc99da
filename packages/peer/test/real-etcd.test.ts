import { encodeMessage, leasepb, raftpb, rpcpb, type Message } from '@quorate/wire';
import { idToHex } from '@quorate/std';
import { describe, expect, test } from 'vitest';
import {
  fetchMembers,
  fetchVersions,
  PeerPort,
  PeerTransport,
  type PeerHashKv,
  type PeerObserver,
  type RunningCluster,
} from '../src/index.ts';
import { CodedError, FakeHost, makeMessage } from '../src/testing/index.ts';
import { peerHeaders, rawAnswer, type RawAnswer, type RawRequest } from './support/raw-http.ts';
import { etcdBinFolder, RealEtcd } from './support/real-etcd.ts';
import { YesMan } from './support/yes-man.ts';

const { MessageType } = raftpb;

/** What the server tells of its cluster as soon as it listens. */
async function clusterOnceUp(url: string): Promise<RunningCluster> {
  for (;;) {
    try {
      return await fetchMembers([url], { timeoutMs: 5_000 });
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20)); // The process starts; it tells nobody when it is done.
    }
  }
}

/** Our side of a cluster of two, the other side of which is a real etcd. */
class OurSide implements AsyncDisposable {
  readonly port = new PeerPort();
  url = '';
  host = new FakeHost({ id: 0n });
  realId = 0n;
  #transport: PeerTransport | undefined;
  readonly opened = new Set<string>();

  async listen(): Promise<void> {
    this.url = `http://127.0.0.1:${await this.port.listen({ host: '127.0.0.1', port: 0 })}`;
  }

  get transport(): PeerTransport {
    return this.#transport!;
  }

  /** Learns from the real etcd who we are, and opens all streams. */
  async join(etcd: RealEtcd): Promise<void> {
    const { clusterId, members } = await clusterOnceUp(etcd.peerUrl);
    const own = members.find((member) => member.peerUrls[0] === this.url);
    this.realId = members.find((member) => member.peerUrls[0] === etcd.peerUrl)!.id;
    this.host = new FakeHost({ id: own!.id, clusterId, members });
    const observer: PeerObserver = {
      onStreamOpened: ({ type, direction }) => {
        this.opened.add(`${type} ${direction}`);
        this.host.wake();
      },
      onStreamClosed: ({ type, direction }) => {
        this.opened.delete(`${type} ${direction}`);
        this.host.wake();
      },
    };
    this.#transport = new PeerTransport({ host: this.host, observer });
  }

  async connect(): Promise<void> {
    this.port.serve(this.transport);
    this.transport.setPeers(this.host.memberList);
    await this.connected();
  }

  async connected(): Promise<void> {
    await this.host.until(() => this.opened.size === 4);
  }

  /** Answers like a follower from here on. */
  follow(follower: YesMan): void {
    this.host.onMessage = (message) => {
      const answer = follower.answer(message);
      if (answer !== undefined) this.transport.send([answer]);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport?.close();
    await this.port.close();
  }
}

describe.skipIf(etcdBinFolder === undefined)(
  'with a real etcd (skipped unless QUORATE_ETCD_BIN names a folder with one)',
  { timeout: 120_000 },
  () => {
    test('it leads a cluster of two in which our side does nothing but vote and acknowledge', async () => {
      await using ours = new OurSide();
      await ours.listen();
      await using etcd = await RealEtcd.start('real', { others: [`ours=${ours.url}`] });
      await ours.join(etcd);
      const follower = new YesMan(2);
      ours.follow(follower);
      await ours.connect();

      expect(await etcd.ctl('put', 'key', 'a value that both have')).toBe('OK');
      expect(await etcd.ctl('get', 'key')).toBe('key\na value that both have');
      const datas = [...follower.entries.values()].map((data) => Buffer.from(data));
      expect(datas.some((data) => data.includes('a value that both have'))).toBe(true);
      await ours.host.until(() => follower.commit === follower.lastIndex);
      const kinds = [
        MessageType.MsgPreVote,
        MessageType.MsgVote,
        MessageType.MsgApp,
        MessageType.MsgHeartbeat,
      ];
      for (const kind of kinds) expect(follower.heard).toContain(kind);

      // Several at once, so that frames of entries come, too.
      await Promise.all(
        Array.from({ length: 8 }, (_, i) => etcd.ctl('put', `many/${i}`, 'x'.repeat(50_000))),
      );
      expect((await etcd.ctl('get', 'many/', '--prefix', '--keys-only')).split('\n\n')).toHaveLength(8);
      expect(ours.host.received.every(({ from }) => from === ours.realId)).toBe(true);
      expect(ours.transport.activeForMs(ours.realId)).toBeGreaterThan(0);
      expect(await ours.transport.isDowngradeEnabled(ours.realId)).toBe(false);
    });

    test('it takes the votes and answers of a member that can only post', async () => {
      await using ours = new OurSide();
      await ours.listen();
      await using etcd = await RealEtcd.start('real', { others: [`ours=${ours.url}`] });
      await ours.join(etcd);
      ours.follow(new YesMan(2));
      // Streams of the real one are turned away, so our messages have to be posted.
      ours.port.serve({
        handle: (request, response) => {
          if (request.url?.startsWith('/raft/stream/') === true) response.writeHead(404).end();
          else ours.transport.handle(request, response);
        },
      });
      ours.transport.setPeers(ours.host.memberList);
      expect(await etcd.ctl('put', 'key', 'value')).toBe('OK');
      expect(ours.opened).toEqual(new Set(['msgapp incoming', 'message incoming']));
    });

    test('a snapshot that it sends is stored, and one that we send is restored', async () => {
      await using ours = new OurSide();
      await ours.listen();
      const flags = ['--snapshot-count', '5', '--experimental-snapshot-catchup-entries', '1'];
      let sent: { readonly message: Message; readonly db: Uint8Array };
      let hashBefore: PeerHashKv;
      let peerUrl: string;
      let clientUrl: string;
      {
        await using etcd = await RealEtcd.start('real', { others: [`ours=${ours.url}`], flags });
        ({ peerUrl, clientUrl } = etcd);
        await ours.join(etcd);
        ours.follow(new YesMan(2));
        await ours.connect();
        for (let i = 0; i < 20; i++) await etcd.ctl('put', `key${i}`, `value${i}`);
        hashBefore = await ours.transport.hashKv(ours.realId, 21);
        // A follower that has lost its log needs the snapshot, as the entries are gone.
        ours.follow(new YesMan(0));
        const pending = etcd.ctl('put', 'last', 'one').catch(() => '');
        await ours.host.until(() => ours.host.snapshots.length > 0);
        sent = ours.host.snapshots[0]!;
        ours.host.onMessage = undefined;
        await etcd[Symbol.asyncDispose]();
        await pending;
      }
      const { snapshot, from, to, term } = sent.message;
      expect([from, to]).toEqual([ours.realId, ours.host.id]);
      expect(snapshot?.confState.voters.toSorted()).toEqual([from, to].toSorted());
      // The magic number of a bbolt file stands behind the header of its first page.
      expect(Buffer.from(sent.db).readUInt32LE(16)).toBe(0xed0cdaed);

      // The same member with an empty disk; now we lead, in a later term.
      await ours.host.until(() => ours.opened.size === 0);
      ours.host.received.length = 0;
      await using fresh = await RealEtcd.start('real', {
        others: [`ours=${ours.url}`],
        flags,
        peerUrl,
        clientUrl,
      });
      await clusterOnceUp(fresh.peerUrl);
      await ours.connected();
      const lead = { from: to, to: from, term: term + 5 };
      ours.transport.send([makeMessage({ type: MessageType.MsgHeartbeat, ...lead })]);
      await ours.host.until(() =>
        ours.host.received.some(({ type }) => type === MessageType.MsgHeartbeatResp),
      );
      async function* db() {
        for (let at = 0; at < sent.db.length; at += 10_000) yield sent.db.subarray(at, at + 10_000);
      }
      await ours.transport.sendSnapshot({ ...sent.message, ...lead }, db());
      // It takes a moment to apply it; until then that revision lies in its future. (Its answer to the message may be
      // lost, as it makes all connections anew when it applies.)
      let hash: PeerHashKv | undefined;
      while (hash === undefined) hash = await ours.transport.hashKv(ours.realId, 21).catch(() => undefined);
      expect(hash).toEqual(hashBefore);
    });

    test('members that it removed are told so', async () => {
      await using ours = new OurSide();
      await ours.listen();
      await using etcd = await RealEtcd.start('real');
      await clusterOnceUp(etcd.peerUrl);
      const added = await etcd.ctl('member', 'add', 'ours', '--learner', '--peer-urls', ours.url);
      await ours.join(etcd);
      await ours.connect();
      expect(added).toContain(idToHex(ours.host.id));
      await expect(ours.transport.promoteMember(ours.realId, ours.host.id)).rejects.toMatchObject({
        code: 'PEER_REFUSED',
        status: 412,
        reason: 'etcdserver: can only promote a learner member which is in sync with leader',
      });
      await etcd.ctl('member', 'remove', idToHex(ours.host.id));
      await ours.host.until(() => ours.host.removedCount > 0);
    });

    test('it answers all questions', async () => {
      await using etcd = await RealEtcd.start('real');
      const { clusterId, members } = await clusterOnceUp(etcd.peerUrl);
      const [real] = members;
      expect(members).toMatchObject([{ name: 'real', peerUrls: [etcd.peerUrl], isLearner: false }]);
      await using transport = new PeerTransport({ host: new FakeHost({ id: 5n, clusterId }) });
      transport.setPeers(members);
      const id = real!.id;
      const lease = BigInt(`0x${(await etcd.ctl('lease', 'grant', '1000')).split(' ')[1]}`);
      await etcd.ctl('put', 'k', 'v', '--lease', lease.toString(16));
      expect(await transport.renewLease(id, lease)).toBe(1000);
      expect(await transport.renewLease(id, 12n)).toBeUndefined();
      const left = await transport.leaseTimeToLive(id, lease, { keys: true });
      expect(left).toMatchObject({ grantedTtlSeconds: 1000, keys: [new Uint8Array(Buffer.from('k'))] });
      expect(await transport.leaseTimeToLive(id, 12n, { keys: true })).toBeUndefined();
      expect(await transport.leaseTimeToLive(id, lease, { keys: false })).toMatchObject({ keys: [] });

      const hash = await transport.hashKv(id, 0);
      const [told] = JSON.parse(await etcd.ctl('endpoint', 'hashkv', '-w', 'json')) as [
        { HashKV: { hash: number } },
      ];
      expect(hash).toEqual({ revision: 2, hash: told.HashKV.hash, compactRevision: -1, hashRevision: 2 });
      await expect(transport.hashKv(id, 50)).rejects.toMatchObject({
        code: 'PEER_REFUSED',
        status: 400,
        reason: 'mvcc: required revision is a future revision',
      });
      await etcd.ctl('put', 'k', 'w');
      await etcd.ctl('compact', '3');
      await expect(transport.hashKv(id, 2)).rejects.toMatchObject({
        reason: 'mvcc: required revision has been compacted',
      });
      await expect(transport.promoteMember(id, id)).rejects.toMatchObject({
        status: 412,
        reason: 'membership: can only promote a learner member',
      });
      await expect(transport.promoteMember(id, 7n)).rejects.toMatchObject({
        status: 404,
        reason: 'membership: ID not found',
      });
      expect(await transport.versions(id)).toMatchObject({ server: '3.5.30' });
      expect(await fetchVersions(['http://127.0.0.1:1', etcd.peerUrl], { timeoutMs: 5_000 })).toEqual(
        await transport.versions(id),
      );
    });

    test('we answer hostile and honest requests with the same words', async () => {
      await using etcd = await RealEtcd.start('real');
      const { clusterId } = await clusterOnceUp(etcd.peerUrl);
      await etcd.ctl('put', 'k', 'v'); // It has published itself by then.
      const { members } = await fetchMembers([etcd.peerUrl], { timeoutMs: 5_000 });
      const [real] = members;
      const host = new FakeHost({ id: real!.id, clusterId, members, serverVersion: '3.5.30' });
      host.renewLease = async () => {
        throw new CodedError('LEASE_NOT_FOUND');
      };
      await using transport = new PeerTransport({ host });
      await using port = new PeerPort();
      port.serve(transport);
      const ourUrl = `http://127.0.0.1:${await port.listen({ host: '127.0.0.1', port: 0 })}`;
      for (const raw of requests(clusterId, real!.id)) {
        const [theirs, own] = [await rawAnswer(etcd.peerUrl, raw), await rawAnswer(ourUrl, raw)];
        expect([raw, essence(own)]).toEqual([raw, essence(theirs)]);
      }
    });
  },
);

/** What members look at in an answer. */
function essence({ status, headers, body }: RawAnswer): unknown {
  const names = ['content-type', 'allow', 'x-etcd-cluster-id', 'x-server-version', 'x-content-type-options'];
  return { status, headers: names.map((name) => headers[name]), body: body.toString('latin1') };
}

/** Requests whose answers depend on nothing but what both sides have in common. */
function requests(clusterId: bigint, id: bigint): readonly RawRequest[] {
  const good = peerHeaders(clusterId);
  const vote = makeMessage({ type: MessageType.MsgVoteResp, from: 3n, to: id, term: 1 });
  const ID = 77n;
  const old = { ...good, 'X-Server-Version': '2.3.0' };
  const young = { ...good, 'X-Min-Cluster-Version': '3.6.0' };
  const gets = [
    '/',
    '/nope',
    '/raft',
    '/raft/',
    '/raft/snapshot',
    '/members',
    '/members?a=b',
    '/members/',
    '/leases',
  ];
  const frame = (size: number, ...bytes: number[]) => Buffer.from([0, 0, 0, 0, 0, 0, 0, size, ...bytes]);
  const posted = (path: string, body: Uint8Array | string, headers = good): RawRequest => {
    return { method: 'POST', path, headers, body };
  };
  return [
    ...gets.map((path) => ({ path })),
    ...['/leases/internal', '/members/promote/1', '/downgrade/enabled'].map((path) => ({ path })),
    ...['/members', '/version', '/downgrade/enabled', '/members/hashkv', '/raft/stream/msgapp/1'].map(
      (path) => ({
        method: 'POST',
        path,
      }),
    ),
    { method: 'HEAD', path: '/members' },
    ...[{}, good, old, young, { ...good, 'X-Etcd-Cluster-ID': '1' }].flatMap((headers) => [
      { path: '/raft/stream/', headers },
      { path: '/raft/stream/nope/12', headers },
      { path: '/raft/stream/msgapp/zz', headers },
      { path: '/raft/stream/message/12', headers },
      posted('/raft', 'zzzzz', headers),
      posted('/raft/snapshot', '', headers),
    ]),
    posted('/raft', encodeMessage(vote)),
    posted('/raft', encodeMessage({ ...vote, to: 9n })),
    posted('/raft/snapshot', 'zzzzzzzzzz'),
    posted('/raft/snapshot', frame(0)),
    posted('/raft/snapshot', frame(4, 0x08, 0x07, 0x10, 0x05)),
    posted('/raft/snapshot', frame(4, 0x08, 0x05, 0x10, 0x05)),
    posted('/raft/snapshot', frame(4, 0x08, 0x05, 0x10)),
    posted('/members/promote/x', ''),
    posted('/members/promote/', ''),
    posted('/leases', 'xyz', {}),
    posted('/leases', rpcpb.LeaseKeepAliveRequest.encode({ ID }).finish(), {}),
    posted('/leases/internal', 'xyz', {}),
    posted(
      '/leases/internal',
      leasepb.LeaseInternalRequest.encode({ LeaseTimeToLiveRequest: { ID, keys: true } }).finish(),
      {},
    ),
    { path: '/members/hashkv', body: 'x' },
    { path: '/members/hashkv', body: '{"revision":"x"}' },
    { path: '/members/hashkv', body: '{}', headers: { 'X-Etcd-Cluster-ID': '12' } },
  ];
}
