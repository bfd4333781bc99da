import { IoThread } from '../../src/io-threads/io-thread.ts';

/** The module of a thread that dies when its first connection asks for TLS. */
new IoThread().serve({
  secure: () => {
    setImmediate(() => {
      throw new Error('a bug in a thread');
    });
  },
});
