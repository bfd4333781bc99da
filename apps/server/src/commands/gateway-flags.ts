import { z } from 'zod';
import { choice, duration, integer, list, text } from '../config/field.ts';
import { discoveryFields } from './discovery-fields.ts';
import type { FlagSet } from './flag-set.ts';

/** Settings of `quorate gateway start`: the one source of its flags, defaults and docs. Names and defaults are etcd's. */
export const gatewayConfig = z.object({
  listenAddr: text('127.0.0.1:23790', {
    flag: 'listen-addr',
    section: 'member',
    description: 'Address to listen on, host:port.',
  }),
  endpoints: list('127.0.0.1:2379', {
    flag: 'endpoints',
    section: 'clustering',
    description: 'Members to pass connections on to, host:port each, comma-separated.',
  }),
  retryDelayMs: duration('1m0s', {
    flag: 'retry-delay',
    section: 'clustering',
    description: 'Time until an endpoint that failed is tried again; 0 is 5m, as in etcd.',
  }),
  ...discoveryFields,
  trustedCaFile: text('', {
    flag: 'trusted-ca-file',
    section: 'security',
    description:
      'Authorities that certificates of members have to lead back to, before a connection is passed on to them. Without it discovered ones are checked against those of the system, and --endpoints are not checked.',
  }),
  dialTimeoutMs: duration('5s', {
    flag: 'dial-timeout',
    section: 'behaviour',
    own: true,
    positive: true,
    description: 'Longest wait for a member to take a connection.',
  }),
  halfClosedTimeoutMs: duration('5m', {
    flag: 'half-closed-timeout',
    section: 'behaviour',
    own: true,
    positive: true,
    description: 'Longest silence on a connection that one side has ended its half of.',
  }),
  maxConnections: integer(0, {
    flag: 'max-connections',
    section: 'behaviour',
    own: true,
    min: 0,
    description:
      'Connections at once; one more is closed. 0 is what the limit of open files allows, two files for each.',
  }),
  drainTimeoutMs: duration('10s', {
    flag: 'drain-timeout',
    section: 'behaviour',
    own: true,
    description: 'Longest time for connections to end by themselves when the gateway is to stop.',
  }),
  logLevel: choice(['debug', 'info', 'warn', 'error'], 'info', {
    flag: 'log-level',
    section: 'logging',
    own: true,
    description: 'The least serious log lines to write.',
  }),
});

export type GatewayConfig = z.output<typeof gatewayConfig>;

/** The command. */
export const gatewayFlags: FlagSet<typeof gatewayConfig> = {
  name: 'gateway start',
  summary:
    'Passes TCP connections on to the members of a cluster, in turn, without a look at what they carry.',
  schema: gatewayConfig,
  headings: {
    member: 'Listening:',
    clustering: 'Members:',
    security: 'Security:',
    behaviour: 'Limits:',
    logging: 'Logging:',
  },
};
