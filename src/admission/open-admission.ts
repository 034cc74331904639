/** Open admission, for trying things out: whoever asks gets a voter token, one voter a browser. `urna dev` only. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { readBody } from "../http/request.ts";
import { json } from "../http/respond.ts";
import type { Route } from "../http/server.ts";

const COOKIE = "urna_browser";
const YEAR_SECONDS = 31_536_000;
const SHAPE = z.strictObject({ contest: z.string() });

/** Mints for one voter of the contest's election. Throws Problem when there is no such contest. */
export type MintForContest = (contestId: string, voterId: string) => Promise<string>;

export function openAdmissionRoute(mint: MintForContest): Route {
  return {
    method: "POST",
    path: "/dev/admission",
    handle: async (request) => {
      const { contest } = await readBody(request, SHAPE, { bytesMax: 4_096, timeoutMs: 10_000 });
      const known = new RegExp(`(?:^|; *)${COOKIE}=([0-9a-f-]{36})`).exec(
        request.headers.get("cookie") ?? "",
      )?.[1];
      const browser = known ?? randomUUID();
      const token = await mint(contest, `browser:${browser}`);
      const cookie = `${COOKIE}=${browser}; Path=/; Max-Age=${YEAR_SECONDS}; HttpOnly; SameSite=Lax`;
      const response = json({ token });
      response.headers.set("set-cookie", cookie);
      return response;
    },
  };
}
