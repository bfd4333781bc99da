/** For tests of whatever speaks to a server: a real etcd to speak to. */
export {
  etcdBinFolder,
  freePort,
  startRealEtcd,
  startServer,
  type StartedServer,
  type StartOptions,
} from './real-etcd.ts';
