/** Which URL of a member to try: the same one as long as it works. */
export class UrlPicker {
  #urls: readonly string[] = [];
  #picked = 0;

  constructor(urls: readonly string[]) {
    this.replace(urls);
  }

  /** All URLs, beginning with the one that works. */
  get all(): readonly string[] {
    return [...this.#urls.slice(this.#picked), ...this.#urls.slice(0, this.#picked)];
  }

  /** The URL to use; undefined when the member has none. */
  pick(): string | undefined {
    return this.#urls[this.#picked];
  }

  /** Says that a URL did not work: if it is still the one picked, the next one has its turn. */
  failed(url: string): void {
    if (this.#urls[this.#picked] === url) this.#picked = (this.#picked + 1) % this.#urls.length;
  }

  /** Sets the URLs; true when they are other ones than before. */
  replace(urls: readonly string[]): boolean {
    if (urls.length === this.#urls.length && urls.every((url, i) => url === this.#urls[i])) return false;
    this.#urls = [...urls];
    this.#picked = 0;
    return true;
  }
}
