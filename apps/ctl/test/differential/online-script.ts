import type { Step } from './transcript.ts';

/** Splits a command line at its spaces; for words with spaces in them, write the list. */
const line = (text: string): Step => ({ argv: text.split(' ') });

/** Keys of locks and elections end with their lease's ID, and JSON has both in other forms. */
const leaseOf = [/(?<=(?:jobs|chief)\/)[0-9a-f]+/g, /"key":"[^"]*"|"lease":\d+|"Lease" : \d+/g];

/** A command that goes on until it has printed something, and is interrupted. */
const interrupted = (text: string): Step => ({
  ...line(text),
  until: { stdout: /\n/, then: 'interrupt' },
  mask: leaseOf,
});

/** A lock that is held while a shell runs a script. */
const underLock = (script: string): Step => ({
  argv: ['lock', 'jobs', '--', 'sh', '-c', script],
  // In a process of its own, since a program is run.
  until: { stdout: /\n/, then: 'end input' },
  mask: leaseOf,
});
const program = (text: string): Step => ({ ...line(text), until: { stdout: /\n/, then: 'end input' } });

/** Locks, elections, mirrors and checks, as far as they end. */
export const onlineScripts: Readonly<Record<string, readonly Step[]>> = {
  'locks, held until interrupted or for a command': [
    line('lock'),
    line('lock a -w bogus'),
    line('lock --ttl 99999999999 jobs'),
    interrupted('lock jobs'),
    interrupted('lock jobs -w json'),
    interrupted('lock jobs -w fields'),
    interrupted('lock jobs --ttl 0'),
    line('get --prefix jobs'),
    underLock('echo $ETCD_LOCK_KEY is held since $ETCD_LOCK_REV'),
    underLock('exit 3'),
    underLock('kill -9 $$'),
    underLock('kill -TERM $$'),
    program('lock jobs true'),
    program('lock jobs no-such-program'),
    program('lock jobs /no/such/program'),
    program('lock jobs /etc'),
    { argv: ['lock', 'jobs', ''], until: { stdout: /\n/, then: 'end input' } },
    line('get --prefix jobs'),
    // etcdctl leaves what it holds behind here.
    line('lock jobs -w table'),
  ],
  'elections that are won or watched': [
    line('elect'),
    line('elect a'),
    line('elect a b c'),
    line('elect -l a b'),
    line('elect a b --listen'),
    line('elect a b -w bogus'),
    line('elect -l a -w bogus'),
    interrupted('elect chief me'),
    interrupted('elect chief me -w json'),
    interrupted('elect chief me -w fields'),
    line('get --prefix chief'),
    line('put chief/0 somebody'),
    interrupted('elect chief -l'),
    interrupted('elect chief --listen -w json'),
    interrupted('elect chief --listen -w fields'),
    line('del chief/0'),
    line('elect chief me -w table'),
  ],
  'mirrors and checks that are refused': [
    line('make-mirror'),
    line('make-mirror a b'),
    line('make-mirror {endpoint1} --dest-prefix x --no-dest-prefix'),
    line('make-mirror {endpoint1} --dest-user root:x --dest-prefix x --no-dest-prefix'),
    { ...line('make-mirror {endpoint1} --dest-user root --dest-prefix x --no-dest-prefix'), stdin: 'x\n' },
    line('make-mirror {endpoint1} -w bogus'),
    line('make-mirror {endpoint1} -w bogus --dest-prefix x --no-dest-prefix'),
    line('check perf --load z'),
    { argv: ['check', 'perf', '--load', ''] },
    line('check datascale --load XL'),
    line('check perf extra -w bogus'),
    line('check datascale -w bogus'),
    line('put kept/key 1'),
    line('check perf --prefix kept/'),
    line('check datascale --prefix kept/'),
    { argv: ['check', 'perf', '--prefix', ''] },
    line('check perf --load xLarge --prefix kept/k'),
    line('get --prefix kept/'),
  ],
};
