import { JsLoop, SocketLoop, type Calibration } from './calibration.ts';

/**
 * The process that calibrates: it does nothing else, so that its code is compiled alike in every run. Whenever
 * it is sent a message it runs both loops and answers with what they cost.
 */
const jsRounds = 100_000;
const socketRounds = 2_000;
const warmUps = 5;

const js = new JsLoop();
const sockets = await SocketLoop.open();
for (let i = 0; i < warmUps; i++) await calibrate();
process.on('message', () => {
  calibrate().then(
    (calibration) => process.send?.(calibration),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.send?.('ready');

async function calibrate(): Promise<Calibration> {
  let before = process.cpuUsage();
  js.run(jsRounds);
  const jsMicros = microsSince(before) / jsRounds;
  before = process.cpuUsage();
  await sockets.run(socketRounds);
  const socketMicros = microsSince(before) / socketRounds;
  return { jsMicros, socketMicros };
}

/** User and system, of all threads of this process. */
function microsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
