import { crc32c } from '../src/index.ts';

/** `npx nx bench std`: CRC-32C, which every byte of the log and of rows passes through: bytes a microsecond of CPU. */
const total = 60e6;
for (const size of [64, 300, 1024, 16 * 1024, 64 * 1024]) {
  const bytes = new Uint8Array(size).map((_, i) => i * 7);
  const times = Math.round(total / size);
  const rates: number[] = [];
  let crc = 0;
  for (let run = 0; run < 15; run++) {
    const before = process.threadCpuUsage();
    for (let i = 0; i < times; i++) crc = crc32c(bytes, crc);
    const { user, system } = process.threadCpuUsage(before);
    rates.push((times * size) / (user + system));
  }
  rates.sort((a, b) => a - b);
  const [slowest, median, fastest] = [rates[0], rates[7], rates[14]].map((rate) => Math.round(rate ?? 0));
  console.log(
    `crc32c of ${size} B pieces: median ${median} MB/s (${slowest} .. ${fastest}), Node ${process.version}, check ${crc}`,
  );
}
