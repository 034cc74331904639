/** Makes nodes: the first one by initdb, the others, and those that can't follow any more, by copying the primary. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { copyNode } from "../../../src/embedded/base-backup.ts";
import type { Binaries } from "../../../src/embedded/binaries.ts";
import { poll } from "../../../src/embedded/polling.ts";
import type { ServerUser } from "../../../src/embedded/server-user.ts";
import { USER } from "../../../src/embedded/settings.ts";
import { eventually } from "../../support/eventually.ts";
import type { Node } from "./node.ts";
import {
  type Address,
  type Client,
  createDatabase,
  isStandby,
  reloadConfiguration,
  synchronousStandbys,
  withClient,
} from "./statements.ts";

export const DATABASE = "urna";
/** What Urna's processes connect as. */
export const ROLE = "urna_roles";

const START_TIMEOUT_MS = 60_000;
/** Small nodes are up within seconds. */
const HANGS_MS = 20_000;
/** Every role connects to every node anew every three seconds: what that costs is taken from what is tested. */
const CHEAP_PASSWORDS = "scram_iterations=16";
const FOLLOW_TIMEOUT_MS = 15_000;

export type BuilderOptions = {
  nodes: readonly Node[];
  binaries: Binaries;
  user: ServerUser;
  /** Of the superuser and of Urna's role. */
  password: string;
  passwordFile: string;
  superuser: Omit<Address, "port">;
  connectionInfo: (node: Node, primary: Node) => string;
};

export class Builder {
  private readonly options: BuilderOptions;

  constructor(options: BuilderOptions) {
    this.options = options;
  }

  async build(): Promise<void> {
    const [first, ...others] = this.options.nodes;
    await this.initialise(first!);
    first!.configure(this.names(first!), null);
    await this.untilUp(first!);
    // Before any commit: it would wait for them.
    for (const node of others) await this.copy(first!, node);
    await this.at(first!, (client) => createDatabase(client, DATABASE, ROLE, this.options.password));
  }

  /**
   * Starts it where it has ended, and anew where it accepts nobody for long, as an operator would: PostgreSQL 18 hangs when it
   * recovers from a crash and its disk is full again before it is done (docs/operations/failure-modes.md).
   */
  async untilUp(node: Node): Promise<void> {
    const accepts = async () => {
      if (!node.isRunning) node.start();
      return this.at(node, async () => true);
    };
    if (await poll(HANGS_MS, () => accepts().catch(() => false))) return;
    await node.kill();
    await eventually(`${node.name} accepts connections`, accepts, START_TIMEOUT_MS);
  }

  /** Makes `node` follow the running `primary`; a `stale` one may have what the primary has not, and is made anew. */
  async untilFollowing(primary: Node, node: Node, stale: boolean): Promise<void> {
    const isFollowing = async () => {
      const standbys = await this.at(primary, synchronousStandbys);
      return standbys.includes(node.applicationName);
    };
    if (!stale && (await this.resume(primary, node))) {
      if (await poll(FOLLOW_TIMEOUT_MS, isFollowing)) return;
    }
    await this.copy(primary, node);
    await eventually(`${node.name} follows ${primary.name}`, isFollowing, START_TIMEOUT_MS);
  }

  /** False where it is no standby. */
  private async resume(primary: Node, node: Node): Promise<boolean> {
    if (!existsSync(join(node.dataFolder, "standby.signal"))) return false;
    if (node.isRunning && !(await this.at(node, isStandby).catch(() => false))) return false;
    this.follow(primary, node);
    if (node.isRunning) await this.at(node, reloadConfiguration);
    else node.start();
    return true;
  }

  private async copy(primary: Node, node: Node): Promise<void> {
    await node.remove();
    await this.at(primary, (client) =>
      copyNode(client, primary.dataFolder, node.dataFolder, this.options.user),
    );
    this.follow(primary, node);
    node.start();
  }

  private follow(primary: Node, node: Node): void {
    node.configure(this.names(node), this.options.connectionInfo(node, primary));
  }

  private at<T>(node: Node, work: (client: Client) => Promise<T>): Promise<T> {
    return withClient({ ...this.options.superuser, port: node.port }, work);
  }

  /** On standbys too: a copy that is promoted one day must not acknowledge alone. */
  private names(node: Node): string {
    const others = this.options.nodes.filter((other) => other !== node);
    return `ANY 1 (${others.map(({ applicationName }) => applicationName).join(", ")})`;
  }

  private async initialise(node: Node): Promise<void> {
    const { user, binaries, passwordFile } = this.options;
    const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
    const access = [`--username=${USER}`, "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
    const args = ["-D", node.dataFolder, "--data-checksums", "--set", CHEAP_PASSWORDS, ...locale, ...access];
    const { ok, output } = await user.run(binaries.initdb, args);
    if (!ok) throw new Error(`initdb failed:\n${output.trim()}`);
  }
}
