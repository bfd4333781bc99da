import { registerHooks } from 'node:module';
import { bugByName } from './catalogue.ts';
import { withBug } from './with-bug.ts';

/** Loaded with `--import` before all else: plants the bug that the environment names. */
const bug = bugByName(process.env['QUORATE_SIM_BUG'] ?? '');
const decoder = new TextDecoder();

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/${bug.file}`)) return loaded;
    const { source } = loaded;
    const text = typeof source === 'string' ? source : decoder.decode(source ?? new Uint8Array(0));
    return { ...loaded, source: withBug(text, bug) };
  },
});
