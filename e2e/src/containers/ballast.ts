import { until } from '../cluster/until.ts';
import { Container } from './container.ts';
import { images, imageUser } from './images.ts';

/** What runs beside a member, with its disk at hand. */
const script = `
const { closeSync, openSync, rmSync, writeSync } = require('node:fs');
const file = '/disk/ballast';
process.on('SIGUSR2', () => {
  const to = openSync(file, 'w');
  let size = 1 << 20;
  while (size > 0) {
    try {
      writeSync(to, Buffer.alloc(size, 1));
    } catch {
      size >>= 1;
    }
  }
  closeSync(to);
  console.log('full');
});
process.on('SIGHUP', () => {
  rmSync(file, { force: true });
  console.log('free');
});
setInterval(() => {}, 1e6);
console.log('there');
`;

/**
 * A container that fills the disk of another one to the last byte, and frees it again. As long as it is there, a disk
 * in memory outlives the end of the other container.
 */
export class Ballast implements AsyncDisposable {
  readonly #container: Container;
  #words = 0;

  private constructor(container: Container) {
    this.#container = container;
  }

  static async on(volume: string): Promise<Ballast> {
    const ballast = new Ballast(
      await Container.start({
        image: images.member,
        user: String(imageUser),
        entrypoint: ['/usr/local/bin/node', '-e', script],
        volumes: { '/disk': volume },
      }),
    );
    await ballast.#next('there');
    return ballast;
  }

  async fill(): Promise<void> {
    await this.#container.signal('SIGUSR2');
    await this.#next('full');
  }

  async free(): Promise<void> {
    await this.#container.signal('SIGHUP');
    await this.#next('free');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#container.remove();
  }

  async #next(word: string): Promise<void> {
    this.#words++;
    await until(`the disk to be ${word}`, async () => {
      const words = (await this.#container.logs()).trim().split('\n');
      return words[this.#words - 1] === word || undefined;
    });
  }
}
