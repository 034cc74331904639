/** A process that starts a guarded server and is then killed by a test: `bun guarded-owner.ts <folder> running|frozen`. */
import { join } from "node:path";
import { GuardedProcess } from "./guarded-process.ts";

const [folder, state] = process.argv.slice(2) as [string, string];
const server = await GuardedProcess.start({ command: ["sleep", "60"], folder, log: join(folder, "log") });
if (state === "frozen") server.freeze();
console.log(server.pid);
