/** The HTTP contract as an OpenAPI 3.1 document, and the route that shows it (https://spec.openapis.org/oas/v3.1.1). */
import { jsonText } from "../http/respond.ts";
import type { Route } from "../http/server.ts";
import { PROBLEMS, type ProblemCode } from "../runtime/problem.ts";
import { OPERATIONS, type Operation } from "./operations.ts";
import { type JsonSchema, ref, SCHEMAS } from "./schemas.ts";

export function openApiRoute(): Route {
  const text = JSON.stringify(openApiDocument());
  return { method: "GET", path: "/openapi.json", handle: () => jsonText(text) };
}

export function openApiDocument() {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: operationObject(operation) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Urna",
      version: "1",
      summary: "A real-time voting system that never loses an acknowledged vote.",
      description:
        "Binary values are base64url without padding, times ISO 8601 UTC. Problems are RFC 9457 problem details.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        voter: { type: "http", scheme: "bearer", description: "A voter token" },
        admin: { type: "http", scheme: "bearer", description: "The admin token" },
      },
    },
  };
}

function operationObject({ path, summary, token, body, answers, problems }: Operation): JsonSchema {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
    description: "the public id or the uuid",
  }));
  return {
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    security: token === "none" ? [] : [{ [token]: [] }],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    responses: { ...answerObjects(answers), ...problemObjects([...problems, "internal_error"]) },
  };
}

function answerObjects(answers: Operation["answers"]): JsonSchema {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, contentType = "application/json", schema }]) => [
      status,
      { description, content: { [contentType]: { schema } } },
    ]),
  );
}

/** One response a status, whose codes are enumerated. */
function problemObjects(codes: readonly ProblemCode[]): JsonSchema {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, these]) => [
      status,
      {
        description: these.map((code) => `${code}: ${PROBLEMS[code].title}`).join(". "),
        ...(status === 503 || status === 429 ? { headers: RETRY_AFTER } : {}),
        content: {
          "application/problem+json": {
            schema: { allOf: [ref("Problem"), { properties: { code: { enum: these } } }] },
          },
        },
      },
    ]),
  );
}

const RETRY_AFTER = { "Retry-After": { schema: { type: "integer" }, description: "seconds, jittered" } };
