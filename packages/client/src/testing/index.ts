/** For tests of whatever speaks to a server: a real etcd to speak to. */
export { etcdBinFolder, freePort, startRealEtcd, type StartedServer } from './real-etcd.ts';
