-- Elections, contests and options: configuration, small, cached in every gateway.

CREATE TABLE elections (
  election_uuid      uuid PRIMARY KEY,
  id                 text NOT NULL UNIQUE CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
  title              text NOT NULL CHECK (title <> ''),
  -- Minting with another pepper would give every voter a second key, and with it a second ballot.
  pepper_fingerprint bytea NOT NULL,
  allowed_origins    text[] NOT NULL DEFAULT '{}',
  created_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE contests (
  contest_id      int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  contest_uuid    uuid NOT NULL UNIQUE,
  id              text NOT NULL UNIQUE CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
  election_uuid   uuid NOT NULL REFERENCES elections,
  title           text NOT NULL CHECK (title <> ''),
  method          text NOT NULL CHECK (method IN ('single-choice')),
  allow_blank     boolean NOT NULL,
  results_visible text NOT NULL CHECK (results_visible IN ('live', 'final')),
  opens_at        timestamptz,
  closes_at       timestamptz,
  paused          boolean NOT NULL DEFAULT false,
  voided_at       timestamptz,
  void_reason     text,
  sealed_at       timestamptz,
  final_at        timestamptz,
  -- The proved counts, {"<option>": votes}, option 0 for blank ballots; set with final_at.
  final_tally     jsonb,
  created_at      timestamptz NOT NULL DEFAULT now(),
  CHECK ((voided_at IS NULL) = (void_reason IS NULL)),
  CHECK (closes_at > opens_at),
  CHECK (final_at IS NULL OR sealed_at IS NOT NULL),
  CHECK ((final_at IS NULL) = (final_tally IS NULL))
);

CREATE TABLE options (
  contest_id int4 NOT NULL REFERENCES contests,
  number     int2 NOT NULL CHECK (number >= 1),
  title      text NOT NULL CHECK (title <> ''),
  PRIMARY KEY (contest_id, number)
);

-- One single-writer sequence of blocks. Every batch advances next_seq by a compare-and-swap on (epoch, next_seq):
-- it fences other writers, and makes every acknowledging transaction write WAL.
CREATE TABLE streams (
  stream_id  int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  epoch      int4 NOT NULL DEFAULT 1,
  next_seq   int8 NOT NULL DEFAULT 1 CHECK (next_seq BETWEEN 1 AND 4294967295),
  head_hash  bytea NOT NULL,
  -- Who writes it, for people who look.
  writer     text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Append-only, one row a batch.
CREATE TABLE blocks (
  stream_id   int4 NOT NULL REFERENCES streams,
  seq         int8 NOT NULL,
  batch_id    uuid NOT NULL,
  recorded_at timestamptz(3) NOT NULL,
  overridden  boolean NOT NULL,
  -- Counts of the ballots newly recorded here, {"<contest uuid>": {"<option>": votes}}.
  tally       jsonb NOT NULL,
  -- Bit i (lowest bit of a byte first) is set when the ballot offered at index i was newly recorded here.
  places      bytea NOT NULL,
  -- The 32-byte leaves of the newly recorded ballots, in the order of their index.
  leaves      bytea NOT NULL CHECK (length(leaves) = 32 * bit_count(places)),
  prev_hash   bytea NOT NULL,
  hash        bytea NOT NULL,
  PRIMARY KEY (stream_id, seq)
);
-- Hashes do not compress, and a receipt's check reads 32 bytes out of the middle.
ALTER TABLE blocks ALTER COLUMN leaves SET STORAGE EXTERNAL;

-- One ballot a voter a contest: the primary key is the promise. A partition a contest, so that its index is its own.
-- No timestamps here: the block has one.
CREATE TABLE ballots (
  contest_id int4 NOT NULL,
  voter_key  uuid NOT NULL,
  nonce      uuid NOT NULL,
  -- The block that recorded it: stream_id * 2^32 + seq.
  block_id   int8 NOT NULL,
  index      int2 NOT NULL,
  selections bytea NOT NULL,
  PRIMARY KEY (contest_id, voter_key)
) PARTITION BY LIST (contest_id);
