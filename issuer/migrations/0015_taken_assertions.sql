-- Assertions that were taken, in the order in which they end: what is taken in a second lies on a few pages, and what is forgotten
-- lies at the beginning. The end is signed, so whoever uses an assertion again comes with the same one. `digest` is of the agent
-- and the jti. WITHOUT ROWID is SQLite's word for a table that is its own index; PostgreSQL does without.
-- What was taken by a version before this one counts as fresh for the minutes that it still lives.
DROP TABLE used_assertions;

CREATE TABLE used_assertions (
    keep_until_ms BIGINT NOT NULL,
    digest TEXT NOT NULL,
    taken_steady_ms BIGINT NOT NULL,
    PRIMARY KEY (keep_until_ms, digest)
) WITHOUT ROWID;
