//! The seeded account: resources, principals, states and planted drift.
