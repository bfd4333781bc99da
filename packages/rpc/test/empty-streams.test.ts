import { expect, test } from 'vitest';
import { FakeMember } from './fake-member.ts';
import { serve } from './serve.ts';

test('streams without a message end, however many of them come in one breath', async () => {
  await using served = await serve(new FakeMember());
  for (let round = 0; round < 5; round++) {
    const ends = Array.from({ length: 40 }, () => {
      const stream = served.duplex('/etcdserverpb.Lease/LeaseKeepAlive');
      stream.resume();
      stream.end();
      return new Promise<number>((resolve) => stream.once('status', ({ code }) => resolve(code)));
    });
    expect(new Set(await Promise.all(ends))).toEqual(new Set([0]));
  }
});
