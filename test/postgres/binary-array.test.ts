/** Arrays in PostgreSQL's binary format, as PostgreSQL itself reads them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { uuidToBytes } from "../../src/ledger/uuid.ts";
import { binaryArray, INT4, UUID_OF_BASE64URL, UUID_OF_HEX } from "../../src/postgres/binary-array.ts";
import { Session } from "../../src/postgres/session.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

const UUIDS = ["00112233-4455-6677-8899-aabbccddeeff", "ffffffff-ffff-ffff-ffff-ffffffffffff"];

let session: Session;
beforeAll(async () => {
  session = await Session.openPrimary(await freshDatabase(), TEST_SESSION);
});
afterAll(() => session[Symbol.asyncDispose]());

test.each([
  {
    type: "int4",
    elements: [0, -1, 2_147_483_647],
    array: binaryArray(INT4, [0, -1, 2_147_483_647], Number),
  },
  { type: "int4", elements: [], array: binaryArray(INT4, [], Number) },
  {
    type: "uuid",
    elements: UUIDS,
    array: binaryArray(UUID_OF_HEX, UUIDS, (uuid) => uuid.replaceAll("-", "")),
  },
  {
    type: "uuid",
    elements: UUIDS,
    array: binaryArray(UUID_OF_BASE64URL, UUIDS, (uuid) => uuidToBytes(uuid).toString("base64url")),
  },
])("PostgreSQL reads $type $elements as they are", async ({ type, elements, array }) => {
  const [row] = await session.query<{ read: unknown }>({ text: `SELECT to_json($1::${type}[]) AS read` }, [
    array,
  ]);
  expect(row!.read).toEqual(elements);
});
