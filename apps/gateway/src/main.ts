import { pino, type Logger } from 'pino';
import { readConfig } from './config.ts';
import { Gateway } from './gateway.ts';

/** Runs `quorate-gateway` with these arguments and ends the process. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    const config = readConfig(args, process.env);
    if (config === undefined) return;
    const log = pino({ level: config.logLevel, base: {} }, pino.destination({ fd: 2, sync: true }));
    // Before it serves nothing is under way. Who is the first process of a container and says nothing of a signal does
    // not get it at all.
    let end = (): void => process.exit(0);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        log.info({ signal }, 'stopping: calls under way may end');
        end();
      });
    }
    const gateway = await Gateway.start(config, { log });
    end = () => void stop(gateway, log);
    log.info(
      { listenUrls: config.listenUrls, endpoints: config.endpoints, ports: gateway.ports },
      'ready to serve',
    );
  } catch (error) {
    process.stderr.write(`quorate-gateway: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

async function stop(gateway: Gateway, log: Logger): Promise<void> {
  try {
    await gateway.close();
    process.exit(0);
  } catch (error) {
    log.fatal({ err: error }, 'could not stop cleanly');
    process.exit(1);
  }
}
