import { LocalCluster } from './cluster/cluster.ts';
import { ClusterError, parseOptions, usage } from './cluster/options.ts';
import { Printer } from './cluster/printer.ts';

/** `npm run cluster`: a cluster of several members on this machine, until Ctrl-C. */
async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === undefined) {
    console.log(usage);
    return 0;
  }
  const cluster = new LocalCluster(options, new Printer(process.stdout));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void cluster.stop());
  // Whatever ends this process, its members do not outlive it.
  process.on('exit', () => cluster.kill());
  try {
    await cluster.start();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster.over;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ClusterError)) throw error;
  console.error(`cluster: ${error.message}`);
  process.exitCode = 1;
}
