//! What one call may look through: a view, or immediate discovery without any.

use serde_json::Value;

use super::{describe, indexed, invalid, query::Query};
use crate::sandbox::{
    AwsError, Call, World,
    auth::Context,
    inventory::{Coverage, GLOBAL, IndexKind, View},
};

/// The region whose local index also holds what is global.
const HOME_OF_GLOBAL: &str = "us-east-1";

/// What a call sees.
#[derive(Debug)]
pub(super) struct Window {
    account_id: String,
    /// The region that it is limited to; `None` for all.
    region: Option<String>,
    view: Option<View>,
    is_partial: bool,
}

impl Window {
    /// The view that a call names, or its region's default view. No view, another region's, another account's or one without
    /// permission are all the same 401 (boto3 #4430: even for an administrator).
    pub(super) fn open(world: &World, call: &Call, view_arn: Option<&str>) -> Result<Self, AwsError> {
        let caller = &call.caller;
        let found = world.account(&caller.account_id, |account| {
            let inventory = &account.inventory;
            let default = inventory.default_views.get(&caller.region).map(String::as_str);
            let view = view_arn.or(default).and_then(|arn| inventory.views.get(arn)).cloned();
            let kind = inventory.indexes.get(&caller.region).map(|index| index.kind);
            (view, kind, inventory.coverage)
        });
        let (view, kind, coverage) = found.ok_or_else(unauthorized)?;
        let is_partial = coverage == Coverage::Partial;
        let Some(view) = view else {
            if !is_partial || view_arn.is_some() {
                return Err(unauthorized());
            }
            world.authorize(caller, "resource-explorer-2:Search", "*", Context::new()).map_err(|_| unauthorized())?;
            return Ok(Self {
                account_id: caller.account_id.clone(),
                region: Some(caller.region.clone()),
                view: None,
                is_partial,
            });
        };
        if view.region != caller.region || view.account_id != caller.account_id {
            return Err(unauthorized());
        }
        for action in ["resource-explorer-2:Search", "resource-explorer-2:GetView"] {
            world.authorize(caller, action, &view.arn, Context::new()).map_err(|_| unauthorized())?;
        }
        let region = match kind {
            Some(IndexKind::Aggregator) => None,
            Some(IndexKind::Local) => Some(view.region.clone()),
            None => return Err(unauthorized()),
        };
        Ok(Self { account_id: caller.account_id.clone(), region, view: Some(view), is_partial })
    }

    /// The view's ARN.
    pub(super) fn name(&self) -> &str {
        self.view.as_ref().map_or("", |view| view.arn.as_str())
    }

    /// Refuses what the view can't answer.
    pub(super) fn check(&self, query: Query) -> Result<Query, AwsError> {
        if query.needs_tags() && !self.has_tags() {
            return Err(invalid("The query uses a tag filter, but the view does not include tags."));
        }
        Ok(query)
    }

    /// At most `size` resources from `start`, of the first `cap`; and whether there are more.
    pub(super) fn read(
        &self,
        world: &World,
        query: &Query,
        start: usize,
        size: usize,
        cap: usize,
    ) -> (Vec<Value>, bool) {
        let has_tags = self.has_tags();
        self.through(world, query, |matching| {
            let mut rest = matching.take(cap).skip(start);
            let page =
                rest.by_ref().take(size).map(|resource| describe(resource, &self.account_id, has_tags)).collect();
            (page, rest.next().is_some())
        })
        .unwrap_or_default()
    }

    /// How many resources answer a query.
    pub(super) fn count(&self, world: &World, query: &Query) -> usize {
        self.through(world, query, |matching| matching.fold(0, |count, _| count + 1)).unwrap_or_default()
    }

    fn through<T>(
        &self,
        world: &World,
        query: &Query,
        read: impl FnOnce(&mut dyn Iterator<Item = &crate::sandbox::inventory::LiveResource>) -> T,
    ) -> Option<T> {
        let standing = self.view.as_ref().and_then(|view| Query::parse(&view.filter, false).ok()).unwrap_or_default();
        indexed(world, &self.account_id, |all| {
            let mut matching = all.filter(|resource| {
                self.region.as_ref().is_none_or(|region| {
                    resource.region == *region || (resource.region == GLOBAL && region == HOME_OF_GLOBAL)
                }) && (!self.is_partial || !resource.tags.is_empty())
                    && standing.matches(resource, &self.account_id)
                    && query.matches(resource, &self.account_id)
            });
            read(&mut matching)
        })
    }

    fn has_tags(&self) -> bool {
        self.view.as_ref().is_none_or(|view| view.has_tags)
    }
}

fn unauthorized() -> AwsError {
    AwsError::new(401, "UnauthorizedException", "Unauthorized")
}
