import type { PeerObserver } from '@quorate/peer';
import type { ReplicaObserver } from '@quorate/replica';
import type { GrpcObserver } from '@quorate/rpc';
import { idToHex } from '@quorate/std';
import type { Logger } from 'pino';
import { isUnary, type GrpcMetrics } from './grpc-metrics.ts';

/** Of a user's name, which a client may have made up. */
const loggedNameLength = 64;

/** What an operator wants to read of what the replica did. */
export function replicaLog(log: Logger, { slowApplyMs }: { readonly slowApplyMs: number }): ReplicaObserver {
  return {
    onApplied: ({ entries, durationMs }) => {
      if (durationMs > slowApplyMs)
        log.warn({ entries, durationMs, thresholdMs: slowApplyMs }, 'applying entries took long');
    },
    onLogRepaired: (event) => log.warn(event, 'cut a torn tail off the log; nothing acknowledged was in it'),
    onImage: ({ outcome, reason }) => {
      if (outcome === 'used') log.info('opened the store from the image that the last stop left');
      else if (outcome === 'refused')
        log.warn({ reason }, 'the image of the store is of no use; read its rows instead');
      else log.warn({ reason }, 'could not leave an image of the store; the next start reads its rows');
    },
    onLeaderChange: ({ leader, term }) => log.debug({ leader: idToHex(leader), term }, 'the leader changed'),
    onCompacted: (event) => log.info(event, 'compacted the store'),
    onSnapshot: ({ index, released }) => log.info({ index, released }, 'marked a snapshot in the log'),
    onAlarm: ({ member, type, active }) =>
      log.warn(
        { alarm: type, memberId: idToHex(member) },
        active ? 'an alarm was raised' : 'an alarm was disarmed',
      ),
    onSnapshotSent: ({ to, index, error }) =>
      error === undefined
        ? log.info({ to: idToHex(to), index }, 'sent a snapshot')
        : log.warn({ err: error, to: idToHex(to), index }, 'could not send a snapshot'),
    onSnapshotInstalled: (event) => log.info(event, 'installed a snapshot of the leader'),
    onMemberChange: ({ kind, member }) =>
      log.info({ change: kind, memberId: idToHex(member) }, 'the members changed'),
    onClusterVersion: (event) => log.info(event, 'set the cluster version'),
    onCorruption: ({ member, reason }) =>
      log.error({ memberId: idToHex(member), reason }, 'found data that differs'),
    onLogin: ({ user, address, refused }) => {
      const event = { user: user.slice(0, loggedNameLength), address };
      if (refused === undefined) log.debug(event, 'a user logged in');
      else log.warn({ ...event, reason: refused }, 'a login was refused');
    },
    onRemoved: () => log.warn('this member was removed from the cluster and stops'),
    onFatal: (error) => log.fatal({ err: error }, 'the member cannot go on and stops'),
  };
}

/** What an operator wants to read of the connections to other members, beside what is counted of them. */
export function peerLog(log: Logger, metrics: PeerObserver): PeerObserver {
  return {
    ...metrics,
    onActive: (event) => {
      metrics.onActive?.(event);
      log.info({ peer: idToHex(event.peer) }, 'a member is reached');
    },
    onInactive: (event) => {
      metrics.onInactive?.(event);
      log.warn({ peer: idToHex(event.peer), reason: event.reason }, 'a member is not reached any more');
    },
    onClockDrift: ({ peer, driftMs }) =>
      log.warn({ peer: idToHex(peer), driftMs }, 'the clock of a member is far from ours'),
    onRefused: (event) => {
      // A member that has just started does not know all others yet; they ask again.
      const level = event.status === 404 || event.status === 503 ? 'debug' : 'warn';
      log[level](event, 'refused a request on the peer port');
    },
    onHostError: (error) => log.error({ err: error }, 'taking a message of a member failed'),
  };
}

/** Metrics of calls that also log unary ones that took long, by their method: what was in them is nobody's. */
export function withSlowCallLog(
  metrics: GrpcMetrics,
  { log, slowCallMs }: { readonly log: Logger; readonly slowCallMs: number },
): GrpcObserver {
  return {
    onStarted: (path, clientApiVersion) => metrics.onStarted(path, clientApiVersion),
    onReceived: (path, bytes) => metrics.onReceived(path, bytes),
    onSent: (path, bytes, messages) => metrics.onSent(path, bytes, messages),
    onOpened: (usage) => metrics.onOpened(usage),
    onCut: (reason) => {
      metrics.onCut(reason);
      log.debug({ reason }, 'a limit ended a call or a connection of a client');
    },
    onInternalError: (path, error) => log.error({ method: path, err: error }, 'a call failed by a bug'),
    onHandled: (event) => {
      metrics.onHandled(event);
      const { path, status, durationMs } = event;
      if (durationMs > slowCallMs && isUnary(path))
        log.warn({ method: path, status, durationMs, thresholdMs: slowCallMs }, 'a request took long');
    },
  };
}

/** One observer that tells several, in their order. */
export function joined(...all: readonly ReplicaObserver[]): ReplicaObserver {
  const names = new Set(all.flatMap((observer) => Object.keys(observer)));
  const tell: Record<string, Listener> = {};
  for (const name of names) {
    // Whoever declares a name takes what is told under it.
    const listeners = all.flatMap(
      (observer) => (observer as Record<string, Listener | undefined>)[name] ?? [],
    );
    const [first, ...others] = listeners;
    if (first !== undefined && others.length === 0) tell[name] = first;
    else tell[name] = (...told) => listeners.forEach((listener) => listener(...told));
  }
  return tell;
}

type Listener = (...told: readonly unknown[]) => void;
