/** For tests of whatever speaks to a server: a real etcd to speak to. */
export {
  etcdBinFolder,
  freePort,
  startRealEtcd,
  startServer,
  type MemberIdentity,
  type StartedServer,
  type StartOptions,
} from './real-etcd.ts';
export { startQuorate, startQuorateCluster } from './quorate.ts';
export {
  freePorts,
  startCluster,
  startRealCluster,
  type MemberPorts,
  type StartClusterOptions,
  type StartedCluster,
} from './cluster.ts';
export {
  testCertificates,
  writeTestCertificates,
  type TestCertificate,
  type TestCertificateFiles,
} from './certificates.ts';
