import { registerHooks } from 'node:module';
import { bugByName } from './catalogue.ts';

/**
 * Loaded with `--import` before all else: plants the bug that the environment names.
 *
 * @throws Error when the text to be replaced is not there exactly once
 */
const bug = bugByName(process.env['QUORATE_SIM_BUG'] ?? '');
const decoder = new TextDecoder();

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/${bug.file}`)) return loaded;
    const { source } = loaded;
    const text = typeof source === 'string' ? source : decoder.decode(source ?? new Uint8Array(0));
    const parts = text.split(bug.find);
    if (parts.length !== 2) {
      throw new Error(`bug ${bug.name}: its text occurs ${parts.length - 1} times in ${bug.file}, not once`);
    }
    return { ...loaded, source: parts.join(bug.replace) };
  },
});
