/** `urna dev` and the separate roles as processes: starting, refusing to start, stopping. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { drawSecrets, writeSecretsFile } from "../../src/admission/secrets-file.ts";
import { eventually } from "../support/eventually.ts";
import { DevServer, finished, freePort, runUrna, startUrna } from "../support/urna-process.ts";

const MINUTE_MS = 60_000;

test(
  "a second urna dev on the same folder is refused, and the first one is unharmed",
  async () => {
    await using server = await DevServer.start();
    const second = await runUrna("dev", "--data", server.folder, "--port", "0");
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toContain(`pid ${server.announcement.pid}`);
    expect((await fetch(`${server.url}/readyz`)).ok).toBe(true);
  },
  MINUTE_MS,
);

test(
  "a port that is taken is named, with what to do, and nothing is left running",
  async () => {
    await using server = await DevServer.start();
    await server.stop();
    const other = createServer().listen(server.port, "127.0.0.1");
    await once(other, "listening");
    const refused = await runUrna("dev", "--data", server.folder, "--port", String(server.port));
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(`port ${server.port} is taken`);
    expect(refused.stderr).toContain("--port");
    other.close();
  },
  MINUTE_MS,
);

test(
  "Ctrl-C stops it cleanly, and starting it again carries on",
  async () => {
    await using server = await DevServer.start();
    const { adminToken } = server.announcement;
    const minted = await runUrna(
      "token",
      "mint",
      "--election",
      "demo",
      "--voter",
      "v1",
      "--data",
      server.folder,
    );
    const cast = async () => {
      const response = await fetch(`${server.url}/v1/contests/demo/ballots`, {
        method: "POST",
        headers: { authorization: `Bearer ${minted.stdout.trim()}`, "content-type": "application/json" },
        body: '{"selections":[3]}',
      });
      return { status: response.status, body: await response.json() };
    };
    const first = await cast();
    expect(first.status).toBe(201);
    expect(await server.stop()).toBe(0);
    await server.restart();
    expect(server.announcement.adminToken).toBe(adminToken);
    expect(await cast()).toEqual({ status: 200, body: first.body });
  },
  MINUTE_MS,
);

test(
  "gateway, results and admin run as processes of their own, without the open admission",
  async () => {
    await using dev = await DevServer.start();
    const secretsFile = join(dev.folder, "..", "secrets.json");
    writeSecretsFile(secretsFile, drawSecrets());
    const { databaseUrl } = dev.announcement;
    const environment = {
      DATABASE_URL: databaseUrl.replace(/\/urna$/, "/postgres"),
      URNA_SECRETS_FILE: secretsFile,
      URNA_ADMIN_TOKEN: "an-admin-token-for-tests",
      URNA_CLIENT_ADDRESS_HEADER: "X-Forwarded-For",
    };
    const early = await finished(startUrna(["gateway", "--port", "0"], environment));
    expect(early.exitCode).toBe(1);
    expect(early.stderr).toContain("urna admin");

    const ports = { admin: await freePort(), gateway: await freePort(), results: await freePort() };
    await using started = new AsyncDisposableStack();
    const start = async (role: keyof typeof ports) => {
      const child = startUrna([role, "--port", String(ports[role]), "--host", "127.0.0.1"], environment);
      started.defer(() => void child.kill("SIGKILL"));
      child.stderr?.resume();
      await eventually(`${role} is ready`, async () => (await fetch(`${at(role)}/readyz`)).ok);
      return child;
    };
    const at = (role: keyof typeof ports) => `http://127.0.0.1:${ports[role]}`;
    const children = [await start("admin"), await start("gateway"), await start("results")];
    const admin = ["--url", at("admin"), "--admin-token", environment.URNA_ADMIN_TOKEN];
    const create = ["--id", "show", "--title", "The show", "--contest", "Who?", "--contest-id", "who"];
    await runUrna("election", "create", ...create, "--option", "A", "B", ...admin);
    await runUrna("election", "open", "who", ...admin);
    const { stdout: token } = await runUrna("token", "mint", "--election", "show", "--voter", "v1", ...admin);
    const answer = await fetch(`${at("gateway")}/v1/contests/who/ballots`, {
      method: "POST",
      headers: { authorization: `Bearer ${token.trim()}`, "content-type": "application/json" },
      body: '{"selections":[2]}',
    });
    expect(answer.status).toBe(201);
    await eventually("the results show it", async () => {
      const results = await (await fetch(`${at("results")}/v1/contests/who/results`)).json();
      return results.counts[1].votes === 1;
    });
    const guess = (caller: string) =>
      fetch(`${at("admin")}/v1/elections`, { method: "POST", headers: { "x-forwarded-for": caller } });
    for (let i = 0; i < 30; i++) expect((await guess("192.0.2.1, 203.0.113.1")).status).toBe(401);
    expect((await guess("192.0.2.2, 203.0.113.1")).status).toBe(429);
    expect((await guess("203.0.113.1, 192.0.2.1")).status).toBe(401);
    for (const role of ["admin", "gateway", "results"] as const) {
      expect((await fetch(`${at(role)}/dev/admission`, { method: "POST" })).status).toBe(404);
    }
    expect(await (await fetch(`${at("results")}/c/who`)).text()).not.toContain("/dev/admission");
    for (const child of children) {
      child.kill("SIGTERM");
      await once(child, "close");
      expect(child.exitCode).toBe(0);
    }
  },
  MINUTE_MS,
);
