import { resolve } from 'node:path';

// All of it is in tools/src/docs, with its types and tests. `npm run docs` lays out the pages before this is read. The path is
// not a literal, so that Node reads the TypeScript, and not the bundler of VitePress.
const { siteConfig } = await import(resolve('tools/src/docs/site-config.ts'));

export default siteConfig(resolve('docs/.vitepress/pages/data.json'));
