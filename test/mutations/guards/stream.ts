/** Guards: what a stream and its one statement hold. */
import type { Guard } from "../guard.ts";

const STREAM_WRITER = "test/postgres/stream-writer.test.ts";

export const STREAM: Guard[] = [
  {
    name: "epoch",
    without: "the compare-and-swap compares the epoch",
    file: "src/postgres/record-batch.ts",
    text: "AND epoch = $2::int4 AND",
    becomes: "AND $2::int4 IS NOT NULL AND",
    noticedBy: [STREAM_WRITER, "a missed compare-and-swap writes nothing"],
  },
  {
    name: "place",
    without: "the compare-and-swap compares the place",
    file: "src/postgres/record-batch.ts",
    text: "AND next_seq = $3::int8",
    becomes: "AND $3::int8 > 0",
    noticedBy: [STREAM_WRITER, "a place that another writer's batch took is fenced"],
  },
  {
    name: "inserts-from-the-swap",
    without: "ballots take their rows from the swap",
    file: "src/postgres/record-batch.ts",
    text: "FROM place, offered",
    becomes: "FROM offered",
    noticedBy: [STREAM_WRITER, "the statement itself fences"],
  },
  {
    name: "stream-advances",
    without: "the stream's row is written",
    file: "src/postgres/record-batch.ts",
    text: "FROM block WHERE stream_id = $1",
    becomes: "FROM block WHERE false",
    noticedBy: [STREAM_WRITER, "the block that the statement writes"],
  },
  {
    name: "sorted",
    without: "ballots are inserted in the order of their keys",
    file: "src/postgres/record-batch.ts",
    text: "      ORDER BY contest_id, voter_key\n",
    becomes: "",
    noticedBy: [STREAM_WRITER, "two writers with overlapping batches"],
  },
  {
    name: "on-conflict",
    without: "a ballot that is there already fails no batch",
    file: "src/postgres/record-batch.ts",
    text: "      ON CONFLICT DO NOTHING\n",
    becomes: "",
    noticedBy: [STREAM_WRITER, "the block that the statement writes"],
  },
  {
    name: "unique-index",
    without: "the unique index of a contest's ballots",
    file: "src/postgres/partitions.ts",
    text: "CREATE UNIQUE INDEX ON",
    becomes: "CREATE INDEX ON",
    noticedBy: [STREAM_WRITER, "two writers with overlapping batches"],
  },
  {
    name: "batch-id",
    without: "a place taken is this batch's only by its id",
    file: "src/postgres/stream-writer.ts",
    text: "if (place?.batch_id !== batch.batchId) return null;",
    becomes: "if (place?.batch_id == null) return null;",
    noticedBy: [STREAM_WRITER, "a place that another writer's batch took is fenced"],
  },
];
