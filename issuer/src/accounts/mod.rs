//! What orgs register, as parsed values: names, AWS accounts, agents' public keys, enrolment codes. A value of one of
//! these types is valid; the store takes and gives nothing else.

mod aws_account;
mod enrolment_code;
mod issuer_choice;
mod name;
mod public_key;

pub use aws_account::AwsAccount;
pub use enrolment_code::{EnrolmentCode, EnrolmentCodeHash};
pub use issuer_choice::{AccountIssuer, IssuerKeys};
pub use name::DisplayName;
pub use public_key::{KeyAlgorithm, PublicKey};
