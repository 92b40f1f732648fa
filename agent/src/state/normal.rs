//! From an object of any state format to the contract's normal form.

use driftwise_contract::resource::{DeclaredResource, DeclaredStatus, StateRef};
use driftwise_contract::{AccountId, Arn};
use serde_json::{Map, Value};

use super::accounts::Accounts;
use super::address::address;
use super::provider::Provider;
use super::redact::redact;
use super::{SkipReason, Skipped, State, edges};
use crate::registry;

/// An object of a state, as its format tells it.
pub(super) struct Object {
    pub(super) module: String,
    pub(super) data_source: bool,
    pub(super) terraform_type: String,
    pub(super) name: String,
    pub(super) provider: Provider,
    pub(super) key: Option<Value>,
    pub(super) life: Life,
    pub(super) attributes: Map<String, Value>,
    /// The state's own marks: paths of sensitive values.
    pub(super) sensitive: Vec<Value>,
}

/// What the state says of the object's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Life {
    Current,
    Tainted,
    /// With the key that tells it from others at the same address.
    Deposed(String),
}

impl Object {
    fn address(&self) -> String {
        let mut address = address(&self.module, self.data_source, &self.terraform_type, &self.name, self.key.as_ref());
        if let Life::Deposed(key) = &self.life {
            address.push_str(" (deposed object ");
            address.push_str(key);
            address.push(')');
        }
        address
    }
}

/// Collects objects; knows the whole state at the end.
pub(super) struct Collector {
    state: State,
    accounts: Accounts,
}

impl Collector {
    pub(super) fn new(source: StateRef) -> Self {
        let state = State {
            source,
            format_version: 0,
            terraform_version: String::new(),
            serial: 0,
            lineage: String::new(),
            resources: Vec::new(),
            edges: Vec::new(),
            observed_edges: Vec::new(),
            skipped: Vec::new(),
        };
        Self { state, accounts: Accounts::default() }
    }

    /// The state so far, for the members beside its resources.
    pub(super) fn state(&mut self) -> &mut State {
        &mut self.state
    }

    /// Notes a resource without an object.
    pub(super) fn skip(&mut self, address: String, terraform_type: String, reason: SkipReason) {
        self.state.skipped.push(Skipped { address, terraform_type, reason });
    }

    pub(super) fn add(&mut self, mut object: Object) {
        let address = object.address();
        if object.data_source {
            let told = object.attributes.get("account_id").filter(|_| object.terraform_type == "aws_caller_identity");
            if let Some(account_id) = told.and_then(Value::as_str).and_then(|account| account.parse().ok()) {
                self.accounts.note_account(&object.provider.configuration, &account_id);
            }
            return self.skip(address, object.terraform_type, SkipReason::DataSource);
        }
        if !object.provider.is_aws(&object.terraform_type) {
            return self.skip(address, object.terraform_type, SkipReason::OtherProvider);
        }
        redact(&mut object.attributes, &object.terraform_type, &object.sensitive);
        let Object { terraform_type, provider, life, attributes, .. } = object;
        let text = |name: &str| attributes.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let id = text("id").map(ToOwned::to_owned);
        let arn: Option<Arn> =
            text("arn").and_then(|arn| arn.parse().ok()).or_else(|| arn_by_id(&terraform_type, text("id")));
        let own_attributes = registry::terraform_type(&terraform_type);
        let account_id = own_attributes
            .into_iter()
            .flat_map(|known| &known.account_attributes)
            // The attribute may hold words ("Route 53 Resolver"): then the ARN tells.
            .find_map(|name| text(name)?.parse().ok())
            .or_else(|| arn.as_ref()?.account().parse().ok())
            .or_else(|| account_of_attachment(&terraform_type, &attributes));
        let region = text("region").or_else(|| arn.as_ref().map(Arn::region)).filter(|region| !region.is_empty());
        let resource = DeclaredResource {
            address,
            provider: provider.source,
            status: match life {
                Life::Current => DeclaredStatus::Current,
                Life::Tainted => DeclaredStatus::Tainted,
                Life::Deposed(_) => DeclaredStatus::Deposed,
            },
            region: region.map(ToOwned::to_owned),
            id,
            arn,
            account_id,
            terraform_type,
            attributes,
            source: self.state.source.clone(),
        };
        self.accounts.note(&provider.configuration, &resource);
        self.state.resources.push(resource);
    }

    pub(super) fn finish(self) -> State {
        let Self { mut state, accounts } = self;
        accounts.complete(&mut state.resources);
        edges::declare(&mut state);
        state
    }
}

/// The account of an IAM attachment: IAM attaches a customer's policy within its own account only. AWS's policies name
/// none. Old states hold the ARN of the principal in place of its name.
fn account_of_attachment(terraform_type: &str, attributes: &Map<String, Value>) -> Option<AccountId> {
    let rest = terraform_type.strip_prefix("aws_iam_")?;
    if !rest.contains("policy_attachment") {
        return None;
    }
    let named = ["policy_arn", "role", "user", "group"].into_iter().filter_map(|name| attributes.get(name));
    let listed = attributes.get("policy_arns").and_then(Value::as_array).into_iter().flatten();
    let account = |value: &Value| value.as_str()?.parse::<Arn>().ok()?.account().parse().ok();
    named.chain(listed).find_map(account)
}

/// Types of old provider versions, and of `awscc`, whose `id` is their ARN and that have no `arn` attribute. Another
/// type's id may be its parent's ARN: only types with an ARN of their own count.
fn arn_by_id(terraform_type: &str, id: Option<&str>) -> Option<Arn> {
    let own = match registry::terraform_type(terraform_type) {
        Some(known) => known.arn != registry::ArnAttribute::None,
        None => terraform_type.starts_with("awscc_"),
    };
    if own { id?.parse().ok() } else { None }
}
