//! AWS account ids, partitions and regions.

use std::fmt;
use std::str::FromStr;

use super::{ParseIdError, serde_by_text, string_id};

/// An AWS account id: exactly 12 digits, kept as text because leading zeros count.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(String);

string_id!(AccountId);

impl FromStr for AccountId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let fault = |cause: &str| ParseIdError::new("an AWS account id", text, cause);
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(fault("only digits are allowed; leave out hyphens and blanks"));
        }
        if text.len() != 12 {
            return Err(fault("an account id has exactly 12 digits, leading zeros included"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// An AWS partition: a separate AWS with its own ARNs, endpoints and STS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Partition {
    /// The commercial regions: `aws`.
    Aws,
    /// The regions in China: `aws-cn`.
    AwsCn,
    /// AWS `GovCloud` (US): `aws-us-gov`.
    AwsUsGov,
}

impl Partition {
    /// The word that stands in ARNs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsUsGov => "aws-us-gov",
        }
    }

    /// The region that signs calls to the partition's one global IAM endpoint.
    pub const fn iam_region(self) -> &'static str {
        match self {
            Self::Aws => "us-east-1",
            Self::AwsCn => "cn-north-1",
            Self::AwsUsGov => "us-gov-west-1",
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Partition {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        match text {
            "aws" => Ok(Self::Aws),
            "aws-cn" => Ok(Self::AwsCn),
            "aws-us-gov" => Ok(Self::AwsUsGov),
            _ => Err(ParseIdError::new("an AWS partition", text, "expected aws, aws-cn or aws-us-gov")),
        }
    }
}

serde_by_text!(Partition);

/// An AWS region such as `eu-central-1`. The form is checked, not the list: AWS adds regions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

string_id!(Region);

impl Region {
    /// The partition that the region lies in, by its prefix.
    pub fn partition(&self) -> Partition {
        if self.0.starts_with("cn-") {
            Partition::AwsCn
        } else if self.0.starts_with("us-gov-") {
            Partition::AwsUsGov
        } else {
            Partition::Aws
        }
    }
}

impl FromStr for Region {
    type Err = ParseIdError;

    /// `<area>-<direction>-<number>`, two to three words and a number: `us-gov-west-1`, `ap-southeast-2`.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let fault = |cause: &str| ParseIdError::new("an AWS region", text, cause);
        let words: Vec<&str> = text.split('-').collect();
        let [area, middle @ .., number] = words.as_slice() else {
            return Err(fault("expected a name such as eu-central-1"));
        };
        let lower = |word: &&str| !word.is_empty() && word.len() <= 12 && word.bytes().all(|b| b.is_ascii_lowercase());
        let well_formed = lower(area)
            && (1..=2).contains(&middle.len())
            && middle.iter().all(lower)
            && (1..=2).contains(&number.len())
            && number.bytes().all(|b| b.is_ascii_digit());
        if !well_formed {
            return Err(fault("expected lower-case words and a number joined by hyphens, such as eu-central-1"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn twelve_digits_and_nothing_else_are_an_account_id(text in "[0-9]{12}", other in ".{0,20}") {
            prop_assert_eq!(text.parse::<AccountId>().unwrap().to_string(), text);
            let twelve_digits = other.len() == 12 && other.bytes().all(|b| b.is_ascii_digit());
            prop_assert_eq!(other.parse::<AccountId>().is_ok(), twelve_digits);
        }

        #[test]
        fn a_region_parses_back_from_its_display(text in "[a-z]{2}-[a-z]{4,9}-[1-9]") {
            prop_assert_eq!(text.parse::<Region>().unwrap().to_string(), text);
        }

        #[test]
        fn no_text_makes_the_region_parser_panic(text in ".{0,40}") {
            let _ = text.parse::<Region>();
        }
    }

    #[test]
    fn regions_know_their_partition() {
        for (region, partition) in [
            ("us-east-1", Partition::Aws),
            ("us-gov-west-1", Partition::AwsUsGov),
            ("cn-north-1", Partition::AwsCn),
            ("ap-southeast-2", Partition::Aws),
        ] {
            assert_eq!(region.parse::<Region>().unwrap().partition(), partition);
        }
    }

    #[test]
    fn what_is_no_region_is_refused_with_the_reason() {
        for text in ["", "eu", "eu-central", "EU-central-1", "eu_central_1", "eu-central-1a", "eu--1", "global"] {
            let error = text.parse::<Region>().unwrap_err();
            assert!(error.to_string().contains("eu-central-1"), "{error}");
        }
    }
}
