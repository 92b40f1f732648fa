//! The account under construction: what lives in it, what each state declares, and who may do what.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::twin::{Place, Twin, object};
use crate::sandbox::{
    iam::IamState,
    inventory::{GLOBAL, LiveResource},
};

/// The states of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Networks, DNS, keys and the audit trail.
    Network,
    /// The services of the shop, in production.
    App,
}

impl State {
    /// Its key in the bucket.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Network => "network/terraform.tfstate",
            Self::App => "env:/prod/app/terraform.tfstate",
        }
    }

    /// `s3://bucket/key`.
    pub fn uri(self) -> String {
        format!("s3://{}/{}", super::STATE_BUCKET, self.key())
    }
}

/// Which instance of a resource with `count` or `for_each`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// There is one only.
    None,
    /// `[0]`.
    Count(usize),
    /// `["api"]`.
    Each(String),
}

/// What a state says of an object's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It is current.
    Current,
    /// It is to be replaced.
    Tainted,
    /// It was replaced and is left over.
    Deposed(&'static str),
}

/// One instance in a state.
#[derive(Debug, Clone)]
pub(super) struct Declaration {
    pub(super) state: State,
    /// `module.vpc["eu"]`; empty for the root module.
    pub(super) module: String,
    pub(super) is_data: bool,
    pub(super) terraform_type: String,
    pub(super) name: String,
    pub(super) key: Key,
    pub(super) life: Life,
    /// `provider["registry.terraform.io/hashicorp/aws"]`, with its alias.
    pub(super) provider: String,
    pub(super) attributes: Map<String, Value>,
    /// Attributes that the state marks as sensitive besides those of the type.
    pub(super) sensitive: Vec<String>,
}

impl Declaration {
    /// The address in its state.
    pub(super) fn address(&self) -> String {
        let module = if self.module.is_empty() { String::new() } else { format!("{}.", self.module) };
        let data = if self.is_data { "data." } else { "" };
        let key = match &self.key {
            Key::None => String::new(),
            Key::Count(index) => format!("[{index}]"),
            Key::Each(key) => format!("[\"{key}\"]"),
        };
        format!("{module}{data}{}.{}{key}", self.terraform_type, self.name)
    }
}

/// A scope to declare in: a state and a module.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) state: State,
    pub(super) module: String,
    pub(super) provider: &'static str,
}

impl Scope {
    /// The root module of a state.
    pub(super) fn root(state: State) -> Self {
        Self { state, module: String::new(), provider: AWS }
    }

    /// A module of a state, with the provider's alias for its region.
    pub(super) fn module(state: State, module: impl Into<String>, region: &str) -> Self {
        let provider = match region {
            "us-east-1" => AWS_US,
            "ap-southeast-2" => AWS_AP,
            _ => AWS,
        };
        Self { state, module: module.into(), provider }
    }
}

const AWS: &str = r#"provider["registry.terraform.io/hashicorp/aws"]"#;
const AWS_US: &str = r#"provider["registry.terraform.io/hashicorp/aws"].us_east_1"#;
const AWS_AP: &str = r#"provider["registry.terraform.io/hashicorp/aws"].ap_southeast_2"#;

/// The account under construction.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) now: OffsetDateTime,
    pub(super) live: Vec<LiveResource>,
    pub(super) declared: Vec<Declaration>,
    pub(super) iam: IamState,
}

impl Plan {
    pub(super) fn new(now: OffsetDateTime) -> Self {
        Self { now, live: Vec::new(), declared: Vec::new(), iam: IamState::default() }
    }

    /// A place whose resources Resource Explorer saw `age_minutes` ago.
    pub(super) fn place(&self, region: &'static str, default_tags: &'static [(&'static str, &'static str)]) -> Place {
        const AGE: time::Duration = time::Duration::minutes(23);
        Place { region, reported: self.now - AGE, default_tags }
    }

    /// Adds a resource that exists and is declared, and gives it back for others to refer to.
    pub(super) fn add(&mut self, scope: &Scope, name: &str, key: Key, twin: Twin) -> Twin {
        self.declare(scope, name, key, &twin);
        self.exist(twin.live.clone());
        twin
    }

    /// Adds a resource that exists.
    pub(super) fn exist(&mut self, live: LiveResource) {
        self.live.push(live);
    }

    /// Declares a resource.
    pub(super) fn declare(&mut self, scope: &Scope, name: &str, key: Key, twin: &Twin) -> &mut Declaration {
        self.declare_attributes(scope, twin.terraform_type, name, key, twin.attributes.clone())
    }

    /// Declares something that has no live side of its own.
    pub(super) fn declare_only(
        &mut self,
        scope: &Scope,
        kind: &str,
        name: &str,
        key: Key,
        attributes: Value,
    ) -> &mut Declaration {
        self.declare_attributes(scope, kind, name, key, object(attributes))
    }

    fn declare_attributes(
        &mut self,
        scope: &Scope,
        kind: &str,
        name: &str,
        key: Key,
        attributes: Map<String, Value>,
    ) -> &mut Declaration {
        let declaration = Declaration {
            state: scope.state,
            module: scope.module.clone(),
            is_data: false,
            terraform_type: kind.to_owned(),
            name: name.to_owned(),
            key,
            life: Life::Current,
            provider: scope.provider.to_owned(),
            attributes,
            sensitive: Vec::new(),
        };
        let place = self.declared.len();
        self.declared.push(declaration);
        &mut self.declared[place]
    }

    /// A declaration by its address.
    pub(super) fn find(&self, state: State, address: &str) -> Option<&Declaration> {
        self.declared.iter().find(|declaration| declaration.state == state && declaration.address() == address)
    }

    /// The live side of a declaration, by its ARN.
    pub(super) fn live_mut(&mut self, arn: &str) -> Option<&mut LiveResource> {
        self.live.iter_mut().find(|live| live.arn == arn)
    }

    /// All regions that resources are in, without the global one.
    pub(super) fn regions(&self) -> std::collections::BTreeSet<String> {
        self.live.iter().map(|live| live.region.clone()).filter(|region| region != GLOBAL).collect()
    }
}
