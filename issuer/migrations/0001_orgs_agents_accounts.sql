-- Times are milliseconds since the epoch, UUIDs and JSON are text: the subset that SQLite and PostgreSQL both take.

CREATE TABLE orgs (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);

-- An AWS account of an org, and the one role in it that tokens are pinned to. A role belongs to one org only.
CREATE TABLE accounts (
    org_id TEXT NOT NULL REFERENCES orgs (id),
    account_id TEXT NOT NULL,
    role_arn TEXT NOT NULL,
    region TEXT NOT NULL,
    trust_form TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    CONSTRAINT accounts_one_role PRIMARY KEY (org_id, account_id),
    CONSTRAINT accounts_role_of_one_org UNIQUE (role_arn)
);

CREATE TABLE agents (
    id TEXT NOT NULL PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    name TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);

CREATE INDEX agents_by_org ON agents (org_id);

-- The public halves of agents' keys. A key belongs to one agent only.
CREATE TABLE agent_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agents (id),
    public_jwk TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);

CREATE INDEX agent_keys_by_agent ON agent_keys (agent_id);

-- One-time codes, as SHA-256 only.
CREATE TABLE enrolment_codes (
    code_sha256 TEXT NOT NULL PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    used_at_ms BIGINT
);

-- Assertions already taken, kept until they can't be valid any more.
CREATE TABLE used_assertions (
    agent_id TEXT NOT NULL REFERENCES agents (id),
    jti TEXT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    PRIMARY KEY (agent_id, jti)
);

CREATE INDEX used_assertions_by_expiry ON used_assertions (expires_at_ms);
