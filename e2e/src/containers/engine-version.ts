import { get, type RequestOptions } from 'node:http';
import { text } from 'node:stream/consumers';

const timeoutMs = 5_000;

/**
 * What the engine at a `DOCKER_HOST` is, as `docker 20.10.24, overlay2`. A podman speaks the same language.
 *
 * @throws Error when nothing answers there, or something else
 */
export async function askVersion(host: string): Promise<string> {
  const target = targetOf(host);
  const version = await ask(target, '/version');
  const info = await ask(target, '/info');
  const components = Array.isArray(version['Components']) ? (version['Components'] as unknown[]) : [];
  const isPodman = JSON.stringify(components).includes('Podman');
  return `${isPodman ? 'podman' : 'docker'} ${nameOf(version['Version'])}, ${nameOf(info['Driver'])}`;
}

function nameOf(value: unknown): string {
  return typeof value === 'string' ? value : '?';
}

function targetOf(host: string): RequestOptions {
  const url = new URL(host);
  if (url.protocol === 'unix:') return { socketPath: url.pathname };
  if (url.protocol === 'tcp:' || url.protocol === 'http:') return { host: url.hostname, port: url.port };
  throw new Error(`${host}: engines are spoken to over unix:// or tcp://`);
}

function ask(target: RequestOptions, path: string): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const request = get({ ...target, path, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      text(response)
        // Whatever is no object has none of the fields that are asked for.
        .then((body) => resolve(JSON.parse(body) as Readonly<Record<string, unknown>>))
        .catch(reject);
    });
    request.on('error', reject);
  });
}
