import { benchOpen } from './open.ts';
import { benchSave } from './save.ts';

await benchSave();
await benchOpen();
