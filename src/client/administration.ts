/** The contract's administration and reading calls. All of them are safe to repeat. */
import type { ContestAnswer, ResultsAnswer } from "../election/answers.ts";
import { VOTERS_PER_CALL_MAX } from "../election/election.ts";
import type { ContestRequest, ElectionAnswer, ElectionRequest } from "./contract.ts";
import type { Patience } from "./patience.ts";
import { parseProblem, parseRetryAfterMs } from "./problem.ts";

const CALL_TIMEOUT_MS = 30_000;

/** A call that was refused or had no answer; the message is for people and says what to do. */
export class CallFailed extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly canRetry: boolean,
    readonly retryAfterMs: number | null = null,
  ) {
    super(message);
  }
}

/** Where an Urna is, and what proves that this client may run its elections. Reading needs no token. */
export type Target = { url: string; adminToken: string | null };

/** Calls may run concurrently. With patience, calls that can be retried are; without, the first failure is thrown. */
export class Administration {
  constructor(
    private readonly target: Target,
    private readonly patience: Patience | null = null,
  ) {}

  /** Throws {@link CallFailed} unless anything at all answers there in time; asked once, whatever the patience. */
  async reach(timeoutMs: number): Promise<void> {
    const { url } = this.target;
    try {
      const response = await fetch(new URL("/v1/contests", url), { signal: AbortSignal.timeout(timeoutMs) });
      await response.body?.cancel();
    } catch (error) {
      throw unreachable(url, error as Error, timeoutMs);
    }
  }

  createElection(election: ElectionRequest): Promise<ElectionAnswer> {
    return this.call("POST", "/v1/elections", election);
  }

  createContest(election: string, contest: ContestRequest): Promise<ContestAnswer> {
    return this.call("POST", `/v1/elections/${encodeURIComponent(election)}/contests`, contest);
  }

  contest(contest: string): Promise<ContestAnswer> {
    return this.call("GET", contestPath(contest));
  }

  results(contest: string): Promise<ResultsAnswer> {
    return this.call("GET", `${contestPath(contest)}/results`);
  }

  open(contest: string): Promise<ContestAnswer> {
    return this.call("POST", `${contestPath(contest)}/open`, {});
  }

  close(contest: string): Promise<ContestAnswer> {
    return this.call("POST", `${contestPath(contest)}/close`, {});
  }

  pause(contest: string): Promise<ContestAnswer> {
    return this.call("POST", `${contestPath(contest)}/pause`, {});
  }

  resume(contest: string): Promise<ContestAnswer> {
    return this.call("POST", `${contestPath(contest)}/resume`, {});
  }

  extend(contest: string, closesAt: string): Promise<ContestAnswer> {
    return this.call("POST", `${contestPath(contest)}/extend`, { closesAt });
  }

  void(contest: string, reason: string): Promise<ContestAnswer> {
    return this.call("POST", `${contestPath(contest)}/void`, { reason });
  }

  /** At most {@link VOTERS_PER_CALL_MAX} voters; the tokens come in the voters' order. */
  async mintVoterTokens(election: string, voters: readonly string[], expiresAt?: string): Promise<string[]> {
    if (voters.length > VOTERS_PER_CALL_MAX) {
      throw new Error(`one call mints at most ${VOTERS_PER_CALL_MAX} voter tokens`);
    }
    const path = `/v1/elections/${encodeURIComponent(election)}/voter-tokens`;
    const body = expiresAt === undefined ? { voters } : { voters, expiresAt };
    const { tokens } = await this.call<{ tokens: string[] }>("POST", path, body);
    if (tokens.length !== voters.length) {
      throw new CallFailed(
        "unreadable_answer",
        `asked for ${voters.length} tokens, got ${tokens.length}`,
        false,
      );
    }
    return tokens;
  }

  private async call<Answer>(method: "GET" | "POST", path: string, body?: unknown): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.callOnce<Answer>(method, path, body);
        this.patience?.progressed();
        return answer;
      } catch (error) {
        if (!(error instanceof CallFailed)) throw error;
        if (!error.canRetry) throw error;
        if (this.patience === null || !(await this.patience.pause(attempt, error.retryAfterMs))) throw error;
      }
    }
  }

  private async callOnce<Answer>(method: "GET" | "POST", path: string, body: unknown): Promise<Answer> {
    const { adminToken } = this.target;
    const { url } = this.target;
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(path, url), {
        method,
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(adminToken === null ? {} : { authorization: `Bearer ${adminToken}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch (error) {
      throw unreachable(url, error as Error, CALL_TIMEOUT_MS);
    }
    if (!response.ok) throw refusal(`${method} ${path}`, response, text);
    try {
      return JSON.parse(text) as Answer;
    } catch {
      throw new CallFailed(
        "unreadable_answer",
        `${method} ${path} was not answered with JSON: is ${url} an Urna?`,
        false,
      );
    }
  }
}

function contestPath(contest: string): string {
  return `/v1/contests/${encodeURIComponent(contest)}`;
}

function unreachable(url: string, error: Error, timeoutMs: number): CallFailed {
  const reasons: Record<string, string> = {
    ECONNREFUSED: "",
    ConnectionRefused: "",
    TimeoutError: ` within ${timeoutMs / 1_000} s`,
  };
  const { name, code = name } = error as NodeJS.ErrnoException;
  const reason = reasons[code] ?? reasons[name] ?? ` (${error.message})`;
  const message = `nothing answers at ${url}${reason}: start urna dev, or give --url (URNA_URL)`;
  return new CallFailed("unreachable", message, true);
}

/** Says what was asked, what the server said, and what to do where that is known. */
function refusal(call: string, response: Response, text: string): CallFailed {
  const problem = parseProblem(text);
  const code = problem?.code ?? `http_${response.status}`;
  const detail =
    code === "not_authorized"
      ? "set --admin-token (URNA_ADMIN_TOKEN) to the server's admin token"
      : problem?.detail;
  return new CallFailed(
    code,
    `${call} was refused with ${response.status} ${code}${detail ? `: ${detail}` : ""}`,
    response.status === 429 || response.status >= 500,
    parseRetryAfterMs(response.headers.get("retry-after"), Date.now()),
  );
}
