import { pause, type Attack, type Target } from './attack.ts';
import { AttackConnection } from './attack-connection.ts';

/** Time that a member stands still, and time that it then has. */
const haltMs = 100;
const workMs = 200;

/** What no attacker can do, and does harm: whoever measures it as harmless measures nothing. */
export const plantedAttacks: Readonly<Record<string, Attack>> = {
  'a member that stands still': async (target: Target, { answers, isOver }) => {
    const connection = await AttackConnection.open(target, { answers });
    while (!isOver()) {
      process.kill(target.pid, 'SIGSTOP');
      await pause(haltMs);
      process.kill(target.pid, 'SIGCONT');
      await pause(workMs);
    }
    connection.end();
  },
};
