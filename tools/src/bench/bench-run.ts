import { startEtcd, startQuorate, type MemberProcess } from '@quorate/e2e';
import { join } from 'node:path';
import type { LoadProcess } from './load-process.ts';
import type { SideName } from './results.ts';

/** What all sections need. */
export interface BenchRun {
  /** An empty folder on the disk that is measured. */
  readonly dir: string;
  readonly repetitions: number;
  readonly measureMs: number;
  readonly warmUpMs: number;
  /** How long a light load goes on before and after what it is there to see. */
  readonly calmMs: number;
  readonly load: LoadProcess;
  /** Tells whoever waits how far it is. */
  readonly progress: (text: string) => void;
}

/** Enough for every section. Everything else is as both servers come. */
const flags = ['--quota-backend-bytes=8589934592'];

/** Starts one side with the data it had before, if any. */
export function startSide(side: SideName, dir: string): Promise<MemberProcess> {
  const start = side === 'quorate' ? startQuorate : startEtcd;
  return start({ dataDir: join(dir, side), flags });
}
