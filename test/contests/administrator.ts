/** An administrator for tests: makes the calls over HTTP and expects how they are answered. */
import { expect } from "bun:test";
import type { ContestAnswer } from "../../src/election/answers.ts";
import { expectProblem } from "../support/answers.ts";
import type { TestGateway } from "../support/test-gateway.ts";

export const QUESTION = {
  title: "A question",
  method: "single-choice",
  options: ["A", "B"],
  allowBlank: false,
};

export const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

type Named = { id: string };

export class Administrator {
  constructor(private readonly gateway: TestGateway) {}

  async call<Answer = ContestAnswer>(path: string, body: unknown, status = 200): Promise<Answer> {
    const response = await this.gateway.administer(path, body);
    const answer = (await response.json()) as Answer;
    expect({ status: response.status, answer }).toEqual({ status, answer: expect.any(Object) });
    return answer;
  }

  async createElection(): Promise<string> {
    return (await this.call<Named>("/v1/elections", { title: "An election" }, 201)).id;
  }

  /** A draft, unless the changes say otherwise, in an election of its own. */
  async createContest(changes: object = {}): Promise<ContestAnswer> {
    const path = `/v1/elections/${await this.createElection()}/contests`;
    return this.call(path, { ...QUESTION, ...changes }, 201);
  }

  /** Opens, closes, pauses, …; the contest as it is then. */
  change({ id }: Named, name: string, body: object = {}): Promise<ContestAnswer> {
    return this.call(`/v1/contests/${id}/${name}`, body);
  }

  /** The same, where the contest's state does not allow it; why not. */
  async refused({ id }: Named, name: string, body: object = {}): Promise<string> {
    return expectProblem(await this.gateway.administer(`/v1/contests/${id}/${name}`, body), "contest_state");
  }

  /** As everybody sees it. */
  async shown({ id }: Named): Promise<ContestAnswer> {
    return (await fetch(`${this.gateway.url}/v1/contests/${id}`)).json() as Promise<ContestAnswer>;
  }
}
