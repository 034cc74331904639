/** A log for what is meant to fail: nobody need read it. */
import type { Log } from "../../../src/embedded/log.ts";

export const QUIET: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
