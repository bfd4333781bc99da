import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { compareSync, genSaltSync, hashSync } from 'bcryptjs';
import type { BcryptAnswer, BcryptOrder } from './bcrypt-order.ts';

/** A thread that works on the passwords it is sent, one after the other, and yields to all other threads. */
yieldToOthers();
parentPort?.on('message', (order: BcryptOrder) => parentPort?.postMessage(answer(order)));

function answer(order: BcryptOrder): BcryptAnswer {
  switch (order.kind) {
    case 'hash':
      // The library writes $2b$; Go writes, and every bcrypt reads, $2a$. The digest is the same.
      return hashSync(order.password, genSaltSync(order.cost).replace('$2b$', '$2a$'));
    case 'match':
      return compareSync(order.password, order.hash);
  }
}

/** On Linux a priority belongs to a thread; elsewhere it would slow the whole process, so it is left alone. */
function yieldToOthers(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox may forbid it. The thread then only competes as an equal.
  }
}
