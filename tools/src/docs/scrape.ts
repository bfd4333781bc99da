import { Client, op } from '@quorate/client';
import { freePort, withCluster } from '@quorate/e2e';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ScrapedProgram } from './metrics-page.ts';
import { root } from './workspace.ts';

/** Runs a cluster, a gateway and a proxy for a moment, has them do some work, and reads what they say at `/metrics`. */
export async function scrapePrograms(): Promise<ScrapedProgram[]> {
  return withCluster(
    {
      kinds: ['quorate', 'quorate', 'quorate'],
      flags: ['--metrics=extensive', '--enable-distributed-tracing'],
    },
    async (cluster) => {
      const leader = await cluster.leader();
      const [gatewayPort, proxyPort] = [await freePort(), await freePort()];
      await using gateway = await startProgram('apps/gateway/bin/quorate-gateway.js', gatewayPort, [
        `--endpoints=${cluster.endpoints.join(',')}`,
        `--listen-urls=http://127.0.0.1:${gatewayPort}`,
      ]);
      await using proxy = await startProgram('apps/server/bin/quorate.js', proxyPort, [
        ...['grpc-proxy', 'start', `--endpoints=${cluster.endpoints.join(',')}`],
        `--listen-addr=127.0.0.1:${proxyPort}`,
      ]);
      await work(leader.endpoint);
      await Promise.all([fetch(`${gateway.url}/health`), fetch(`http://${leader.endpoint}/readyz`)]);
      await fetch(`${gateway.url}/v3/maintenance/status`, { method: 'POST', body: '{}' });
      return [
        {
          title: 'A member',
          where: 'At `/metrics` of the client URLs, and of `--listen-metrics-urls`.',
          text: await textAt(`http://${leader.endpoint}/metrics`),
        },
        {
          title: 'quorate-gateway',
          where: 'At `/metrics` of its URLs.',
          text: await textAt(`${gateway.url}/metrics`),
        },
        {
          title: 'quorate grpc-proxy',
          where: 'At `/proxy/metrics` of its address; `/metrics` is that of a member behind it.',
          text: await textAt(`${proxy.url}/proxy/metrics`),
        },
      ];
    },
  );
}

/** A little of everything, since a series is there only once there is something to tell. */
async function work(endpoint: string): Promise<void> {
  await using client = new Client({ endpoints: [endpoint] });
  const { header } = await client.put('a', '1');
  await client.get('a');
  await client.txn({ success: [op.get({ key: 'a' })] });
  for await (const event of client.watch({ key: 'a', startRevision: header.revision }))
    if (event.type === 'put') break;
  const { ID } = await client.lease.grant({ ttlSeconds: 60 });
  await client.lease.revoke(ID);
  await client.kv.compact({ revision: header.revision });
  await client.maintenance.defragment({});
}

async function textAt(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  return answer.text();
}

/** A program of the checkout that serves at a port, once it does. */
async function startProgram(
  path: string,
  port: number,
  args: readonly string[],
): Promise<AsyncDisposable & { readonly url: string }> {
  const child = spawn(process.execPath, [join(root, path), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  let said = '';
  const url = `http://127.0.0.1:${port}`;
  child.stderr.setEncoding('utf8');
  while (!said.includes('"msg":"ready to serve"')) {
    const [chunk] = (await Promise.race([once(child.stderr, 'data'), ended])) as readonly unknown[];
    if (child.exitCode !== null) throw new Error(`${path} ended with ${child.exitCode}: ${said}`);
    said += String(chunk);
  }
  child.stderr.resume();
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
