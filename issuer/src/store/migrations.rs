//! The schema's history. A migration is safe beside the version before it, and never changes once released. One that is not safe
//! says so in docs/operations/running.md ("Stop, restart, upgrade"): so far 15 alone, whose table the version before can't write.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Every migration: number, name, SQL. To add one, add a file and a row.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "orgs, agents, accounts", include_str!("../../migrations/0001_orgs_agents_accounts.sql")),
    (2, "signing keys, roles in any case", include_str!("../../migrations/0002_signing_keys_roles.sql")),
    (3, "key states, replicas", include_str!("../../migrations/0003_key_states.sql")),
    (4, "audit log, authority", include_str!("../../migrations/0004_audit_authority.sql")),
    (5, "API keys, revoked agents", include_str!("../../migrations/0005_api_keys.sql")),
    (6, "issuers of orgs", include_str!("../../migrations/0006_org_issuers.sql")),
    (7, "sealed keys", include_str!("../../migrations/0007_sealed_keys.sql")),
    (8, "authority of key states", include_str!("../../migrations/0008_authority_of_key_states.sql")),
    (9, "assertions by steady time", include_str!("../../migrations/0009_assertions_steady_time.sql")),
    (10, "faults of replicas", include_str!("../../migrations/0010_replica_faults.sql")),
    (11, "seals of the audit log", include_str!("../../migrations/0011_audit_seals.sql")),
    (12, "admins, web sessions", include_str!("../../migrations/0012_admins_web_sessions.sql")),
    (14, "proofs", include_str!("../../migrations/0014_proofs.sql")),
    (15, "taken assertions by their end", include_str!("../../migrations/0015_taken_assertions.sql")),
];

pub(super) fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}
