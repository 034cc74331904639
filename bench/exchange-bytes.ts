/** The bytes that one cast ballot is between a voter and a gateway: its request, and its answer. */
import { once } from "node:events";
import { connect } from "node:net";
import { ballotRequest } from "../src/client/ballot-request.ts";
import { originOf } from "../src/client/connection.ts";
import { ResponseReader } from "../src/client/response-reader.ts";

export async function exchangeBytes(url: string, contest: string, token: string) {
  const origin = originOf(url);
  const request = ballotRequest(origin, { contest, token, selections: [1], nonce: "A".repeat(22) });
  const socket = connect(origin.port, origin.hostname);
  const reader = new ResponseReader();
  let answerBytes = 0;
  try {
    await once(socket, "connect");
    socket.write(request);
    for (;;) {
      const [chunk] = (await once(socket, "data")) as [Buffer];
      answerBytes += chunk.length;
      if (reader.feed(chunk)) break;
    }
  } finally {
    socket.destroy();
  }
  if (reader.status !== 202) throw new Error(`a ballot was answered with ${reader.status}`);
  return { requestBytes: request.length, answerBytes };
}
