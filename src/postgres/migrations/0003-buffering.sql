-- A buffered election's ballots wait in Kafka, one topic an election, and are drained from there into one or several
-- ledgers. Elections and contests are run in the home ledger, number 0; each further ledger holds copies of those whose
-- ballots it records, under the same numbers.

-- Which of a deployment's ledgers this one is. Streams are numbered from number * 2^24 + 1, so that all are told apart.
CREATE TABLE ledger_identity (
  number     int2 NOT NULL CHECK (number BETWEEN 0 AND 127),
  name       text NOT NULL,
  -- Drawn by the home ledger: a further ledger belongs to one deployment.
  deployment uuid NOT NULL
);
CREATE UNIQUE INDEX one_ledger_identity ON ledger_identity ((true));

-- In the home ledger: every further ledger that ever was named.
CREATE TABLE further_ledgers (
  number int2 PRIMARY KEY CHECK (number BETWEEN 1 AND 127),
  name   text NOT NULL UNIQUE
);

-- How an election's ballots are buffered; null when they are recorded directly. None of it ever changes, but that the
-- topic's id becomes known when the topic has been made, and until then nothing is accepted.
ALTER TABLE elections ADD COLUMN partitions int4 CHECK (partitions BETWEEN 1 AND 10000);
-- Partition p is drained into the ledger of number ledgers[p mod the number of them].
ALTER TABLE elections ADD COLUMN ledgers int2[];
ALTER TABLE elections ADD COLUMN topic_id uuid;
ALTER TABLE elections ADD CHECK ((partitions IS NULL) = (ledgers IS NULL));
ALTER TABLE elections ADD CHECK (topic_id IS NULL OR partitions IS NOT NULL);

-- One stream a partition of a buffered election; null for a lane's.
ALTER TABLE streams ADD COLUMN election_uuid uuid REFERENCES elections;
ALTER TABLE streams ADD COLUMN partition int4;
-- The offset of the first record that no block of this stream has, and the SHA-256 of the one before it. In the
-- ballots' own transaction: that is what makes draining exactly once.
ALTER TABLE streams ADD COLUMN next_offset int8;
ALTER TABLE streams ADD COLUMN last_record bytea;
ALTER TABLE streams ADD UNIQUE (election_uuid, partition);
ALTER TABLE streams ADD CHECK ((election_uuid IS NULL) = (partition IS NULL));
ALTER TABLE streams ADD CHECK ((election_uuid IS NULL) = (next_offset IS NULL));

-- The records that became a block are those from first_offset to below next_offset; the ballot of one of them has the
-- index offset - first_offset. Null for a lane's block.
ALTER TABLE blocks ADD COLUMN first_offset int8;
ALTER TABLE blocks ADD COLUMN next_offset int8;
-- What became of those records that were not recorded: src/ledger/exceptions.ts.
ALTER TABLE blocks ADD COLUMN exceptions bytea;
-- Uncompressed, so that one of them can be read without the rest, as leaves are.
ALTER TABLE blocks ALTER COLUMN exceptions SET STORAGE EXTERNAL;
ALTER TABLE blocks ADD CHECK ((first_offset IS NULL) = (next_offset IS NULL) AND (first_offset IS NULL) = (exceptions IS NULL));
CREATE INDEX blocks_by_offset ON blocks (stream_id, next_offset) WHERE next_offset IS NOT NULL;

-- Records that are no ballot of their election, whole: nothing that was accepted is thrown away.
CREATE TABLE quarantine (
  stream_id     int4 NOT NULL REFERENCES streams,
  source_offset int8 NOT NULL,
  reason        text NOT NULL,
  record_key    bytea,
  record        bytea,
  PRIMARY KEY (stream_id, source_offset)
);

-- Where a contest's barrier is in a partition: a ballot behind it does not count.
CREATE TABLE barriers (
  contest_id    int4 NOT NULL REFERENCES contests,
  stream_id     int4 NOT NULL REFERENCES streams,
  source_offset int8 NOT NULL,
  PRIMARY KEY (contest_id, stream_id)
);
