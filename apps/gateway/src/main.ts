import { pino, type Logger } from 'pino';
import { readConfig, type GatewayConfig } from './config.ts';
import { Gateway } from './gateway.ts';

/** Runs `quorate-gateway` with these arguments and ends the process. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    const config = readConfig(args, process.env);
    if (config === undefined) return;
    const log = newLogger(config);
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

/** JSON lines on standard error, as those of a member: levels by their names, times in ISO 8601. */
function newLogger({ logLevel }: GatewayConfig): Logger {
  return pino(
    {
      level: logLevel,
      base: {},
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 2, sync: true }),
  );
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
