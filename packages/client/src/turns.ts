import { toLatin1 } from '@quorate/std';
import { abortReason } from './grpc-values.ts';

/** A turn that was taken; giving it back twice is harmless. */
export interface Turn {
  giveBack(): void;
}

/** The turn of who need not wait for one, since nobody else has the same key. */
export const noTurn: Turn = { giveBack: () => {} };

/**
 * Turns for names, within one session. At the server all locks of a session by the same name are one key, and would be
 * held together; so those who want the same one wait here first.
 */
export class Turns {
  /** Who waits for a name that is taken, first come first. A name that is free has no entry. */
  readonly #waiting = new Map<string, (() => void)[]>();

  /** Resolves when it is one's turn. @throws the signal's reason */
  async take(name: Uint8Array, signal: AbortSignal): Promise<Turn> {
    signal.throwIfAborted();
    const id = toLatin1(name);
    const queue = this.#waiting.get(id);
    if (queue === undefined) return this.#taken(id);
    await new Promise<void>((resolve, reject) => {
      const onTurn = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = () => {
        queue.splice(queue.indexOf(onTurn), 1);
        reject(abortReason(signal));
      };
      queue.push(onTurn);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    return this.#turn(id);
  }

  /** The turn, or undefined when it is another's. */
  tryTake(name: Uint8Array): Turn | undefined {
    const id = toLatin1(name);
    return this.#waiting.has(id) ? undefined : this.#taken(id);
  }

  #taken(id: string): Turn {
    this.#waiting.set(id, []);
    return this.#turn(id);
  }

  #turn(id: string): Turn {
    let isMine = true;
    return {
      giveBack: () => {
        if (!isMine) return;
        isMine = false;
        const next = this.#waiting.get(id)?.shift();
        if (next === undefined) this.#waiting.delete(id);
        else next();
      },
    };
  }
}
