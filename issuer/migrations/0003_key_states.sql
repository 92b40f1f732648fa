-- The states of signing keys. Defaults are for rows of the version before, and for those it still adds while both run: an
-- unplaced key gets its state from the next issuer of this version that sees it.
ALTER TABLE signing_keys ADD COLUMN key_set TEXT NOT NULL DEFAULT 'shared';
ALTER TABLE signing_keys ADD COLUMN algorithm TEXT NOT NULL DEFAULT 'RS256';
-- unplaced, staged, active, retired, removed
ALTER TABLE signing_keys ADD COLUMN state TEXT NOT NULL DEFAULT 'unplaced';
-- When it happened, by the clock of the host that did it: for people.
ALTER TABLE signing_keys ADD COLUMN staged_at_ms BIGINT;
ALTER TABLE signing_keys ADD COLUMN seen_at_ms BIGINT;
ALTER TABLE signing_keys ADD COLUMN activated_at_ms BIGINT;
ALTER TABLE signing_keys ADD COLUMN retired_at_ms BIGINT;
ALTER TABLE signing_keys ADD COLUMN removed_at_ms BIGINT;
-- The same by the steady time of key_catalogue, which windows are measured in. The next tick after the event fills it in.
ALTER TABLE signing_keys ADD COLUMN staged_steady_ms BIGINT;
ALTER TABLE signing_keys ADD COLUMN seen_steady_ms BIGINT;
ALTER TABLE signing_keys ADD COLUMN activated_steady_ms BIGINT;
ALTER TABLE signing_keys ADD COLUMN retired_steady_ms BIGINT;
-- The key signs no token that is dated later.
ALTER TABLE signing_keys ADD COLUMN signs_until_ms BIGINT;
-- The catalogue's version that published the key first.
ALTER TABLE signing_keys ADD COLUMN published_version BIGINT NOT NULL DEFAULT 0;

-- Whatever happens: one key of a set signs, and one at most waits.
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (key_set) WHERE state = 'active';
CREATE UNIQUE INDEX signing_keys_one_staged ON signing_keys (key_set) WHERE state = 'staged';

-- One row: the version of the keys' states, and the steady time. Every change of keys begins with an update of this row, so
-- that two never interleave.
CREATE TABLE key_catalogue (
    id BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    steady_ms BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    keeper TEXT NOT NULL,
    CONSTRAINT key_catalogue_one_row CHECK (id = 1)
);

INSERT INTO key_catalogue (id, version, steady_ms, beat, keeper) VALUES (1, 1, 0, 0, '');

-- The running issuers. idle_ms is the steady time since the last refresh; beat is the catalogue's at that refresh; lease_ms is
-- how long the issuer may sign without one.
CREATE TABLE replicas (
    id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    seen_at_ms BIGINT NOT NULL,
    idle_ms BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    lease_ms BIGINT NOT NULL
);
