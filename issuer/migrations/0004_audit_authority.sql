-- The audit log: rows are added and never changed. `event` is canonical JSON; `hash` covers every other column, so that each
-- row vouches for all rows of its chain before it.
CREATE TABLE audit_log (
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    event TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT audit_log_one_successor PRIMARY KEY (chain, seq)
);

-- The last row of each chain: where the next one is added, and what shows that a tail was cut.
CREATE TABLE audit_heads (
    chain TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);

-- The triggers below are in SQLite's form; PostgreSQL needs a function for each.
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit rows are never changed'); END;

CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit rows are never deleted'); END;

-- Without it, INSERT OR REPLACE would take a row away without firing the trigger above.
CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE chain = NEW.chain AND seq >= NEW.seq)
BEGIN SELECT RAISE(ABORT, 'audit rows are only added at the end'); END;

CREATE TRIGGER audit_heads_only_advance BEFORE UPDATE ON audit_heads
WHEN NEW.chain <> OLD.chain OR NEW.seq <= OLD.seq
BEGIN SELECT RAISE(ABORT, 'the head of an audit chain only advances'); END;

CREATE TRIGGER audit_heads_no_delete BEFORE DELETE ON audit_heads
BEGIN SELECT RAISE(ABORT, 'the head of an audit chain is never deleted'); END;

-- Assertions are forgotten in the order in which they were taken, which needs no index.
DROP INDEX used_assertions_by_expiry;

-- One number that grows with every change of what tokens are decided by. Who keeps look-ups in memory notes the number that
-- they were read at; a token commits only while it still holds. A table that decides about tokens has three triggers here
-- (or in the migration that makes it).
CREATE TABLE authority (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);

INSERT INTO authority (id, version) VALUES (1, 1);

CREATE TRIGGER authority_orgs_insert AFTER INSERT ON orgs BEGIN UPDATE authority SET version = version + 1; END;
CREATE TRIGGER authority_orgs_update AFTER UPDATE ON orgs BEGIN UPDATE authority SET version = version + 1; END;
CREATE TRIGGER authority_orgs_delete AFTER DELETE ON orgs BEGIN UPDATE authority SET version = version + 1; END;

CREATE TRIGGER authority_accounts_insert AFTER INSERT ON accounts BEGIN UPDATE authority SET version = version + 1; END;
CREATE TRIGGER authority_accounts_update AFTER UPDATE ON accounts BEGIN UPDATE authority SET version = version + 1; END;
CREATE TRIGGER authority_accounts_delete AFTER DELETE ON accounts BEGIN UPDATE authority SET version = version + 1; END;

CREATE TRIGGER authority_agents_insert AFTER INSERT ON agents BEGIN UPDATE authority SET version = version + 1; END;
CREATE TRIGGER authority_agents_update AFTER UPDATE ON agents BEGIN UPDATE authority SET version = version + 1; END;
CREATE TRIGGER authority_agents_delete AFTER DELETE ON agents BEGIN UPDATE authority SET version = version + 1; END;

CREATE TRIGGER authority_agent_keys_insert AFTER INSERT ON agent_keys BEGIN UPDATE authority SET version = version + 1; END;
CREATE TRIGGER authority_agent_keys_update AFTER UPDATE ON agent_keys BEGIN UPDATE authority SET version = version + 1; END;
CREATE TRIGGER authority_agent_keys_delete AFTER DELETE ON agent_keys BEGIN UPDATE authority SET version = version + 1; END;

CREATE TRIGGER authority_signing_keys_insert AFTER INSERT ON signing_keys BEGIN UPDATE authority SET version = version + 1; END;
-- Time stamps, and until when a key may sign, decide about no token that is on its way.
CREATE TRIGGER authority_signing_keys_update AFTER UPDATE OF state ON signing_keys BEGIN UPDATE authority SET version = version + 1; END;
CREATE TRIGGER authority_signing_keys_delete AFTER DELETE ON signing_keys BEGIN UPDATE authority SET version = version + 1; END;
