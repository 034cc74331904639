/** Power loss, wherever the shim can be built; `npm run test:faults` fails where it can't. */
import { test } from "bun:test";
import { compilerFault } from "./compiler.ts";

const fault = compilerFault();
if (fault === null) {
  await import("./shim-cases.ts");
  await import("./postgres-cases.ts");
} else {
  console.error(`NOT TESTED: ${fault}`);
  test.skipIf(true)("power loss", () => undefined);
}
