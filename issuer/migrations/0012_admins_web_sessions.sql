-- People who sign in to the issuer's pages. None of this decides about tokens.
CREATE TABLE admins (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    CONSTRAINT admins_name UNIQUE (name)
);

-- How an admin proves who they are: `local` with the name as subject, or an OpenID Connect issuer with its `sub`. An admin may
-- have several.
CREATE TABLE admin_identities (
    provider TEXT NOT NULL,
    subject TEXT NOT NULL,
    admin_id TEXT NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (provider, subject)
);

CREATE INDEX admin_identities_by_admin ON admin_identities (admin_id);

-- Of local identities: argon2id of the password's HMAC under the pepper, as a PHC string.
CREATE TABLE admin_passwords (
    admin_id TEXT NOT NULL PRIMARY KEY REFERENCES admins (id) ON DELETE CASCADE,
    phc TEXT NOT NULL,
    changed_at_ms BIGINT NOT NULL
);

-- One-time links, by the SHA-256 of their token. `first` and `invite` make an admin, `reset` gives one a new password. A link
-- that was used is gone.
CREATE TABLE admin_links (
    token_sha256 TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    -- Whom an invitation is for; the first admin chooses a name.
    name TEXT,
    admin_id TEXT REFERENCES admins (id) ON DELETE CASCADE,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);

-- Who is signed in, by the SHA-256 of the cookie's value.
CREATE TABLE web_sessions (
    token_sha256 TEXT NOT NULL PRIMARY KEY,
    admin_id TEXT NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
    created_at_ms BIGINT NOT NULL,
    last_seen_at_ms BIGINT NOT NULL
);

CREATE INDEX web_sessions_by_admin ON web_sessions (admin_id);

-- Failed sign-ins in a row, per name and per network, each by a keyed hash: a row says neither.
CREATE TABLE sign_in_failures (
    subject TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_failed_at_ms BIGINT NOT NULL,
    locked_until_ms BIGINT NOT NULL
);
