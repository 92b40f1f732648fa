//! Accounts and regions of resources that do not name them: all resources of one provider configuration live in the
//! account and region that its others name, if those agree. Where nothing of a configuration names an account, the one
//! that the whole state agrees on counts.

use std::collections::HashMap;

use driftwise_contract::resource::DeclaredResource;
use driftwise_contract::{AccountId, Arn};

/// What is known of each provider configuration of a state.
#[derive(Default)]
pub(super) struct Accounts {
    configurations: HashMap<String, usize>,
    known: Vec<Known>,
    whole_state: Agreed<AccountId>,
    /// The configuration of each resource, in the order of the state.
    of_resource: Vec<usize>,
}

#[derive(Default)]
struct Known {
    account: Agreed<AccountId>,
    region: Agreed<String>,
}

/// A value that all who name one agree on.
#[derive(Default)]
enum Agreed<T> {
    #[default]
    Unknown,
    One(T),
    Several,
}

impl<T: PartialEq + Clone> Agreed<T> {
    fn note(&mut self, value: &T) {
        match self {
            Self::Unknown => *self = Self::One(value.clone()),
            Self::One(known) if known != value => *self = Self::Several,
            _ => {}
        }
    }

    fn one(&self) -> Option<&T> {
        match self {
            Self::One(value) => Some(value),
            _ => None,
        }
    }
}

impl Accounts {
    /// Notes a resource; call once for each, in order.
    pub(super) fn note(&mut self, configuration: &str, resource: &DeclaredResource) {
        let index = self.index(configuration);
        self.of_resource.push(index);
        if let Some(account_id) = &resource.account_id {
            self.note_account(configuration, account_id);
        }
        if let Some(region) = &resource.region {
            self.known[index].region.note(region);
        }
    }

    /// Notes the account of a configuration, told by something that is no declaration.
    pub(super) fn note_account(&mut self, configuration: &str, account_id: &AccountId) {
        let index = self.index(configuration);
        self.known[index].account.note(account_id);
        self.whole_state.note(account_id);
    }

    fn index(&mut self, configuration: &str) -> usize {
        self.configurations.get(configuration).copied().unwrap_or_else(|| {
            self.known.push(Known::default());
            self.configurations.insert(configuration.to_owned(), self.known.len() - 1);
            self.known.len() - 1
        })
    }

    /// Fills in what is missing.
    pub(super) fn complete(&self, resources: &mut [DeclaredResource]) {
        for (resource, index) in resources.iter_mut().zip(&self.of_resource) {
            let known = &self.known[*index];
            if resource.account_id.is_none() {
                resource.account_id = match &known.account {
                    Agreed::Unknown => self.whole_state.one().cloned(),
                    of_configuration => of_configuration.one().cloned(),
                };
            }
            // An ARN without a region says that the resource is global, or (S3) that the ARN does not tell.
            if resource.region.is_none() && resource.arn.as_ref().is_none_or(|arn| Arn::service(arn) == "s3") {
                resource.region = known.region.one().cloned();
            }
        }
    }
}
