/** A process that owns a cluster, to be killed by a test: `bun owner.ts <data folder>`. Says when it is up. */
import { startEmbeddedCluster } from "../../src/embedded/cluster.ts";

const say = (details: object, message: string) => console.error(message, JSON.stringify(details));
const log = { info: say, warn: say, error: say };
const cluster = await startEmbeddedCluster({ folder: process.argv[2]!, log });
process.once("SIGTERM", () => void cluster.stop().then(() => process.exit(0)));
console.log(`up ${cluster.connectionString}`);
