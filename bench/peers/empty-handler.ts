/** A peer that does nothing: the casting route on Bun's server, which reads the ballot and answers an empty 201. */
import { parseArgs } from "node:util";

const { port = "0" } = parseArgs({ options: { port: { type: "string" } } }).values;

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  routes: {
    "/v1/contests/:contest/ballots": {
      POST: async (request) => {
        await request.json();
        return Response.json({}, { status: 201 });
      },
    },
  },
});
console.log(server.url.origin);
