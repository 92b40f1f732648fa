-- Which signing keys were made or seen, so that a start beside an empty key directory is told from a first start.
CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    created_at_ms BIGINT NOT NULL
);

-- IAM takes role/Scan and role/scan for one name.
CREATE UNIQUE INDEX accounts_role_of_one_org_any_case ON accounts (lower(role_arn));
