import { Client, type ClientOptions } from '@quorate/client';

/** Makes a client. In a file of its own, so that commands that need none do not load gRPC. */
export function openClient(options: ClientOptions): Client {
  return new Client(options);
}
