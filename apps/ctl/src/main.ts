import { run } from './app.ts';
import { processTerminal } from './terminal.ts';

// That a library uses what Node would rather have it not use is no news for whoever runs a command.
process.noDeprecation = true;

// A reader that closes the pipe early (`| head`) wants no more, and no error either.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
const exitCode = await run(processTerminal());
// stdin may still be open, waiting for somebody to type; so the end is ours to call, once all is written.
process.stdout.write('', () => process.exit(exitCode));
