/** A peer as it is often written: Fastify on Node, a pool of 32 connections, one INSERT a ballot. */
import Fastify from "fastify";
import { NaiveVotes } from "./naive-votes.ts";

type Cast = { Params: { contest: string }; Body: { selections: number[] } };

const votes = await NaiveVotes.open(process.argv[2]!, "fastify");
const server = Fastify();
server.post<Cast>("/v1/contests/:contest/ballots", async ({ params, headers, body }, reply) => {
  const isNew = await votes.record(params.contest, headers.authorization ?? "", body.selections);
  return reply.code(isNew ? 201 : 409).send({ status: "recorded" });
});
console.log(await server.listen({ host: "127.0.0.1", port: 0 }));
