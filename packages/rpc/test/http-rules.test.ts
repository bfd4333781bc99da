import * as auth from '@quorate/auth';
import { afterEach, expect, test, vi } from 'vitest';
import { HttpSurface } from '../src/index.ts';
import { FakeMember } from './fake-member.ts';

vi.mock('@quorate/auth', { spy: true });

afterEach(() => void vi.mocked(auth.ruleOfHttpRoute).mockReset());

const surface = new HttpSurface({
  member: new FakeMember(),
  versions: () => ({ server: '', cluster: '', storage: '' }),
  metrics: async () => ({ contentType: 'text/plain', text: '' }),
});
const statusOf = async (url: string): Promise<number> => (await surface.answer('GET', url)).status;
const routes = Object.entries(auth.httpRules);

test.each(routes)('the route %s is served if it is open to all, and only then', async (path, { level }) => {
  expect(await statusOf(path)).toBe(level === 'open' ? 200 : 404);
});

test.each(routes)('the route %s is not served without a rule', async (path) => {
  vi.mocked(auth.ruleOfHttpRoute).mockReturnValue(undefined);
  expect(await statusOf(path)).toBe(404);
});
