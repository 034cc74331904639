/** The HTTP server: a table of routes on Bun's native router. The only place that knows which server it is. */
import { Problem } from "../runtime/problem.ts";
import { type CallLimit, withinLimit } from "./call-limiter.ts";
import { callerOf } from "./caller.ts";
import { failure, problem } from "./respond.ts";

export type Handler = (request: Request, parameters: Record<string, string>) => Response | Promise<Response>;

export type Method = "GET" | "POST" | "OPTIONS";

/** Parameters in a path are written `:name`. */
export type Route = {
  method: Method;
  path: string;
  handle: Handler;
  /** Adds headers to whatever is answered, refusals and failures too. */
  addHeaders?: (
    response: Response,
    request: Request,
    parameters: Record<string, string>,
  ) => Promise<unknown> | undefined;
  limit?: CallLimit;
};

export type ServerOptions = {
  hostname: string;
  port: number;
  routes: readonly Route[];
  /** No route takes a larger body. */
  bodyBytesMax: number;
  /** The header in which the edge says who called, in lower case; null where callers come by themselves. */
  clientAddressHeader?: string | null;
  /** Told of errors that nobody expected, and of problems that have a cause. */
  onUnexpected: (error: unknown) => void;
};

export type HttpServer = {
  url: string;
  port: number;
  /** Takes no more requests; settles when those that are on their way, however long, have been answered. */
  finish(): Promise<void>;
  /** Cuts every connection. */
  stop(): Promise<void>;
};

/** The port is another program's. */
export class PortTakenError extends Error {
  readonly code = "port_taken";
}

const IDLE_SECONDS = 30;

export function serve(options: ServerOptions): HttpServer {
  const { hostname, port, bodyBytesMax, clientAddressHeader = null, onUnexpected } = options;
  try {
    const server = Bun.serve({
      hostname,
      port,
      maxRequestBodySize: bodyBytesMax,
      idleTimeout: IDLE_SECONDS,
      development: false,
      // Left to itself it is true here, and a second server on the port would take half of the voters.
      reusePort: false,
      routes: nativeRoutes(options.routes, { clientAddressHeader, onUnexpected }),
      fetch: (request) => problem("no_such_page", `there is nothing at ${new URL(request.url).pathname}`),
      error: (error) => failure(error, onUnexpected),
    });
    const shown = hostname === "0.0.0.0" || hostname === "::" ? "localhost" : hostname;
    return {
      url: `http://${shown.includes(":") ? `[${shown}]` : shown}:${server.port}`,
      port: server.port!,
      finish: () => server.stop(),
      stop: () => server.stop(true),
    };
  } catch (error) {
    if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
    throw new PortTakenError(
      `port ${port} is taken by another program: choose another one with --port (URNA_PORT)`,
      { cause: error },
    );
  }
}

type NativeHandler = (request: Bun.BunRequest, server: Bun.Server<undefined>) => Response | Promise<Response>;

type Handling = { clientAddressHeader: string | null; onUnexpected: (error: unknown) => void };

function nativeRoutes(routes: readonly Route[], handling: Handling) {
  const table: Record<string, Partial<Record<string, NativeHandler>>> = {};
  for (const route of routes) {
    const { method, path } = route;
    const handlers = table[path] ?? {};
    if (handlers[method] !== undefined) throw new Error(`two routes for ${method} ${path}`);
    handlers[method] = nativeHandler(route, handling);
    table[path] = handlers;
  }
  for (const handlers of Object.values(table)) refuseOtherMethods(handlers);
  return table as Record<string, Record<string, NativeHandler>>;
}

function nativeHandler({ handle, addHeaders, limit }: Route, handling: Handling): NativeHandler {
  const { clientAddressHeader, onUnexpected } = handling;
  const callerIn = (request: Request, server: Bun.Server<undefined>) =>
    callerOf(
      server.requestIP(request)?.address ?? "",
      clientAddressHeader === null ? null : request.headers.get(clientAddressHeader),
    );
  const answerTo = (request: Bun.BunRequest, server: Bun.Server<undefined>) => {
    const caller = limit === undefined ? null : callerIn(request, server);
    const answer = () => handle(request, request.params);
    return caller === null ? answer() : withinLimit(limit!, caller, answer);
  };
  const failed = (request: Request, error: unknown) =>
    unanswered(request, error) ?? failure(error, onUnexpected);
  const complete = (response: Response, request: Bun.BunRequest) => {
    // Mostly there is nothing to add, and nothing to wait for.
    const adding = addHeaders?.(response, request, request.params);
    return adding === undefined ? response : adding.then(() => response);
  };
  const completeLater = async (answer: Promise<Response>, request: Bun.BunRequest) => {
    let response: Response;
    try {
      response = await answer;
    } catch (error) {
      response = failed(request, error);
    }
    return complete(response, request);
  };
  return (request, server) => {
    let answer: Response | Promise<Response>;
    try {
      answer = answerTo(request, server);
    } catch (error) {
      answer = failed(request, error);
    }
    // What is known at once is answered at once: a promise would cost as much as the rest.
    return answer instanceof Response ? complete(answer, request) : completeLater(answer, request);
  };
}

/** Reading from somebody who hung up: nobody's mistake, and nobody to answer. */
function unanswered(request: Request, error: unknown): Response | null {
  const hungUp = request.signal.aborted && (error as Error).name === "AbortError";
  return hungUp ? new Response(null, { status: 499 }) : null;
}

/** The router answers HEAD as it answers GET. */
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

function refuseOtherMethods(handlers: Partial<Record<string, NativeHandler>>): void {
  const allowed = Object.keys(handlers).join(", ");
  for (const method of METHODS) {
    handlers[method] ??= () => {
      const refusal = failure(new Problem("method_not_allowed", `use ${allowed}`), () => undefined);
      refusal.headers.set("allow", allowed);
      return refusal;
    };
  }
}
