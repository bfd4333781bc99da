import { bytesOfText, type ByteString } from './byte-string.ts';

/**
 * What an error says, as bytes to print. etcd's own errors are told by their text alone; others of gRPC by their
 * code, too, as Go's client does.
 */
export function errorText(error: unknown): ByteString {
  if (!(error instanceof Error)) return bytesOfText(String(error));
  const code = grpcCode(error);
  const known = code === undefined || /^(?:etcdserver: |mvcc: |context )/.test(error.message);
  return bytesOfText(known ? error.message : `rpc error: code = ${code} desc = ${error.message}`);
}

/**
 * What of TLS kept a client from connecting, when that is why time was up: etcdctl's own words say nothing of it, and
 * its log lines, which do, are not printed here.
 */
export function tlsTrouble(error: unknown): ByteString | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.message.startsWith('no connection to ') && ofTls.test(cause.message))
      return bytesOfText(cause.message);
  }
  return undefined;
}

const ofTls = /certificate|altnames|\bSSL|\bTLS|wrong version number/i;

/** The code of a client's error in Go's spelling. Told by its name, so that the client need not be loaded. */
function grpcCode(error: Error): string | undefined {
  if (error.name !== 'EtcdError' || !('code' in error) || typeof error.code !== 'string') return undefined;
  const words = error.code === 'CANCELLED' ? ['CANCELED'] : error.code.split('_');
  return words.map((word) => word.charAt(0) + word.slice(1).toLowerCase()).join('');
}
