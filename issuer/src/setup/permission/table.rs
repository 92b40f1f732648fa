//! What is publicly known of the read handlers of CloudFormation types, as tables: which actions each calls, what AWS says of
//! each action, which CloudFormation type a Terraform type is, and which wildcards open nothing but descriptions.
//!
//! The tables lie in `issuer/data/` (its README says where each comes from), are part of the program and parsed once.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// The cells of each row, without the header line.
fn rows(table: &'static str) -> impl Iterator<Item = [&'static str; 3]> {
    table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let mut cells = line.split('\t');
        [(); 3].map(|()| cells.next().unwrap_or_default())
    })
}

/// A type of the CloudFormation registry that the tables know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CfnType(&'static str);

/// What Cloud Control does to read a type.
#[derive(Debug)]
struct ReadHandler {
    exists: bool,
    actions: Vec<&'static str>,
}

static TYPES: LazyLock<BTreeMap<&'static str, ReadHandler>> = LazyLock::new(|| {
    rows(include_str!("../../../data/read-permissions.tsv"))
        .map(|[name, handlers, actions]| {
            let actions = actions.split(',').filter(|action| !action.is_empty()).collect();
            (name, ReadHandler { exists: handlers.contains('r'), actions })
        })
        .collect()
});

impl CfnType {
    /// The type of a name: `AWS::SQS::Queue`; none for one that the tables don't know.
    pub fn find(name: &str) -> Option<Self> {
        TYPES.get_key_value(name).map(|(name, _)| Self(name))
    }

    /// Every known type, ordered by name.
    pub fn all() -> impl Iterator<Item = Self> {
        TYPES.keys().map(|name| Self(name))
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// Whether Cloud Control can read it.
    pub fn is_readable(self) -> bool {
        TYPES.get(self.0).is_some_and(|handler| handler.exists)
    }

    /// The actions that its read handler is published to call; a few hold a wildcard.
    pub fn read_actions(self) -> &'static [&'static str] {
        TYPES.get(self.0).map_or(&[], |handler| &handler.actions)
    }
}

impl fmt::Display for CfnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A type of the Terraform providers `hashicorp/aws` and `hashicorp/awscc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TerraformType {
    /// The CloudFormation type of the same thing.
    pub(super) cfn_type: Option<CfnType>,
    /// Whether a scan reads it: its state tells its own ARN, or the inventory shows it all the same.
    pub(super) is_read: bool,
}

static TERRAFORM: LazyLock<HashMap<&'static str, TerraformType>> = LazyLock::new(|| {
    rows(include_str!("../../../data/terraform-types.tsv"))
        .map(|[name, cfn_type, read]| (name, TerraformType { cfn_type: CfnType::find(cfn_type), is_read: read == "r" }))
        .collect()
});

/// The Terraform type of a name: `aws_sqs_queue`, `awscc_sqs_queue`.
pub(super) fn terraform_type(name: &str) -> Option<TerraformType> {
    TERRAFORM.get(name).copied()
}

/// Why an action that a read handler is published to call is not granted unless somebody asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surprise {
    /// AWS lists it as one that writes, tags or changes permissions; `kms:Decrypt` is one of them.
    NoRead,
    /// A read of data, a secret or a credential, not of a description.
    Data,
    /// AWS's own reference does not list it: there is nothing to grant.
    Unlisted,
}

impl Surprise {
    /// In words, after the action's name and "is".
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoRead => "no read by AWS's own access levels: it writes, tags, passes a role or uses a key",
            Self::Data => "a read of data, secrets or credentials, not of descriptions",
            Self::Unlisted => "not in AWS's service authorization reference: there is nothing to grant",
        }
    }
}

/// How an action is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// To the role.
    Read,
    /// To AWS services that act for the role only: descriptions come from the same call as data (a function's code).
    ReadThroughServices,
    /// Only when asked for.
    Surprising(Surprise),
}

static ACTIONS: LazyLock<HashMap<&'static str, Standing>> = LazyLock::new(|| {
    rows(include_str!("../../../data/actions.tsv"))
        .map(|[action, level, mark]| {
            let standing = match (mark, level) {
                ("data", _) => Standing::Surprising(Surprise::Data),
                ("write", _) => Standing::Surprising(Surprise::NoRead),
                ("via-services", _) => Standing::ReadThroughServices,
                ("read", _) | (_, "read" | "list") => Standing::Read,
                (_, "unknown") => Standing::Surprising(Surprise::Unlisted),
                _ => Standing::Surprising(Surprise::NoRead),
            };
            (action, standing)
        })
        .collect()
});

/// How an action of the tables is granted; what they don't know counts as no read.
pub(super) fn standing(action: &str) -> Standing {
    ACTIONS.get(action).copied().unwrap_or(Standing::Surprising(Surprise::NoRead))
}

/// The wildcards, and how many actions each opens.
static WILDCARDS: LazyLock<BTreeMap<&'static str, u32>> = LazyLock::new(|| {
    rows(include_str!("../../../data/wildcards.tsv"))
        .map(|[pattern, actions, _]| (pattern, actions.parse().unwrap_or_default()))
        .collect()
});

/// The wildcard that covers an action and opens descriptions only (`ec2:Describe*`), with the number of actions it opens.
pub(super) fn wildcard_of(action: &str) -> Option<(&'static str, u32)> {
    let (service, name) = action.split_once(':')?;
    let verb = ["Describe", "List"].into_iter().find(|verb| name.starts_with(verb))?;
    WILDCARDS.get_key_value(format!("{service}:{verb}*").as_str()).map(|(pattern, count)| (*pattern, *count))
}

/// An action that somebody named: `kms:Decrypt`. One that the tables know, in AWS's spelling, whatever the case it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action(&'static str);

impl Action {
    /// `kms:Decrypt`.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // IAM compares actions without regard to case.
        ACTIONS.keys().find(|known| known.eq_ignore_ascii_case(text)).map(|known| Self(known)).ok_or_else(|| {
            format!("{text:?} is no action of a read handler; give one that was left out, such as kms:Decrypt")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_a_handler_has_a_row_and_every_pair_of_types_exists() {
        assert!(TYPES.len() > 1_400 && ACTIONS.len() > 2_000 && TERRAFORM.len() > 3_000);
        for cfn_type in CfnType::all() {
            for action in cfn_type.read_actions() {
                assert!(ACTIONS.contains_key(action), "{cfn_type}: {action}");
            }
        }
        for [name, cfn_type, read] in rows(include_str!("../../../data/terraform-types.tsv")) {
            assert!(cfn_type.is_empty() || CfnType::find(cfn_type).is_some(), "{name}: {cfn_type}");
            assert!(read.is_empty() || !cfn_type.is_empty(), "{name} is read as no type");
        }
    }

    #[test]
    fn what_is_no_plain_read_of_descriptions_is_surprising() {
        use Surprise::{Data, NoRead, Unlisted};
        for (action, surprise) in [
            ("kms:CreateGrant", NoRead),
            ("kms:Decrypt", NoRead),
            ("kms:GenerateDataKey", NoRead),
            ("iam:PassRole", NoRead),
            ("iam:CreateServiceLinkedRole", NoRead),
            ("cleanrooms:PassMembership", NoRead),
            ("sts:GetWebIdentityToken", NoRead),
            ("secretsmanager:GetSecretValue", Data),
            ("s3:GetObject", Data),
            ("dynamodb:GetItem", Data),
            ("managed-fleets:Get*", Unlisted),
        ] {
            assert_eq!(standing(action), Standing::Surprising(surprise), "{action}");
        }
        for action in ["sqs:GetQueueAttributes", "apigateway:GET", "autoscaling:Describe*", "cloudtrail:GetTrail"] {
            assert_eq!(standing(action), Standing::Read, "{action}");
        }
        assert_eq!(standing("lambda:GetFunction"), Standing::ReadThroughServices);
    }

    /// Whoever reads the table's verbs must not be surprised either: beyond these, every granted action begins as a read does.
    #[test]
    fn every_granted_action_begins_with_a_reading_verb_or_is_known() {
        const OTHERS: [&str; 6] = [
            "apigateway:GET",
            "bedrock-agentcore:GatewayGetWebACLForResource",
            "cognito-idp:AdminGetUser",
            "cognito-idp:AdminListGroupsForUser",
            "gamelift:ValidateMatchmakingRuleSet",
            "glue:QuerySchemaVersionMetadata",
        ];
        for (action, standing) in ACTIONS.iter() {
            let (service, name) = action.split_once(':').unwrap();
            assert!(service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{action}");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'*'), "{action}");
            let verbs = ["Get", "Describe", "List", "BatchGet", "BatchDescribe", "Search"];
            let reads = verbs.iter().any(|verb| name.starts_with(verb));
            assert!(reads || OTHERS.contains(action) || matches!(standing, Standing::Surprising(_)), "{action}");
        }
    }

    #[test]
    fn a_wildcard_covers_no_surprising_action() {
        for (action, standing) in ACTIONS.iter() {
            if matches!(standing, Standing::Surprising(Surprise::NoRead | Surprise::Data)) {
                assert_eq!(wildcard_of(action), None, "{action}");
            }
        }
        assert!(
            wildcard_of("ec2:DescribeVpcs").is_some_and(|(pattern, count)| pattern == "ec2:Describe*" && count > 50)
        );
        assert_eq!(wildcard_of("s3:ListBucket"), None, "it lists the objects of every bucket");
        assert_eq!(wildcard_of("secretsmanager:GetSecretValue"), None);
    }

    #[test]
    fn an_action_is_known_in_any_case_and_nothing_else_is() {
        assert_eq!("KMS:decrypt".parse::<Action>().unwrap().as_str(), "kms:Decrypt");
        for text in ["", "kms", "kms:*", "*", "ec2:TerminateInstances", "kms:Decrypt\""] {
            assert!(text.parse::<Action>().unwrap_err().contains("no action of a read handler"), "{text}");
        }
    }
}
