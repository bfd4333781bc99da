import { boolean, text } from '../config/field.ts';

/** Settings of commands that find members by DNS; see `discovered.ts`. */
export const discoveryFields = {
  discoverySrv: text('', {
    flag: 'discovery-srv',
    section: 'clustering',
    description: 'Domain whose SRV records name the members, in place of --endpoints.',
  }),
  discoverySrvName: text('', {
    flag: 'discovery-srv-name',
    section: 'clustering',
    description: 'Name that sets the SRV records of one cluster apart from those of others.',
  }),
  insecureDiscovery: boolean(false, {
    flag: 'insecure-discovery',
    section: 'security',
    description: 'Take members from SRV records as they are, those without TLS too.',
  }),
};
