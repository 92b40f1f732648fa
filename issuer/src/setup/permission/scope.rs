//! The types in scope: what a least-privilege policy is made for.
//!
//! They come from a list, from a Terraform state or from a finished scan, and add up. What is in scope and can't be read is
//! kept beside them, with the reason: it belongs to what the role can't do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::str::FromStr;

use driftwise_contract::codes::Code;
use driftwise_contract::report::{SCHEMA, ScanReport};
use serde::Deserialize;

use super::table::{CfnType, terraform_type};

/// Types that every scan reads, whatever is declared: untagged ones may be AWS's own (the default VPC and its parts, managed keys,
/// interfaces of services) or parts of an instance, and only their properties tell.
const EVERY_SCAN: [&str; 11] = [
    "AWS::EC2::DHCPOptions",
    "AWS::EC2::Instance",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::NetworkAcl",
    "AWS::EC2::NetworkInterface",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::KMS::Key",
];

/// Why something in scope is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unreadable {
    /// The type has no read handler.
    NoReadHandler,
    /// The handler publishes no actions, so that nothing is known to grant.
    NothingPublished,
    /// The tables don't know the type.
    Unknown,
    /// A Terraform type that is no CloudFormation type, or whose state doesn't tell which live resource it is.
    NotLookedFor,
}

impl Unreadable {
    /// In words, after the type's name.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoReadHandler => "has no read handler: Cloud Control can't read it",
            Self::NothingPublished => "has a read handler that publishes no actions: nothing is granted for it",
            Self::Unknown => "is not known to this version: nothing is granted for it",
            Self::NotLookedFor => {
                "is nothing that a scan reads by itself (IAM grants are compared by what IAM says, settings with their resource)"
            }
        }
    }
}

/// The types in scope.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TypesInScope {
    named: BTreeSet<CfnType>,
    unreadable: BTreeMap<String, Unreadable>,
}

/// Why no scope could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// Nothing was named.
    #[error(
        "no resource type is in scope: name types such as AWS::SQS::Queue, or give a state or a scan report that holds some"
    )]
    Empty,
    /// Names that are no types.
    #[error(
        "unknown resource {}: {}. Give CloudFormation types (AWS::SQS::Queue, AWS::SQS::*) or Terraform types (aws_sqs_queue)",
        if .0.len() == 1 { "type" } else { "types" },
        .0.iter().map(UnknownType::to_string).collect::<Vec<_>>().join(", ")
    )]
    Unknown(Vec<UnknownType>),
    /// A document that is no JSON, or no such document.
    #[error("this is no {what}: {cause}")]
    Document {
        /// What was expected.
        what: &'static str,
        /// What stands in the way, with line and column where there is one; never a value of the document.
        cause: String,
    },
    /// A state of a version that is not read.
    #[error(
        "the state has version {0}, and only version 4 (Terraform 0.12 and later) is read: give the output of `terraform show -json`"
    )]
    StateVersion(u64),
    /// A state that OpenTofu encrypted.
    #[error("the state is encrypted: give the output of `tofu show -json`")]
    Encrypted,
    /// A report without the types that were read.
    #[error("the report does not say which types the scan read: scan again with an agent of this version")]
    NoTypesInReport,
}

/// A name that is no type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownType {
    /// What was given.
    pub name: String,
    /// A type of a similar name.
    pub suggestion: Option<&'static str>,
}

impl fmt::Display for UnknownType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What came from outside is shown as Rust would: no control characters reach a terminal.
        write!(f, "{:?}", self.name)?;
        match self.suggestion {
            Some(suggestion) => write!(f, " (do you mean {suggestion}?)"),
            None => Ok(()),
        }
    }
}

impl TypesInScope {
    /// Every type that the tables know.
    pub fn all() -> Self {
        let mut scope = Self::default();
        CfnType::all().for_each(|cfn_type| scope.add(cfn_type));
        scope
    }

    /// The types of a list: CloudFormation types, all types of a service (`AWS::SQS::*`), Terraform types.
    ///
    /// # Errors
    /// [`ScopeError::Unknown`] with every name that is none, [`ScopeError::Empty`].
    pub fn of_list<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let (mut scope, mut unknown) = (Self::default(), Vec::new());
        for name in names {
            if !scope.add_named(name) {
                unknown.push(UnknownType { name: shortened(name), suggestion: suggestion(name) });
            }
        }
        if unknown.is_empty() { scope.not_empty() } else { Err(ScopeError::Unknown(unknown)) }
    }

    /// The types of the managed resources of a Terraform state (version 4), or of `terraform show -json`. Only types are
    /// read: attributes are skipped, and nothing of them is kept.
    ///
    /// # Errors
    /// See [`ScopeError`].
    pub fn of_state(state: impl Read) -> Result<Self, ScopeError> {
        let state: State = parse("Terraform state", state)?;
        if state.encrypted_data.is_some() {
            return Err(ScopeError::Encrypted);
        }
        let mut resources = state.resources.unwrap_or_default();
        if let Some(values) = state.values {
            values.root_module.collect(&mut resources);
        } else {
            match state.version {
                Some(4) => {}
                Some(version) => return Err(ScopeError::StateVersion(version)),
                None => {
                    let cause = "it has neither a version nor values".to_owned();
                    return Err(ScopeError::Document { what: "Terraform state", cause });
                }
            }
        }
        let mut scope = Self::default();
        for resource in resources.iter().filter(|resource| resource.mode == "managed") {
            let name = resource.terraform_type.as_str();
            // Other providers are none of a scan's business.
            if name.starts_with("aws_") || name.starts_with("awscc_") {
                scope.add_declared(name);
            }
        }
        scope.not_empty()
    }

    /// The types that a finished scan asked Cloud Control for, refused ones included: its JSON report.
    ///
    /// # Errors
    /// See [`ScopeError`].
    pub fn of_scan(report: impl Read) -> Result<Self, ScopeError> {
        let report: ScanReport = parse("scan report", report)?;
        if report.schema != SCHEMA {
            let cause = format!("its schema is {:?}, and {SCHEMA} is read", shortened(&report.schema));
            return Err(ScopeError::Document { what: "scan report", cause });
        }
        let mut scope = Self::default();
        for name in report.coverage.types_asked.keys() {
            match CfnType::find(name) {
                Some(cfn_type) => scope.add(cfn_type),
                None => scope.leave_out(name, Unreadable::Unknown),
            }
        }
        if scope.is_empty() && report.coverage.resources > 0 {
            return Err(ScopeError::NoTypesInReport);
        }
        // What the scan could not read at all is said as well.
        for name in report.coverage.not_comparable.keys() {
            scope.leave_out(name, Unreadable::NotLookedFor);
        }
        let unsupported = report.gaps.iter().filter(|gap| gap.code == Code::CloudControlUnsupportedType);
        for name in unsupported.filter_map(|gap| gap.scope.resource_type.as_deref()) {
            scope.leave_out(name, Unreadable::NoReadHandler);
        }
        scope.not_empty()
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.named.extend(other.named);
        self.unreadable.extend(other.unreadable);
        self
    }

    /// The readable types, those that every scan reads included.
    pub fn types(&self) -> BTreeSet<CfnType> {
        let every_scan = EVERY_SCAN.into_iter().filter_map(CfnType::find);
        every_scan.chain(self.named.iter().copied()).filter(|cfn_type| cfn_type.is_readable()).collect()
    }

    /// The readable types that were named, ordered by name.
    pub fn named(&self) -> impl Iterator<Item = CfnType> {
        self.named.iter().copied()
    }

    /// Whether the type was named, and is not only one of those that every scan reads.
    pub fn is_named(&self, cfn_type: CfnType) -> bool {
        self.named.contains(&cfn_type)
    }

    /// What is in scope and can't be read, by the name it came with.
    pub fn unreadable(&self) -> impl Iterator<Item = (&str, Unreadable)> {
        self.unreadable.iter().map(|(name, reason)| (name.as_str(), *reason))
    }

    /// How many readable types were named.
    pub fn len(&self) -> usize {
        self.named.len()
    }

    /// Whether nothing was named at all.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.unreadable.is_empty()
    }

    fn not_empty(self) -> Result<Self, ScopeError> {
        if self.is_empty() { Err(ScopeError::Empty) } else { Ok(self) }
    }

    fn add(&mut self, cfn_type: CfnType) {
        if !cfn_type.is_readable() {
            self.leave_out(cfn_type.name(), Unreadable::NoReadHandler);
        } else if cfn_type.read_actions().is_empty() {
            self.leave_out(cfn_type.name(), Unreadable::NothingPublished);
        } else {
            self.named.insert(cfn_type);
        }
    }

    fn leave_out(&mut self, name: &str, reason: Unreadable) {
        self.unreadable.insert(shortened(name), reason);
    }

    /// Whether the name is known.
    fn add_named(&mut self, name: &str) -> bool {
        if let Some(cfn_type) = CfnType::find(name) {
            self.add(cfn_type);
            return true;
        }
        if let Some(service) = name.strip_suffix('*').filter(|service| service.ends_with("::") && service.len() > 5) {
            let of_service: Vec<CfnType> = CfnType::all().filter(|known| known.name().starts_with(service)).collect();
            for cfn_type in &of_service {
                self.add(*cfn_type);
            }
            return !of_service.is_empty();
        }
        let is_terraform = terraform_type(name).is_some();
        if is_terraform {
            self.add_declared(name);
        }
        is_terraform
    }

    fn add_declared(&mut self, name: &str) {
        match terraform_type(name) {
            Some(known) => match known.cfn_type {
                Some(cfn_type) if known.is_read => self.add(cfn_type),
                Some(cfn_type) if !cfn_type.is_readable() => self.leave_out(name, Unreadable::NoReadHandler),
                _ => self.leave_out(name, Unreadable::NotLookedFor),
            },
            None => self.leave_out(name, Unreadable::Unknown),
        }
    }
}

/// A list as people write it: separated by commas or white space, `#` begins a comment.
impl FromStr for TypesInScope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        Self::of_list(lines.flat_map(|line| line.split([',', ' ', '\t', '\r'])).filter(|name| !name.is_empty()))
    }
}

/// What of a state is read.
#[derive(Deserialize)]
struct State {
    version: Option<u64>,
    resources: Option<Vec<Declared>>,
    values: Option<Values>,
    encrypted_data: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Values {
    #[serde(default)]
    root_module: Module,
}

#[derive(Deserialize, Default)]
struct Module {
    #[serde(default)]
    resources: Vec<Declared>,
    #[serde(default)]
    child_modules: Vec<Module>,
}

#[derive(Deserialize)]
struct Declared {
    #[serde(default)]
    mode: String,
    #[serde(rename = "type")]
    terraform_type: String,
}

impl Module {
    /// Recursion ends where `serde_json`'s own does.
    fn collect(self, into: &mut Vec<Declared>) {
        into.extend(self.resources);
        self.child_modules.into_iter().for_each(|module| module.collect(into));
    }
}

fn parse<T: for<'de> Deserialize<'de>>(what: &'static str, from: impl Read) -> Result<T, ScopeError> {
    serde_json::from_reader(std::io::BufReader::new(from)).map_err(|error| {
        // The message of a wrong value would quote it, and a state holds secrets.
        let cause = match error.classify() {
            serde_json::error::Category::Io => format!("it can't be read: {error}"),
            serde_json::error::Category::Syntax => {
                format!("no JSON at line {} column {}", error.line(), error.column())
            }
            serde_json::error::Category::Eof => format!("it breaks off at line {}", error.line()),
            serde_json::error::Category::Data => {
                format!("an unexpected value or a missing member at line {} column {}", error.line(), error.column())
            }
        };
        ScopeError::Document { what, cause }
    })
}

/// At most as long as a type's name may be.
fn shortened(name: &str) -> String {
    const NAME_MAX: usize = 200;
    name.chars().take(NAME_MAX).collect()
}

/// The known type whose name differs in case or in a letter or two.
fn suggestion(name: &str) -> Option<&'static str> {
    if name.len() > 80 {
        return None;
    }
    let wanted = name.to_ascii_lowercase();
    let nearest = CfnType::all().map(|known| (distance(&known.name().to_ascii_lowercase(), &wanted), known.name()));
    nearest.filter(|(distance, _)| *distance <= 3).min().map(|(_, name)| name)
}

/// How many letters must be put in, taken out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other = other.as_bytes();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (place, other) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(scope: &TypesInScope) -> Vec<&'static str> {
        scope.named.iter().map(|cfn_type| cfn_type.name()).collect()
    }

    #[test]
    fn a_list_takes_types_services_and_terraform_types_and_comments() {
        let scope: TypesInScope =
            "AWS::SQS::Queue, aws_dynamodb_table\n# a comment\nAWS::OpsWorksCM::*\tawscc_kms_key".parse().unwrap();
        assert_eq!(
            names(&scope),
            ["AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SQS::Queue"],
            "AWS::OpsWorksCM::Server has no read handler"
        );
        assert_eq!(scope.unreadable().collect::<Vec<_>>(), [("AWS::OpsWorksCM::Server", Unreadable::NoReadHandler)]);
        let grants: TypesInScope = "aws_iam_role_policy_attachment AWS::Route53::RecordSet".parse().unwrap();
        assert_eq!(
            grants.unreadable().collect::<Vec<_>>(),
            [
                ("AWS::Route53::RecordSet", Unreadable::NoReadHandler),
                ("aws_iam_role_policy_attachment", Unreadable::NotLookedFor)
            ]
        );
    }

    #[test]
    fn every_wrong_name_is_told_with_what_may_be_meant() {
        let error = "AWS::SQS::Queues,aws::sqs::queue,AWS::Nope::*,*,AWS::*".parse::<TypesInScope>().unwrap_err();
        let words = error.to_string();
        assert!(words.contains(r#""AWS::SQS::Queues" (do you mean AWS::SQS::Queue?)"#), "{words}");
        assert!(words.contains(r#""aws::sqs::queue" (do you mean AWS::SQS::Queue?)"#), "{words}");
        assert!(words.contains(r#""AWS::Nope::*", "*", "AWS::*""#), "{words}");
        assert_eq!(" # none\n".parse::<TypesInScope>(), Err(ScopeError::Empty));
        let hostile = "<script>alert(1)</script>\u{1b}[31m".parse::<TypesInScope>().unwrap_err().to_string();
        assert!(!hostile.contains('\u{1b}'), "{hostile}");
    }

    #[test]
    fn a_state_gives_the_types_of_its_managed_resources_only() {
        let state = json!({"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "l", "outputs": {},
        "resources": [
            {"mode": "managed", "type": "aws_sqs_queue", "name": "q", "instances": [{"attributes": {"type": "x"}}]},
            {"mode": "data", "type": "aws_dynamodb_table", "name": "t", "instances": []},
            {"mode": "managed", "type": "random_id", "name": "r", "instances": []},
            {"mode": "managed", "type": "aws_iam_role_policy_attachment", "name": "a", "instances": []},
            {"mode": "managed", "type": "aws_from_the_future", "name": "f", "instances": []},
        ]});
        let scope = TypesInScope::of_state(state.to_string().as_bytes()).unwrap();
        assert_eq!(names(&scope), ["AWS::SQS::Queue"]);
        assert_eq!(
            scope.unreadable().collect::<Vec<_>>(),
            [
                ("aws_from_the_future", Unreadable::Unknown),
                ("aws_iam_role_policy_attachment", Unreadable::NotLookedFor)
            ]
        );
    }

    #[test]
    fn terraform_show_gives_the_types_of_every_module() {
        let shown = json!({"format_version": "1.0", "values": {"root_module": {
            "resources": [{"mode": "managed", "type": "aws_sqs_queue", "values": {}}],
            "child_modules": [{"child_modules": [{"resources": [{"mode": "managed", "type": "aws_sns_topic"}]}]}]}}});
        let scope = TypesInScope::of_state(shown.to_string().as_bytes()).unwrap();
        assert_eq!(names(&scope), ["AWS::SNS::Topic", "AWS::SQS::Queue"]);
    }

    #[test]
    fn what_is_no_state_is_refused_without_showing_what_it_holds() {
        for (text, part) in [
            (r#"{"version": 3, "modules": []}"#, "version 3"),
            (r#"{"version": 4, "resources": []}"#, "no resource type is in scope"),
            (r#"{"serial": 1}"#, "neither a version"),
            (r#"{"encrypted_data": "hunter2", "encryption_version": "v0"}"#, "encrypted"),
            (r#"{"version": 4, "resources": [{"mode": "managed", "type": "aws_x"#, "breaks off"),
            (r#"{"version": 4, "resources": "hunter2"}"#, "line 1"),
            ("hunter2", "no JSON at line 1"),
            ("", "breaks off"),
        ] {
            let error = TypesInScope::of_state(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("hunter2"), "{text}: {error}");
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(TypesInScope::of_state(deep.as_bytes()).is_err());
    }

    #[test]
    fn what_every_scan_reads_is_in_scope_without_being_named() {
        let scope = TypesInScope::of_list(["AWS::SQS::Queue"]).unwrap();
        let types = scope.types();
        assert_eq!(types.len(), 1 + EVERY_SCAN.len(), "{types:?}");
        assert!(
            types.iter().filter(|cfn_type| scope.is_named(**cfn_type)).eq([&CfnType::find("AWS::SQS::Queue").unwrap()])
        );
    }
}
