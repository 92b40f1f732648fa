//! What orgs register, as parsed values: names, AWS accounts, agents' public keys, enrolment codes, API keys; and the
//! people who sign in ([`admin`]). A value of one of
//! these types is valid; the store takes and gives nothing else.

pub mod admin;
mod api_key;
mod aws_account;
mod enrolment_code;
mod issuer_choice;
mod name;
mod pepper;
mod public_key;

pub use api_key::{ApiKey, ApiKeyHash, ApiKeyId, ApiKeyScope, ApiKeyScopes};
pub use aws_account::AwsAccount;
pub use enrolment_code::{EnrolmentCode, EnrolmentCodeHash, EnrolmentCodeId};
pub use issuer_choice::{AccountIssuer, IssuerKeys};
pub use name::DisplayName;
pub use pepper::Pepper;
pub use public_key::{KeyAlgorithm, PublicKey, VerificationKey};
