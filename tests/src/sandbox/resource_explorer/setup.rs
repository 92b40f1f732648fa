//! The reads of indexes and views.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Input, invalid, page, stamp};
use crate::sandbox::{
    Answer, AwsError, Call, World,
    auth::Context,
    inventory::{Index, IndexKind, Inventory, View},
};

/// The region's default view; an empty answer when it has none.
pub(super) fn default_view(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    allow(world, call, "*")?;
    let arn = read(world, call, |inventory| inventory.default_views.get(&call.caller.region).cloned())?;
    Ok(Answer::rest_json(&arn.map_or_else(|| json!({}), |arn| json!({ "ViewArn": arn }))))
}

/// One view. What the caller may not see is not there: 401, as for `Search`.
pub(super) fn view(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    let input = Input::parse(call)?;
    let arn = input.view_arn.ok_or_else(|| invalid("ViewArn is missing."))?;
    let unauthorized = || AwsError::new(401, "UnauthorizedException", "Unauthorized");
    allow(world, call, &arn).map_err(|_| unauthorized())?;
    let view = read(world, call, |inventory| inventory.views.get(&arn).cloned())?
        .filter(|view| view.region == call.caller.region)
        .ok_or_else(unauthorized)?;
    Ok(Answer::rest_json(&json!({ "View": describe_view(&view), "Tags": {} })))
}

/// The ARNs of the region's views.
pub(super) fn views(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    const MOST: usize = 50;
    allow(world, call, "*")?;
    let input = Input::parse(call)?;
    let all: Vec<Value> = read(world, call, |inventory| {
        let here = inventory.views.values().filter(|view| view.region == call.caller.region);
        here.map(|view| Value::from(view.arn.as_str())).collect()
    })?;
    paged(world, call, &input, input.page_size(MOST)?, "Views", all)
}

/// The region's index.
pub(super) fn index(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    allow(world, call, "*")?;
    let region = &call.caller.region;
    let found = read(world, call, |inventory| {
        let others: Vec<String> = inventory.indexes.keys().filter(|other| *other != region).cloned().collect();
        let aggregator = inventory.aggregator_region().map(str::to_owned);
        inventory.indexes.get(region).cloned().map(|index| (index, others, aggregator))
    })?;
    let Some((index, others, aggregator)) = found else {
        return Err(AwsError::new(
            404,
            "ResourceNotFoundException",
            "Resource not found. Index does not exist in this Region.",
        ));
    };
    let mut answer = json!({
        "Arn": index.arn, "Type": index.kind.as_str(), "State": index.state.as_str(),
        "CreatedAt": stamp(index.created_at), "LastUpdatedAt": stamp(index.created_at), "Tags": {},
    });
    match (index.kind, aggregator) {
        (IndexKind::Aggregator, _) => answer["ReplicatingFrom"] = json!(others),
        (IndexKind::Local, Some(aggregator)) => answer["ReplicatingTo"] = json!([aggregator]),
        (IndexKind::Local, None) => {}
    }
    Ok(Answer::rest_json(&answer))
}

/// The indexes of all regions.
pub(super) fn indexes(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    const MOST: usize = 100;
    allow(world, call, "*")?;
    let input = Input::parse(call)?;
    let wanted = |index: &&Index| {
        input.regions.as_ref().is_none_or(|regions| regions.contains(&index.region))
            && input.r#type.as_ref().is_none_or(|kind| kind == index.kind.as_str())
    };
    let all: Vec<Value> = read(world, call, |inventory| {
        let matching = inventory.indexes.values().filter(wanted);
        matching.map(|index| json!({ "Arn": index.arn, "Region": index.region, "Type": index.kind.as_str() })).collect()
    })?;
    paged(world, call, &input, input.page_size(MOST)?, "Indexes", all)
}

fn paged(
    world: &World,
    call: &Call,
    input: &Input,
    size: usize,
    member: &str,
    all: Vec<Value>,
) -> Result<Answer, AwsError> {
    let request = [call.operation.as_str(), call.caller.region.as_str()];
    let start = page::offset(input.next_token.as_deref(), &request, world.now())?;
    let total = all.len();
    let page: Vec<Value> = all.into_iter().skip(start).take(size).collect();
    let end = start + page.len();
    let mut answer = json!({ member: page });
    if end < total {
        answer["NextToken"] = page::token(end, &request, world.now()).into();
    }
    Ok(Answer::rest_json(&answer))
}

fn allow(world: &World, call: &Call, resource: &str) -> Result<(), AwsError> {
    world.authorize(&call.caller, &format!("resource-explorer-2:{}", call.operation), resource, Context::new())
}

fn read<T>(world: &World, call: &Call, read: impl FnOnce(&Inventory) -> T) -> Result<T, AwsError> {
    world
        .account(&call.caller.account_id, |account| read(&account.inventory))
        .ok_or_else(|| AwsError::new(500, "InternalServerException", "the caller's account is gone"))
}

fn describe_view(view: &View) -> Value {
    let included: Vec<Value> = view.has_tags.then(|| json!({ "Name": "tags" })).into_iter().collect();
    json!({
        "ViewArn": view.arn, "ViewName": view.name, "Owner": view.account_id, "LastUpdatedAt": stamp(view.last_updated_at),
        "Scope": format!("arn:aws:iam::{}:root", view.account_id), "IncludedProperties": included,
        "Filters": { "FilterString": view.filter },
    })
}
