/** The same peer on Bun's own server: a pool of 32 connections, one INSERT a ballot. */
import { NaiveVotes } from "./naive-votes.ts";

const votes = await NaiveVotes.open(process.argv[2]!, "bun");
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  routes: {
    "/v1/contests/:contest/ballots": {
      POST: async (request) => {
        const { selections } = (await request.json()) as { selections: number[] };
        const voter = request.headers.get("authorization") ?? "";
        const isNew = await votes.record(request.params.contest, voter, selections);
        return Response.json({ status: "recorded" }, { status: isNew ? 201 : 409 });
      },
    },
  },
});
console.log(server.url.origin);
