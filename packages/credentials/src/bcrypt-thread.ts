import { yieldToOthers } from '@quorate/std';
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
