import { pino } from 'pino';
import { readConfig } from './config.ts';
import { Gateway } from './gateway.ts';

/** Runs `quorate-gateway` with these arguments and ends the process. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    const config = readConfig(args, process.env);
    if (config === undefined) return;
    const log = pino({ level: config.logLevel, base: {} }, pino.destination({ fd: 2, sync: true }));
    const gateway = await Gateway.start(config, { log });
    log.info(
      { listenUrls: config.listenUrls, endpoints: config.endpoints, ports: gateway.ports },
      'ready to serve',
    );
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        log.info({ signal }, 'stopping: calls under way may end');
        void gateway.close().then(
          () => process.exit(0),
          (error: unknown) => {
            log.fatal({ err: error }, 'could not stop cleanly');
            process.exit(1);
          },
        );
      });
    }
  } catch (error) {
    process.stderr.write(`quorate-gateway: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
