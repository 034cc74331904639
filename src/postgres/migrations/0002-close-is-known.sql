-- False from the announcement of a close until it is certain that whoever asks could know of it early enough; a contest
-- is not sealed before. A close that was there when the contest was made is known to all who know the contest.
ALTER TABLE contests ADD COLUMN close_is_known boolean NOT NULL DEFAULT true;
