import type { Target } from './attack.ts';
import { noAnswers } from './attack-connection.ts';
import { authAttacks, signedTokenAttacks } from './auth-attacks.ts';
import { http2Attacks } from './http2-attacks.ts';
import { plantedAttacks } from './planted-attacks.ts';
import { tlsAttacks } from './tls-attacks.ts';

/**
 * Attacks from a process of its own, so that whoever measures meanwhile shares nothing with the attacker but the machine.
 * Says when it is ready; begins and ends at a message each, and then tells what it saw.
 */
const { name, target } = JSON.parse(process.argv[2] ?? '{}') as {
  readonly name: string;
  readonly target: Target;
};
const attack = { ...http2Attacks, ...authAttacks, ...signedTokenAttacks, ...tlsAttacks, ...plantedAttacks }[
  name
];
if (attack === undefined || process.send === undefined) throw new Error(`there is no attack "${name}"`);
let isOver = true;
process.on('message', () => {
  isOver = !isOver;
  if (isOver) return;
  const answers = noAnswers();
  void attack(target, { answers, isOver: () => isOver }).then(() => process.send?.(answers));
});
process.on('disconnect', () => process.exit());
process.send('ready');
