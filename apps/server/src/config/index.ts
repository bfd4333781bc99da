/** The configuration of a member, for tools that document or check it. */
export { flagsPage } from './flags-page.ts';
export { checkCommandLine } from './check-command-line.ts';
export { ConfigError, loadConfig, type ConfigSources, type LoadedConfig } from './load.ts';
export type { ServerConfig } from './schema.ts';
