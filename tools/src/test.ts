import { runTests } from '@quorate/e2e/test-run';

/**
 * Runs every test of the workspace (or those that the arguments name, as vitest takes them), and ends with
 * the one line `N passed, N failed[, N skipped]`. Those in containers are not among them: `npm run e2e` runs them.
 */
const args = process.argv.slice(2);
const isWell = await runTests({ args, tellsSlowest: args.length === 0 });
process.exitCode = isWell ? 0 : 1;
