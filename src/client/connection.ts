/** One keep-alive HTTP/1.1 connection with one request in flight: what casting and load generation are made of. */
import type { Socket } from "bun";
import { ResponseReader } from "./response-reader.ts";

/** Where requests go. */
export type Origin = { secure: boolean; hostname: string; port: number; hostHeader: string };

export function originOf(url: string): Origin {
  const { protocol, hostname, port, host } = new URL(url);
  const secure = protocol === "https:";
  return {
    secure,
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? (secure ? 443 : 80) : Number(port),
    hostHeader: host,
  };
}

/** `sent` tells whether the whole request went out: if not, the server cannot have acted on it. */
export type ExchangeFailure = { sent: boolean; reason: string };

/** Exactly one of the two is called for every request sent. */
export interface ExchangeHandler {
  /** The response may be read until the connection's next {@link Connection.send}. */
  answered(response: ResponseReader): void;
  failed(failure: ExchangeFailure): void;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Longer than the server's own bound for answering. */
const ANSWER_TIMEOUT_SECONDS = 30;

/**
 * Connects with its first request, and again with the next request after the connection was lost; never repeats a
 * request by itself. Raw sockets because the client shares its machine with what it measures: on two cores
 * 256 connections made 15,000 requests/s with fetch (45 µs each), 71,000 with node:net (9.9 µs) and 70,000 with
 * Bun.connect (9.0 µs, of which 7.2 are the kernel's).
 */
export class Connection {
  private readonly reader = new ResponseReader();
  private socket: Socket | null = null;
  private request: Uint8Array | null = null;
  private writtenBytes = 0;
  /** Counts attempts to connect, so that a late word of an earlier one is not taken for the present one's. */
  private attempt = 0;
  private connectTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly origin: Origin,
    private readonly handler: ExchangeHandler,
  ) {}

  /** One request at a time; the bytes must not change before its outcome is known. */
  send(request: Uint8Array): void {
    if (this.request !== null) throw new Error("a connection carries one request at a time");
    this.request = request;
    this.writtenBytes = 0;
    this.reader.reset();
    if (this.socket === null) this.connect();
    else this.write(this.socket);
  }

  /** Ends the connection; a request in flight fails. */
  close(): void {
    this.attempt++;
    this.lose(this.socket, "the connection was closed by this client");
  }

  private connect(): void {
    const { hostname, port, secure } = this.origin;
    const attempt = ++this.attempt;
    const failed = (reason: string) => {
      if (attempt === this.attempt) this.lose(null, reason);
    };
    this.connectTimer = setTimeout(
      failed,
      CONNECT_TIMEOUT_MS,
      `no connection within ${CONNECT_TIMEOUT_MS / 1000} s`,
    );
    Bun.connect({
      hostname,
      port,
      ...(secure ? { tls: { serverName: hostname } } : {}),
      socket: {
        binaryType: "buffer",
        open: (socket) => {
          if (!secure) this.connected(socket, attempt);
        },
        handshake: (socket, success, authorizationError) => {
          if (success && authorizationError === null) {
            this.connected(socket, attempt);
            return;
          }
          socket.terminate();
          failed(`its certificate is not trusted: ${authorizationError?.message ?? "the handshake failed"}`);
        },
        data: (socket, chunk) => this.receive(socket, chunk),
        drain: (socket) => {
          if (socket === this.socket) this.write(socket);
        },
        end: (socket) => this.lose(socket, "the server closed the connection"),
        close: (socket) => this.lose(socket, "the connection was lost"),
        error: (socket, error) => this.lose(socket, error.message),
        timeout: (socket) => this.lose(socket, `no answer within ${ANSWER_TIMEOUT_SECONDS} s`),
        connectError: (_socket, error) => failed(error.message),
      },
    }).catch((error: Error) => failed(error.message));
  }

  private connected(socket: Socket, attempt: number): void {
    if (attempt !== this.attempt || this.request === null) {
      socket.terminate();
      return;
    }
    this.stopConnectTimer();
    this.socket = socket;
    this.write(socket);
  }

  private write(socket: Socket): void {
    const request = this.request;
    if (request === null || this.writtenBytes === request.length) return;
    if (this.writtenBytes === 0) socket.timeout(ANSWER_TIMEOUT_SECONDS);
    const written = socket.write(this.writtenBytes === 0 ? request : request.subarray(this.writtenBytes));
    if (written < 0) this.lose(socket, "the connection was lost");
    else this.writtenBytes += written;
  }

  private receive(socket: Socket, chunk: Buffer): void {
    if (socket !== this.socket) return;
    if (this.request === null) {
      this.lose(socket, "the server sent what nobody asked for");
      return;
    }
    let whole: boolean;
    try {
      whole = this.reader.feed(chunk);
    } catch (error) {
      this.lose(socket, `the answer cannot be read: ${(error as Error).message}`);
      return;
    }
    if (!whole) return;
    this.request = null;
    if (!this.reader.keepAlive) this.forget(socket);
    this.handler.answered(this.reader);
  }

  /** `socket` null: the attempt to connect failed. Events of a socket that was given up already mean nothing. */
  private lose(socket: Socket | null, reason: string): void {
    if (socket !== this.socket) return;
    this.stopConnectTimer();
    if (socket !== null) this.forget(socket);
    const request = this.request;
    if (request === null) return;
    this.request = null;
    this.handler.failed({ sent: this.writtenBytes === request.length, reason });
  }

  private forget(socket: Socket): void {
    this.socket = null;
    socket.terminate();
  }

  private stopConnectTimer(): void {
    if (this.connectTimer !== null) clearTimeout(this.connectTimer);
    this.connectTimer = null;
  }
}
