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
      throw new CallFailed("unreachable", unreachableMessage(url, error as Error), true);
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

function unreachableMessage(url: string, error: Error): string {
  return `no answer from ${url} (${error.message}). Is Urna running there? Start one with "urna dev", or set --url (URNA_URL).`;
}

/** Says what was asked, what the server said, and what to do where that is known. */
function refusal(call: string, response: Response, text: string): CallFailed {
  const problem = parseProblem(text);
  const code = problem?.code ?? `http_${response.status}`;
  const advice =
    response.status === 401 || response.status === 403
      ? " Set --admin-token (URNA_ADMIN_TOKEN) to the server's admin token."
      : "";
  const detail = problem?.detail ? `: ${problem.detail}` : "";
  return new CallFailed(
    code,
    `${call} was refused with ${response.status} ${code}${detail}${advice}`,
    response.status === 429 || response.status >= 500,
    parseRetryAfterMs(response.headers.get("retry-after"), Date.now()),
  );
}
