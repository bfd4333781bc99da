import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

/** A Python that has gRPC, such as Debian's `python3-grpcio`; undefined when there is none. */
export const pythonWithGrpc: string | undefined = ['python3', '/usr/bin/python3'].find(
  (file) => spawnSync(file, ['-c', 'import grpc']).status === 0,
);

/** A curl that speaks HTTP/2. */
export const hasCurl: boolean = spawnSync('curl', ['--version']).stdout?.includes('HTTP2') === true;
/** nghttp2's client and load generator, such as Debian's `nghttp2-client`. */
export const hasNghttp: boolean = ['nghttp', 'h2load'].every(
  (file) => spawnSync(file, ['--version']).status === 0,
);

/** What `python_client.py` is to be run as: it prints what came of each of its calls, on each kind of channel. */
export const pythonClient: string = resolve(import.meta.dirname, 'python_client.py');
