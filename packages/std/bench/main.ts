import { crc32c } from '../src/index.ts';

/** `npx nx bench std`: CRC-32C, which every byte of the log passes through. */
const bytes = new Uint8Array(300).map((_, i) => i * 7);
const rates: number[] = [];
let crc = 0;
for (let run = 0; run < 15; run++) {
  const startedAt = performance.now();
  for (let i = 0; i < 200_000; i++) crc = crc32c(bytes, crc);
  rates.push((200_000 * bytes.length) / ((performance.now() - startedAt) / 1000) / 1e6);
}
rates.sort((a, b) => a - b);
const [slowest, median, fastest] = [rates[0], rates[7], rates[14]].map((rate) => Math.round(rate ?? 0));
console.log(
  `crc32c of 300 B pieces: median ${median} MB/s (${slowest} .. ${fastest}), Node ${process.version}, check ${crc}`,
);
