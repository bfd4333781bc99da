import { IoThread } from '@quorate/rpc/io-thread';
import { ServerTls } from '@quorate/tls';
import { workerData } from 'node:worker_threads';
import { withNames } from './client-identity.ts';
import type { TlsEvent, ThreadApp } from './io-threads.ts';

/** The module of an I/O thread of a member: certificates are read here as well, and again when they change. */
const thread = new IoThread();
const tell = (event: TlsEvent): void => thread.tell(event);
// `openIoThreads` gives it.
const { tls, clientCertAuth } = (workerData as { readonly app: ThreadApp }).app;
const clients =
  tls &&
  (await ServerTls.open({
    ...tls,
    observer: {
      onSecured: (event) => tell({ kind: 'secured', event }),
      onRefused: (event) => tell({ kind: 'refused', event }),
      onReloaded: (event) => tell({ kind: 'reloaded', event }),
      onReloadFailed: ({ error }) =>
        tell({ kind: 'reloadFailed', message: error instanceof Error ? error.message : String(error) }),
    },
  }));
thread.serve({
  secure: clients && withNames(clients, { clientCertAuth }),
  onClosed: () => clients?.close(),
});
