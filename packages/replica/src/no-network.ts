import { PeerError, type PeerNetwork } from '@quorate/peer';

const unreachable = (): Promise<never> => Promise.reject(new PeerError('PEER_UNREACHABLE'));

/** The way to the others of a member that has none: nobody hears it. */
export const noNetwork: PeerNetwork = {
  setPeers: () => {},
  send: () => {},
  sendSnapshot: unreachable,
  activeForMs: () => undefined,
  versions: unreachable,
  hashKv: unreachable,
  promoteMember: unreachable,
  renewLease: unreachable,
  leaseTimeToLive: unreachable,
  isDowngradeEnabled: unreachable,
  close: () => Promise.resolve(),
};
