import { parentPort, workerData } from 'node:worker_threads';
import type { Target } from './attack.ts';
import { noAnswers } from './attack-connection.ts';
import { authAttacks } from './auth-attacks.ts';
import { http2Attacks } from './http2-attacks.ts';
import { tlsAttacks } from './tls-attacks.ts';

/**
 * Attacks from a thread of its own, so that whoever measures meanwhile does not wait for the attacker. Says when it is
 * ready; begins and ends at a message each, and then tells what it saw.
 */
const { name, target } = workerData as { readonly name: string; readonly target: Target };
const attack = http2Attacks[name] ?? authAttacks[name] ?? tlsAttacks[name];
if (attack === undefined || parentPort === null) throw new Error(`there is no attack "${name}"`);
const port = parentPort;
let isOver = true;
port.on('message', () => {
  isOver = !isOver;
  if (isOver) return;
  const answers = noAnswers();
  void attack(target, { answers, isOver: () => isOver }).then(() => port.postMessage(answers));
});
port.postMessage('ready');
