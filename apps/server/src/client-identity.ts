import type { SecureSocket } from '@quorate/rpc';
import type { ServerTls } from '@quorate/tls';

/** TLS for clients. As in etcd, a certificate names a user only where certificates are asked for. */
export function withNames(
  tls: ServerTls,
  { clientCertAuth }: { readonly clientCertAuth: boolean },
): SecureSocket {
  return (socket, onSecure) =>
    tls.accept(socket, (secured, { commonName }) =>
      onSecure(secured, { commonName: clientCertAuth ? commonName : undefined }),
    );
}
