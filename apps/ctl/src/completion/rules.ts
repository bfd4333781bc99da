import { formats } from '../print/printout.ts';

/** What can stand at some place of a command line. `program` is a command of the shell with its arguments. */
export type Source =
  | 'keys'
  | 'leases'
  | 'members'
  | 'users'
  | 'roles'
  | 'endpoints'
  | 'contexts'
  | 'files'
  | 'folders'
  | 'program'
  | 'nothing'
  | readonly Word[];

/** A word, and what it means. */
export interface Word {
  readonly value: string;
  readonly description: string;
}

const words = (...values: readonly string[]): Word[] => values.map((value) => ({ value, description: '' }));
const keyRange = ['keys', 'keys'] as const;
const loads: readonly Word[] = [
  { value: 's', description: 'small' },
  { value: 'm', description: 'medium' },
  { value: 'l', description: 'large' },
  { value: 'xl', description: 'extra large' },
];

/** The arguments of each command, one after the other; behind the last one is nothing more. */
export const argumentSources: Readonly<Record<string, readonly Source[]>> = {
  get: keyRange,
  del: keyRange,
  put: ['keys'],
  watch: keyRange,
  lock: ['keys'],
  elect: ['keys'],
  'make-mirror': ['endpoints'],
  'lease revoke': ['leases'],
  'lease timetolive': ['leases'],
  'lease keep-alive': ['leases'],
  'member remove': ['members'],
  'member update': ['members'],
  'member promote': ['members'],
  'move-leader': ['members'],
  'user get': ['users'],
  'user delete': ['users'],
  'user passwd': ['users'],
  'user grant-role': ['users', 'roles'],
  'user revoke-role': ['users', 'roles'],
  'role get': ['roles'],
  'role delete': ['roles'],
  'role grant-permission': [
    'roles',
    [
      { value: 'read', description: 'get and watch' },
      { value: 'write', description: 'put and delete' },
      { value: 'readwrite', description: 'both' },
    ],
    ...keyRange,
  ],
  'role revoke-permission': ['roles', ...keyRange],
  'snapshot save': ['files'],
  'snapshot status': ['files'],
  'snapshot restore': ['files'],
  hashkv: ['files'],
  'context use': ['contexts'],
  'context remove': ['contexts'],
  'context show': ['contexts'],
};

/** Commands that run a program, which stands behind `--`. */
export const runsProgram: ReadonlySet<string> = new Set(['watch', 'lock']);

/** The values of flags, by name. */
export const flagSources: Readonly<Record<string, Source>> = {
  'write-out': words(...formats),
  consistency: [
    { value: 'l', description: 'linearizable: as of now' },
    { value: 's', description: 'serializable: as the member asked knows it' },
  ],
  order: words('ASCEND', 'DESCEND'),
  'sort-by': words('CREATE', 'KEY', 'MODIFY', 'VALUE', 'VERSION'),
  load: loads,
  context: 'contexts',
  endpoints: 'endpoints',
  lease: 'leases',
  user: 'users',
  cacert: 'files',
  cert: 'files',
  key: 'files',
  'dest-cacert': 'files',
  'dest-cert': 'files',
  'dest-key': 'files',
  'data-dir': 'folders',
  'wal-dir': 'folders',
};
