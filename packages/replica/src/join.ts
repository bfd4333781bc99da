import { formatInitialCluster, type InitialMember } from '@quorate/membership';
import type { PeerMember } from '@quorate/peer';
import { StartError } from './errors.ts';

/**
 * Which member of a running cluster each configured one is: by name, the ID of the member that has the same peer
 * URLs (reference: bootstrap, decision table).
 *
 * @throws StartError when a configured member is none of the cluster, or the other way round
 */
export function matchMembers(
  configured: readonly InitialMember[],
  running: readonly PeerMember[],
): Map<string, bigint> {
  if (configured.length !== running.length) {
    throw new StartError(
      `--initial-cluster names ${configured.length} members and the running cluster has ${running.length}: list ` +
        `all of them, this one included once it was added (the cluster: ${describe(running)})`,
    );
  }
  const ids = new Map<string, bigint>();
  for (const { name, peerUrls } of configured) {
    const same = running.find((member) => urlText(member.peerUrls) === urlText(peerUrls));
    if (same === undefined) {
      throw new StartError(
        `--initial-cluster has ${formatInitialCluster([{ name, peerUrls }])}, but no member of the running cluster ` +
          `has these peer URLs: add it with "member add" first (the cluster: ${describe(running)})`,
      );
    }
    ids.set(name, same.id);
  }
  return ids;
}

function urlText(urls: readonly string[]): string {
  return [...urls].sort().join(',');
}

function describe(members: readonly PeerMember[]): string {
  return members.map(({ name, peerUrls }) => `${name || '(not started)'}=${peerUrls.join(',')}`).join(' ');
}
