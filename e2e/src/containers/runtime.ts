import { existsSync } from 'node:fs';
import { getContainerRuntimeClient, type ContainerRuntimeClient } from 'testcontainers';
import { checkoutId } from './private-engine.ts';

/** The engine's API, as testcontainers speaks it. */
export type EngineApi = ContainerRuntimeClient['container']['dockerode'];

/** What is on all that a run of this checkout makes, so that it is found again, also when that run broke off. */
export const ownLabels = { 'quorate.e2e': checkoutId } as const;

/** What testcontainers goes by, for an engine at a `DOCKER_HOST`; to be set before it is used first. */
export function environmentFor(host: string): Readonly<Record<string, string>> {
  return {
    DOCKER_HOST: host,
    CONTAINER_HOST: host,
    // Its cleaner is an image that would have to be pulled; we clean up by label.
    TESTCONTAINERS_RYUK_DISABLED: 'true',
    // Ports of containers are on the loopback, whatever it takes itself to run in.
    TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1',
  };
}

/** The API of the engine that `environmentFor` was set for. */
export async function engineApi(): Promise<EngineApi> {
  return (await getContainerRuntimeClient()).container.dockerode;
}

/** Whether the engine checks the health of containers by itself: podman leaves that to systemd. */
export async function checksHealth(): Promise<boolean> {
  const version = await (await engineApi()).version();
  const isPodman = JSON.stringify(version).includes('Podman');
  return !isPodman || existsSync('/run/systemd/private');
}

/** Removes all containers, networks and volumes that runs of this checkout have left; returns how many. */
export async function sweep(): Promise<number> {
  const api = await engineApi();
  const filters = { label: Object.entries(ownLabels).map(([name, value]) => `${name}=${value}`) };
  const containers = await api.listContainers({ all: true, filters });
  await Promise.all(containers.map(({ Id }) => api.getContainer(Id).remove({ force: true, v: true })));
  const networks = await api.listNetworks({ filters });
  await Promise.all(networks.map(({ Id }) => api.getNetwork(Id).remove()));
  const { Volumes: volumes } = await api.listVolumes({ filters: JSON.stringify(filters) });
  await Promise.all(volumes.map(({ Name }) => api.getVolume(Name).remove()));
  return containers.length + networks.length + volumes.length;
}
