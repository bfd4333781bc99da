import { expect, test } from 'vitest';
import { memberLocalAddress } from '../src/local-address.ts';

test.each([
  [['http://localhost:2380'], undefined],
  [['https://192.168.100.110:2380'], '192.168.100.110'],
  [['https://0.0.0.0:2380', 'https://[::]:2380'], undefined],
  [['https://127.0.0.1:2380', 'https://[::1]:2380', 'http://127.1.2.3:1'], undefined],
  [['unix:///tmp/peer', 'https://m1.example:2380', 'https://[2001:db8::1]:2380'], '2001:db8::1'],
  [['https://127.0.0.1:2380', 'https://10.0.0.7:2380', 'https://10.0.0.8:2380'], '10.0.0.7'],
] as const)('of %j, members are reached from %s', (urls, address) => {
  expect(memberLocalAddress(urls)).toBe(address);
});
