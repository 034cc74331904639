/** The judge's own proof of work: without a fault nothing is lost, doubled or left in doubt. */
import type { Fault } from "./fault.ts";

export const nothingFails: Fault = {
  name: "nothing-fails-nothing-is-lost",
  async run({ voters }) {
    await voters.acknowledge(400);
  },
};

export const bufferedNothingFails: Fault = {
  ...nothingFails,
  name: "buffered-nothing-fails-nothing-is-lost",
  buffered: true,
};
