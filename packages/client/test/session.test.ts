import { status as codes } from '@grpc/grpc-js';
import { ManualClock } from '@quorate/std/testing';
import { rpcpb } from '@quorate/wire';
import { afterEach, expect, test, vi } from 'vitest';
import { Client, LeaseLostError, type Session } from '../src/index.ts';
import { FakeServer } from './fake-server.ts';

const { methods } = rpcpb.LeaseDefinition;
const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
});

/** A clock that a test moves, and that knows what was waited for. Its time of day is the real one, which gRPC has, too. */
class NotingClock extends ManualClock {
  readonly delaysMs: number[] = [];

  constructor() {
    super(Date.now());
  }

  override after(delayMs: number, action: () => void) {
    this.delaysMs.push(delayMs);
    return super.after(delayMs, action);
  }

  /** Moves on to when the lease is renewed next, and waits until that has been done `count` times. */
  async untilRenewed(count: number): Promise<void> {
    this.advance(20_000);
    // Each time, and at the start, the session counts anew how long it may believe in its lease.
    const believed = () => this.delaysMs.filter((delayMs) => delayMs === 54_000);
    await vi.waitFor(() => expect(believed()).toHaveLength(count + 1), { timeout: 60_000, interval: 1 });
  }
}

/** A server that grants leases of 60 seconds, and renews as often as `renewals` says, then not any more. */
class LeaseServer {
  renewals = Infinity;
  /** What the first renewal that is refused gets. */
  answer: 'silence' | 'gone' | 'unavailable' = 'unavailable';
  renewed = 0;
  readonly revoked: bigint[] = [];

  async start(): Promise<FakeServer> {
    const server = new FakeServer()
      .unary(rpcpb.LeaseDefinition, methods.leaseGrant, () => {
        return { ...rpcpb.LeaseGrantResponse.create(), ID: 7n, TTL: 60n };
      })
      .unary(rpcpb.LeaseDefinition, methods.leaseRevoke, ({ request }) => {
        this.revoked.push(request.ID);
        return rpcpb.LeaseRevokeResponse.create();
      })
      .stream(rpcpb.LeaseDefinition, methods.leaseKeepAlive, async (stream) => {
        const request = await stream.next();
        const isRenewed = this.renewed < this.renewals;
        if (!isRenewed && this.answer === 'silence') return;
        if (!isRenewed && this.answer === 'unavailable') {
          stream.end(codes.UNAVAILABLE, 'etcdserver: no leader');
          return;
        }
        this.renewed++;
        stream.send({ header: undefined, ID: request?.ID ?? 0n, TTL: isRenewed ? 60n : 0n });
        stream.end();
      });
    open.push(await server.start());
    return server;
  }
}

async function sessionOf(
  leases: LeaseServer,
  clock: NotingClock,
): Promise<{ session: Session; client: Client }> {
  const server = await leases.start();
  const client = new Client({ endpoints: [server.endpoint], clock });
  open.push(client);
  const session = await client.session();
  return { session, client };
}

function lossOf(session: Session): Promise<unknown> {
  return new Promise((resolve) => {
    session.signal.addEventListener('abort', () => resolve(session.signal.reason));
  });
}

test('a session whose lease is not renewed says that it is lost before the lease can end', async () => {
  const clock = new NotingClock();
  const leases = new LeaseServer();
  leases.renewals = 2;
  const { session } = await sessionOf(leases, clock);
  await clock.untilRenewed(1);
  await clock.untilRenewed(2);
  // Renewed after 40 seconds, the lease lives until 100; of the 60 a tenth is not counted upon.
  clock.advance(53_999);
  expect(session.isAlive).toBe(true);
  expect(session.signal.aborted).toBe(false);
  clock.advance(1);
  expect(session.isAlive).toBe(false);
  expect(session.signal.reason).toBeInstanceOf(LeaseLostError);
  await session.close();
  expect(leases.revoked).toEqual([]);
});

test('a session is not alive when its time is over, even before a timer can say so', async () => {
  const clock = new NotingClock();
  const leases = new LeaseServer();
  leases.renewals = 0;
  leases.answer = 'silence';
  const { session } = await sessionOf(leases, clock);
  const alive: boolean[] = [];
  vi.spyOn(clock, 'now').mockImplementation(() => 54_000);
  alive.push(session.isAlive);
  vi.restoreAllMocks();
  alive.push(session.isAlive);
  expect(alive).toEqual([false, true]);
  clock.advance(54_000);
  expect(session.signal.reason).toMatchObject({ name: 'LeaseLostError', leaseId: 7n });
});

test('the time that a machine sleeps counts, though one of its clocks stood still', async () => {
  const clock = new NotingClock();
  let sleptMs = 0;
  const wallMs = vi.spyOn(clock, 'wallMs');
  const awakeMs = Date.now();
  wallMs.mockImplementation(() => awakeMs + clock.now() + sleptMs);
  const { session } = await sessionOf(new LeaseServer(), clock);
  expect(session.isAlive).toBe(true);
  sleptMs = 3_600_000;
  expect(session.isAlive).toBe(false);
  // It may still be there: whether it is, the next renewal finds out.
  expect(session.signal.aborted).toBe(false);
  await session.close();
});

test('a session learns from the server that its lease is gone', async () => {
  const leases = new LeaseServer();
  leases.renewals = 1;
  leases.answer = 'gone';
  const clock = new NotingClock();
  const { session } = await sessionOf(leases, clock);
  await clock.untilRenewed(1);
  const lost = lossOf(session);
  clock.advance(20_000);
  expect(await lost).toMatchObject({ name: 'LeaseLostError' });
  expect(leases.renewed).toBe(2);
});

test('closing a session revokes its lease once, and ends its renewals', async () => {
  const leases = new LeaseServer();
  const { session } = await sessionOf(leases, new NotingClock());
  await Promise.all([session.close(), session.close()]);
  expect(leases.revoked).toEqual([7n]);
  expect(session.signal.reason).toMatchObject({ code: 'CANCELLED', message: 'the session is closed' });
});

test('an orphaned session leaves its lease alone', async () => {
  const leases = new LeaseServer();
  const { session } = await sessionOf(leases, new NotingClock());
  await session.orphan();
  await session.close();
  expect(leases.revoked).toEqual([]);
  expect(session.isAlive).toBe(false);
});

test('a session of a client that is closed is lost', async () => {
  const clock = new NotingClock();
  const { session, client } = await sessionOf(new LeaseServer(), clock);
  const lost = lossOf(session);
  await client.close();
  clock.advance(20_000);
  expect(await lost).toMatchObject({ name: 'LeaseLostError', cause: { message: 'the client is closed' } });
});
