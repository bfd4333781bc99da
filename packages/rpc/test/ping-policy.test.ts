import { ManualClock } from '@quorate/std/testing';
import fc from 'fast-check';
import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session } from 'node:http2';
import { afterEach, describe, expect, test } from 'vitest';
import { ClientPort, HttpSurface, type CutReason, type Method } from '../src/index.ts';
import { PingPolicy } from '../src/ping-policy.ts';
import { FakeMember } from './fake-member.ts';
import { ServerUnderTest } from './server-under-test.ts';

const hourMs = 3_600_000;

describe('pings', () => {
  const verdicts = (timesMs: readonly number[], hasCalls: boolean): boolean[] => {
    const policy = new PingPolicy(5_000);
    return timesMs.map((nowMs) => policy.isTooMany({ nowMs, hasCalls, sentBytes: 0 }));
  };

  test('every five seconds are fine during calls; too soon, the third is one too many', () => {
    expect(verdicts([0, 5_000, 10_000, 15_000, 20_000], true)).not.toContain(true);
    expect(verdicts([0, 4_999, 9_998, 14_997], true)).toEqual([false, false, false, true]);
  });

  test('without calls are to come every two hours', () => {
    expect(verdicts([0, 5_000, 10_000, 15_000], false)).toEqual([false, false, false, true]);
    expect(verdicts([0, 2 * hourMs, 4 * hourMs, 6 * hourMs], false)).not.toContain(true);
  });

  test('that were too soon stay counted when the next ones are not', () => {
    expect(verdicts([0, 1, 2, 10_000, 20_000, 20_001], true)).toEqual([
      ...[false, false, false, false, false],
      true,
    ]);
  });

  test('are never too many for a client that is sent something before each', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 10_000 })), fc.boolean(), (gapsMs, hasCalls) => {
        const policy = new PingPolicy(5_000);
        let nowMs = 0;
        for (const gapMs of gapsMs) {
          policy.noteSent();
          expect(policy.isTooMany({ nowMs: (nowMs += gapMs), hasCalls, sentBytes: 0 })).toBe(false);
        }
      }),
    );
  });

  test('of a client that keeps to the time are never too many, whatever else happens', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 5_000, max: 60_000 })), (gapsMs) => {
        const policy = new PingPolicy(5_000);
        let nowMs = 0;
        for (const gapMs of gapsMs)
          expect(policy.isTooMany({ nowMs: (nowMs += gapMs), hasCalls: true, sentBytes: 0 })).toBe(false);
      }),
    );
  });
});

describe('a connection', () => {
  const cleanups: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const waiting: Method = {
    kind: 'stream',
    clientStreams: true,
    serverStreams: true,
    handler: (call) =>
      new Promise((resolve) => call.signal.addEventListener('abort', () => resolve(), { once: true })),
  };
  const echo: Method = { kind: 'unary', handler: (request) => request };
  const large: Method = { kind: 'unary', handler: () => new Uint8Array(8 * 1024 * 1024) };

  async function start(options: { readonly keepAliveMinTimeMs?: number } = {}) {
    const clock = new ManualClock();
    const cuts: CutReason[] = [];
    const methods = new Map([
      ['/test.Test/Wait', waiting],
      ['/test.Test/Echo', echo],
      ['/test.Test/Large', large],
    ]);
    const observer = { onCut: (reason: CutReason) => cuts.push(reason) };
    const port = new ClientPort({
      grpc: new ServerUnderTest({ methods, maxReceiveBytes: 1 << 20, clock, observer, ...options }),
      http: new HttpSurface({
        member: new FakeMember(),
        versions: () => ({ server: '', cluster: '', storage: '' }),
        metrics: async () => ({ contentType: 'text/plain', text: '' }),
      }),
    });
    cleanups.push(() => port.close({ graceMs: 0 }));
    const session = connect(`http://127.0.0.1:${await port.listen({ host: '127.0.0.1', port: 0 })}`);
    session.on('error', () => {});
    cleanups.push(() => session.destroy());
    await once(session, 'remoteSettings');
    return { clock, cuts, session };
  }

  function open(session: ClientHttp2Session, path: string) {
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
    return session.request(headers).on('error', () => {});
  }

  /** Resolves when the ping was answered. */
  const ping = (session: ClientHttp2Session): Promise<void> =>
    new Promise((resolve, reject) => {
      session.ping((error) => (error === null ? resolve() : reject(error)));
    });

  /** What is said at the end of a connection. */
  const goodbye = (session: ClientHttp2Session): Promise<{ code: number; text: string }> =>
    new Promise((resolve) => {
      session.once('goaway', (code: number, _last: number, data?: Buffer) =>
        resolve({ code, text: String(data ?? '') }),
      );
    });

  test('that pings too often is told so in the words of gRPC, and ended', async () => {
    const { cuts, session } = await start();
    const told = goodbye(session);
    const closed = new Promise<void>((resolve) => session.once('close', resolve));
    for (let i = 0; i < 3; i++) await ping(session);
    expect(cuts).toEqual([]);
    session.ping(() => {});
    expect(await told).toEqual({ code: constants.NGHTTP2_ENHANCE_YOUR_CALM, text: 'too_many_pings' });
    await closed;
    expect(cuts).toEqual(['pings']);
  });

  test('may ping as often as is allowed while there is a call', async () => {
    const { clock, cuts, session } = await start({ keepAliveMinTimeMs: 1_000 });
    const stream = open(session, '/test.Test/Wait');
    stream.write(Buffer.alloc(5));
    for (let i = 0; i < 10; i++) {
      clock.advance(1_000);
      await ping(session);
    }
    expect(cuts).toEqual([]);
    const told = goodbye(session);
    for (let i = 0; i < 2; i++) await ping(session);
    session.ping(() => {});
    expect(await told).toMatchObject({ text: 'too_many_pings' });
  });

  test('may ping after each answer, to see how long that takes', async () => {
    const { clock, cuts, session } = await start();
    for (let i = 0; i < 10; i++) {
      const call = open(session, '/test.Test/Echo').resume();
      call.end(Buffer.alloc(5));
      await once(call, 'close');
      await ping(session);
      clock.advance(100);
    }
    expect(cuts).toEqual([]);
  });

  test('may ping while a large answer comes, to see how wide its window has to be', async () => {
    const { cuts, session } = await start();
    let isPinging = false;
    let pings = 0;
    const call = open(session, '/test.Test/Large').on('data', () => {
      if (isPinging) return;
      isPinging = true;
      session.ping(() => {
        isPinging = false;
        pings++;
      });
    });
    call.end(Buffer.alloc(5));
    await once(call, 'close');
    expect(pings).toBeGreaterThan(10);
    expect(cuts).toEqual([]);
  });
});
