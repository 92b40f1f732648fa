//! How Resource Explorer is set up: indexes, views, and how much they show.

use time::OffsetDateTime;
use uuid::Uuid;

use super::Inventory;

/// Whether an index sees its own region or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    /// Its own region.
    Local,
    /// All regions; at most one per account.
    Aggregator,
}

/// How far an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexState {
    /// Being made.
    Creating,
    /// Changing its kind; replication is not complete.
    Updating,
    /// Complete.
    Active,
}

impl IndexKind {
    /// The word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "LOCAL",
            Self::Aggregator => "AGGREGATOR",
        }
    }
}

impl IndexState {
    /// The word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Updating => "UPDATING",
            Self::Active => "ACTIVE",
        }
    }
}

/// The index of one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its ARN.
    pub arn: String,
    /// Its region.
    pub region: String,
    /// Local or aggregator.
    pub kind: IndexKind,
    /// Its state.
    pub state: IndexState,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// A view: a standing filter over an index, and a permission to hand out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The region that it is in.
    pub region: String,
    /// The account that it is in.
    pub account_id: String,
    /// Whether it shows tags.
    pub has_tags: bool,
    /// Its filter, in the query language; empty for none.
    pub filter: String,
    /// When it was last changed.
    pub last_updated_at: OffsetDateTime,
}

/// How much of an account Resource Explorer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Coverage {
    /// All that its indexes hold.
    #[default]
    Complete,
    /// Immediate discovery without the service-linked role: searching works without any index or view, and shows tagged
    /// resources only. The answer does not say so.
    Partial,
}

impl Inventory {
    /// Makes an index in a region.
    pub fn create_index(&mut self, account_id: &str, region: &str, kind: IndexKind, now: OffsetDateTime) {
        let id = stable_id(&format!("index/{account_id}/{region}"));
        let index = Index {
            arn: format!("arn:aws:resource-explorer-2:{region}:{account_id}:index/{id}"),
            region: region.to_owned(),
            kind,
            state: IndexState::Active,
            created_at: now,
        };
        self.indexes.insert(region.to_owned(), index);
    }

    /// Makes a view in a region and returns its ARN. It is not the default view by that.
    pub fn create_view(
        &mut self,
        account_id: &str,
        region: &str,
        name: &str,
        has_tags: bool,
        now: OffsetDateTime,
    ) -> String {
        let id = stable_id(&format!("view/{account_id}/{region}/{name}"));
        let arn = format!("arn:aws:resource-explorer-2:{region}:{account_id}:view/{name}/{id}");
        let view = View {
            arn: arn.clone(),
            name: name.to_owned(),
            region: region.to_owned(),
            account_id: account_id.to_owned(),
            has_tags,
            filter: String::new(),
            last_updated_at: now,
        };
        self.views.insert(arn.clone(), view);
        arn
    }
}

/// The same UUID for the same text, so that a seeded account looks the same each time.
fn stable_id(text: &str) -> Uuid {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(text);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
