-- API keys of an org's programs: HMAC-SHA-256 under the pepper, never the key. Scopes are words parted by blanks.
CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    name TEXT NOT NULL,
    secret_hmac TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT,
    revoked_at_ms BIGINT,
    last_used_at_ms BIGINT
);

CREATE INDEX api_keys_by_org ON api_keys (org_id);

-- Secrets of the issuer itself other than signing keys, each a JWE under the master key: the pepper.
CREATE TABLE sealed_secrets (
    name TEXT NOT NULL PRIMARY KEY,
    jwe TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);

-- A revoked agent stays as a row, for the records; its keys go, which a version before this one honours too.
ALTER TABLE agents ADD COLUMN revoked_at_ms BIGINT;

-- Whoever answers from memory what a key may do must learn of it. A use changes nothing that counts.
CREATE TRIGGER authority_api_keys_update
AFTER UPDATE OF org_id, secret_hmac, scopes, expires_at_ms, revoked_at_ms ON api_keys
BEGIN
    UPDATE authority SET version = version + 1;
END;

CREATE TRIGGER authority_api_keys_delete AFTER DELETE ON api_keys
BEGIN
    UPDATE authority SET version = version + 1;
END;
