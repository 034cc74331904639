-- A contest's partition has a unique index of its own on the voter alone: the contest is the same in all of its rows, and
-- named in the index it took 8 bytes a ballot. An index of the whole table would have to name it. Partitions that are
-- made later get theirs in src/postgres/partitions.ts.
DO $$
DECLARE
  partition regclass;
BEGIN
  FOR partition IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'ballots'::regclass LOOP
    EXECUTE format('CREATE UNIQUE INDEX ON %s (voter_key)', partition);
  END LOOP;
END $$;
ALTER TABLE ballots DROP CONSTRAINT ballots_pkey;
