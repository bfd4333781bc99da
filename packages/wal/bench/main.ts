import { benchSave } from './save.ts';

await benchSave();
