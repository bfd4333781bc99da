import { IoThread } from '../../src/io-threads/io-thread.ts';

/** The module of an I/O thread without TLS, for tests. */
new IoThread().serve();
