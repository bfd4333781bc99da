import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { OpenCall } from './call.ts';
import { failureOf, type RestSettings } from './exchange.ts';
import { FrameQueue } from './frame-queue.ts';
import { Pieces } from './pieces.ts';
import { bytesFormOf } from './query.ts';
import { firstOf, maxJsonBytes } from './request-messages.ts';
import type { Route } from './routes.ts';
import { code, RestError, toRestError } from './status.ts';
import { Talk } from './talk.ts';

/** A connection that wants to be a WebSocket. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

const bearer = 'Bearer';

/**
 * Routes as WebSockets: what is a line on a stream is a frame here, both ways. A browser can't give a WebSocket a header,
 * so a token may come as the second of two subprotocols, `Bearer` and the token, as with etcd.
 */
export class WebSockets {
  readonly #settings: RestSettings;
  readonly #server: WebSocketServer;

  constructor(settings: RestSettings) {
    this.#settings = settings;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: maxJsonBytes(settings),
      handleProtocols: (protocols) => (protocols.has(bearer) ? bearer : false),
    });
  }

  serve(route: Route | undefined, query: URLSearchParams, { request, socket, head }: Upgrade): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      void this.#answer(route, query, { request, webSocket });
    });
  }

  async #answer(
    route: Route | undefined,
    query: URLSearchParams,
    { request, webSocket }: { readonly request: IncomingMessage; readonly webSocket: WebSocket },
  ): Promise<void> {
    const { clock } = this.#settings;
    webSocket.on('error', () => {}); // The end comes next; what was wrong was the client's doing.
    const frames = new Frames(webSocket, this.#settings);
    try {
      if (route === undefined) throw new RestError(code.NOT_FOUND, 'Not Found');
      const address = request.socket.remoteAddress;
      using call = new OpenCall(headersWithToken(request), { address, clock });
      webSocket.once('close', () => call.cancel());
      const exchange = { route, call, settings: this.#settings, query };
      try {
        await this.#talk(exchange, webSocket, frames);
      } catch (error) {
        throw failureOf(error, exchange);
      }
      frames.close();
    } catch (error) {
      const failure = toRestError(error);
      await frames.send(JSON.stringify(route?.method.serverStreams === true ? failure.line : failure.body));
      frames.close();
    }
  }

  async #talk(
    exchange: {
      readonly route: Route;
      readonly call: OpenCall;
      readonly settings: RestSettings;
      readonly query: URLSearchParams;
    },
    webSocket: WebSocket,
    frames: Frames,
  ): Promise<void> {
    const { route, call, settings, query } = exchange;
    const { path, request: shape, response, serverStreams, clientStreams } = route.method;
    const bytesForm = bytesFormOf(query);
    const { maxMessageBytes } = settings;
    const queue = new FrameQueue(webSocket, { shape, bytesForm, maxMessageBytes });
    const form = { bytes: bytesForm, escapesHtml: serverStreams };
    const pieces = new Pieces(settings.clock);
    if (!serverStreams) {
      const request = await firstOf(queue.messages());
      call.signal.throwIfAborted();
      const answer = await settings.backend.unary(path, request, call);
      return frames.send(await pieces.joined(response, answer, form));
    }
    const requests = clientStreams ? queue.messages() : [await firstOf(queue.messages())];
    for await (const message of new Talk(exchange, requests).answers()) {
      await frames.send(`{"result":${await pieces.joined(response, message, form)}}`);
      if (call.signal.aborted) return;
    }
  }
}

/** Frames to a client, each after the one before has been taken. */
class Frames {
  readonly #webSocket: WebSocket;
  readonly #settings: RestSettings;
  #isAlive = true;

  constructor(webSocket: WebSocket, settings: RestSettings) {
    this.#webSocket = webSocket;
    this.#settings = settings;
    webSocket.on('pong', () => (this.#isAlive = true));
    this.#watchOver();
  }

  /** Resolves when the frame is on its way, or the client is gone. One that takes nothing for too long is cut off. */
  send(text: string): Promise<void> {
    const { clock, stallTimeoutMs } = this.#settings;
    const stalled = clock.after(stallTimeoutMs, () => this.#webSocket.terminate());
    return new Promise((resolve) => {
      this.#webSocket.send(text, () => {
        stalled.cancel();
        resolve();
      });
    });
  }

  close(): void {
    this.#webSocket.close(1000);
  }

  /** Whoever does not answer a ping until the next one is due is gone, though nobody has said so. */
  #watchOver(): void {
    const { clock, pingIntervalMs } = this.#settings;
    const timer = clock.after(pingIntervalMs, () => {
      if (!this.#isAlive) return this.#webSocket.terminate();
      this.#isAlive = false;
      this.#webSocket.ping(() => {});
      this.#watchOver();
    });
    this.#webSocket.once('close', () => timer.cancel());
  }
}

/** The head of a request, and the token of its subprotocols, where it has one. */
function headersWithToken({ headers }: IncomingMessage): IncomingMessage['headers'] {
  const [, token] = /^Bearer,\s*([^\s,]+)/.exec(headers['sec-websocket-protocol'] ?? '') ?? [];
  return token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` };
}
