/** Administration and contest definitions over HTTP. */
import { createHash, timingSafeEqual } from "node:crypto";
import { type AllowedOrigins, preflight, withCors } from "../http/cors.ts";
import { type BodyBounds, bearerToken, readBody } from "../http/request.ts";
import { json, jsonText } from "../http/respond.ts";
import type { Handler, Route } from "../http/server.ts";
import { Problem } from "../runtime/problem.ts";
import type { Administration } from "./administration.ts";
import { contestJson, electionJson } from "./contest-json.ts";
import type { ContestList } from "./contest-list.ts";
import type { ContestDirectory } from "./directory.ts";
import { findContest } from "./find-contest.ts";
import * as shapes from "./shapes.ts";
import { close, declareVoid, extend, open, pause, resume } from "./transitions.ts";

const BODY: BodyBounds = { bytesMax: 64 * 1024, timeoutMs: 10_000 };
/** 10,000 voter ids of up to 512 bytes each, escaped as JSON may need. */
const TOKENS_BODY: BodyBounds = { bytesMax: 8 * 1024 * 1024, timeoutMs: 30_000 };

export type AdministrationRoutesOptions = { adminToken: string; tokenLifetimeMs: number; now: () => number };

/** Every call needs the admin token. */
export function administrationRoutes(
  administration: Administration,
  { adminToken, tokenLifetimeMs, now }: AdministrationRoutesOptions,
): Route[] {
  const post = (path: string, handle: Handler): Route => ({
    method: "POST",
    path,
    handle: (request, parameters) => {
      authorize(request, adminToken);
      return handle(request, parameters);
    },
  });
  const change = (name: string, transition: Parameters<Administration["change"]>[1]): Route =>
    post(`/v1/contests/:contest/${name}`, async (request, { contest = "" }) => {
      await readBody(request, shapes.nothing, BODY);
      return json(contestJson(await administration.change(contest, transition), now()));
    });
  return [
    post("/v1/elections", async (request) => {
      const definition = await readBody(request, shapes.election, BODY);
      const election = await administration.createElection(definition);
      return json(electionJson(election, administration.ledgerNames(election)), 201);
    }),
    post("/v1/elections/:election/contests", async (request, { election = "" }) => {
      const definition = await readBody(request, shapes.contest, BODY);
      return json(contestJson(await administration.createContest(election, definition), now()), 201);
    }),
    post("/v1/elections/:election/voter-tokens", async (request, { election = "" }) => {
      const { voters, expiresAt } = await readBody(request, shapes.voterTokens, TOKENS_BODY);
      const expiresAtMs = expiresAt ?? now() + tokenLifetimeMs;
      if (expiresAtMs <= now()) throw new Problem("invalid_request", "expiresAt: it is in the past");
      return json({ tokens: await administration.mintVoterTokens(election, voters, expiresAtMs) });
    }),
    change("open", open),
    change("close", close),
    change("pause", pause),
    change("resume", resume),
    post("/v1/contests/:contest/extend", async (request, { contest = "" }) => {
      const { closesAt } = await readBody(request, shapes.extend, BODY);
      const changed = await administration.change(contest, (found, clock) => extend(found, closesAt, clock));
      return json(contestJson(changed, now()));
    }),
    post("/v1/contests/:contest/void", async (request, { contest = "" }) => {
      const { reason } = await readBody(request, shapes.declareVoid, BODY);
      const changed = await administration.change(contest, (found, clock) =>
        declareVoid(found, reason, clock),
      );
      return json(contestJson(changed, now()));
    }),
  ];
}

/** Definitions, for everybody. */
export function contestRoutes(directory: ContestDirectory, list: ContestList, now: () => number): Route[] {
  const path = "/v1/contests/:contest";
  const allowedOrigins = originsAllowedBy(directory);
  const get: Handler = async (_, { contest = "" }) =>
    json(contestJson(await findContest(directory, contest), now()));
  return [
    { method: "GET", path: "/v1/contests", handle: async () => jsonText(await list.text()) },
    withCors({ method: "GET", path, handle: get }, allowedOrigins),
    preflight(path, "GET", allowedOrigins),
  ];
}

/** Refusals of a ledger that does not answer are for other sites' pages too, hence what was known last is enough. */
export function originsAllowedBy(directory: ContestDirectory): AllowedOrigins {
  return async (id) =>
    (directory.lastKnown(id) ?? (await directory.fresh(id).catch(() => null)))?.allowedOrigins ?? [];
}

/** Compares digests, so that the time taken tells nothing of the token. */
function authorize(request: Request, adminToken: string): void {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const token = bearerToken(request);
  if (token !== null && timingSafeEqual(digest(token), digest(adminToken))) return;
  throw new Problem("not_authorized", "send the admin token: Authorization: Bearer <admin token>");
}
