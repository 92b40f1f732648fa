-- The last proof of each account, as an agent reported it: whether the role lets the org in and no other. It goes with the
-- account's registration. trust_form and issuer are those that the account was registered with then.
CREATE TABLE proofs (
    org_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    role_arn TEXT NOT NULL,
    trust_form TEXT NOT NULL,
    issuer TEXT NOT NULL,
    agent_id TEXT NOT NULL REFERENCES agents (id),
    outcome TEXT NOT NULL CHECK (outcome IN ('proven', 'foreign_org_admitted', 'own_org_refused', 'inconclusive')),
    code TEXT,
    reported_at_ms BIGINT NOT NULL,
    CONSTRAINT proofs_last_of_account PRIMARY KEY (org_id, account_id),
    CONSTRAINT proofs_of_an_account FOREIGN KEY (org_id, account_id) REFERENCES accounts (org_id, account_id) ON DELETE CASCADE
);
