import { OptionsError, parseOptions, type BenchOptions } from './options.ts';

/**
 * `npm run bench -- --against PATH_TO_ETCD`: measures Quorate beside a real etcd and prints a report in Markdown;
 * with `--write` it becomes docs/benchmarks.md, and what was measured docs/benchmarks/*.json. `--help` lists the
 * options.
 */
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(1)); // What was started ends with this process.
}
const options = optionsOrExit();
if (options !== undefined) {
  // Where the etcd is must be known before what starts it is loaded.
  if (options.against !== undefined) process.env['QUORATE_ETCD_BIN'] = options.against;
  const { runBench } = await import('./bench.ts');
  try {
    await runBench(options);
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    refuse(error);
  }
}

function optionsOrExit(): BenchOptions | undefined {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    refuse(error);
    return undefined;
  }
}

function refuse(error: OptionsError): void {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
