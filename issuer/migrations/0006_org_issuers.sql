-- An org may have an issuer of its own, <issuer>/orgs/<id>: with the shared keys, with keys of its own, or none (NULL).
ALTER TABLE orgs ADD COLUMN issuer_keys TEXT CHECK (issuer_keys IN ('shared', 'own'));

-- Which issuer the tokens for an account name: the shared one or the org's.
ALTER TABLE accounts ADD COLUMN issuer TEXT NOT NULL DEFAULT 'shared' CHECK (issuer IN ('shared', 'org'));
