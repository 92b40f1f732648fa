//! The fields that an admin fills in, on the page or on the command line, and what was wrong with one.

use std::fmt;

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident $name:literal $flag:literal $label:literal,)*) => {
        /// One thing that an admin states. The same name stands in the page's form, in faults and in documentation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field {
            $($(#[$doc])* $variant,)*
        }

        impl Field {
            /// Every field, in the order of the page.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in a form and in [`RawRequest`](super::request::RawRequest).
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The option of the command line.
            pub const fn flag(self) -> &'static str {
                match self {
                    $(Self::$variant => $flag,)*
                }
            }

            /// The label that people read.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }
        }
    };
}

fields! {
    /// The org that the role is for.
    Org "org" "--org" "Organisation",
    /// The AWS account of the role.
    Account "account" "--account" "AWS account id",
    /// The role that the agent assumes.
    Role "role" "--role" "Role",
    /// The region of the account's Resource Explorer aggregator.
    Region "region" "--region" "Region",
    /// The form of trust.
    Trust "trust" "--form" "Form of trust",
    /// Whether the trust policy demands a token that is pinned to the role.
    RoleAuthorizedByIdp "role_authorized_by_idp" "--role-authorized-by-idp" "Demand pinned tokens",
    /// Who assumes the role in the External-ID form.
    Principal "principal" "--principal" "Trusted principal",
    /// The External ID.
    ExternalId "external_id" "--external-id" "External ID",
    /// The user of the two-layer form.
    User "user" "--user" "IAM user",
    /// What the role may read.
    Access "access" "--access" "Access level",
    /// The resource types in scope of a least-privilege policy.
    Types "types" "--types" "Resource types",
    /// Actions that a least-privilege policy leaves out unless they are named.
    AllowActions "allow_actions" "--include-surprising" "Surprising actions to allow",
    /// Whether a least-privilege policy may use wildcards by service.
    Compact "compact" "--compact" "Wildcards by service",
    /// Where Terraform states lie.
    State "state" "--bucket" "State bucket",
    /// The account that owns the state buckets.
    StateAccount "state_account" "--state-account" "Account of the state bucket",
    /// The KMS keys of the state buckets.
    KmsKeys "kms_keys" "--kms-key" "KMS keys of the state",
    /// Whether bucket and key policies demand the org's session tag.
    Abac "abac" "--abac" "Demand the org's session tag",
    /// A role of its own for reading states.
    StateReader "state_reader" "--state-reader" "State-reader role",
    /// The roles that may change IAM under lock-down.
    IacRoles "iac_roles" "--iac-role" "IaC roles",
    /// The roles that lock-down spares.
    BreakGlassRoles "break_glass_roles" "--break-glass-role" "Break-glass roles",
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong with the value of one field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {value:?}: {reason}; {fix}", field.flag())]
pub struct FieldFault {
    /// The field.
    pub field: Field,
    /// The value as given, cut after 120 characters.
    pub value: String,
    /// Why it is refused.
    pub reason: String,
    /// What to do about it.
    pub fix: String,
}

/// How much of a refused value is shown, in characters.
const SHOWN: usize = 120;

impl FieldFault {
    /// A fault of a field.
    pub fn new(field: Field, value: &str, reason: impl Into<String>, fix: impl Into<String>) -> Self {
        let mut shown: String = value.chars().take(SHOWN).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self { field, value: shown, reason: reason.into(), fix: fix.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_the_option_the_value_the_reason_and_the_fix() {
        let fault = FieldFault::new(Field::Account, "12", "it is too short", "give 12 digits");
        assert_eq!(fault.to_string(), "--account: \"12\": it is too short; give 12 digits");
        assert!(FieldFault::new(Field::Role, &"x".repeat(500), "", "").value.chars().count() == SHOWN + 1);
    }
}
