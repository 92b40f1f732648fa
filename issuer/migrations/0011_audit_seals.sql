-- Seals of the audit log: what an end of a chain was, under a key that the store does not hold in the clear. Rows are only
-- added. The triggers are in SQLite's form.
CREATE TABLE audit_seals (
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    mac TEXT NOT NULL,
    PRIMARY KEY (chain, seq)
);

CREATE TRIGGER audit_seals_no_update BEFORE UPDATE ON audit_seals
BEGIN SELECT RAISE(ABORT, 'seals of the audit log are never changed'); END;

CREATE TRIGGER audit_seals_no_delete BEFORE DELETE ON audit_seals
BEGIN SELECT RAISE(ABORT, 'seals of the audit log are never deleted'); END;

-- The first seal of a row stays, whoever else seals it at the same moment.
CREATE TRIGGER audit_seals_no_replace BEFORE INSERT ON audit_seals
WHEN EXISTS (SELECT 1 FROM audit_seals WHERE chain = NEW.chain AND seq = NEW.seq)
BEGIN SELECT RAISE(IGNORE); END;
