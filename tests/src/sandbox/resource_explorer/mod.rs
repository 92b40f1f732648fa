//! Resource Explorer 2 (REST-JSON): `ListResources` and `Search` over views, and the reads of indexes and views.
//!
//! What it refuses and what it hides is the point: no view or no permission on it is a 401, a local index knows its own region
//! only, `Search` ends at 1,000 results, `ListResources` takes filters only, pages may be short or empty.
//!
//! Lies that a test may plant ([`Fault::Lie`](crate::sandbox::Fault)): [`SHORT_PAGE`], [`EMPTY_PAGE`].

mod page;
mod query;
mod setup;
mod view;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use self::{query::Query, view::Window};
use super::{Answer, AwsError, Call, World, inventory, inventory::LiveResource};

/// The lie of a page with half of what it could hold, and a token for more.
pub const SHORT_PAGE: &str = "short_page";
/// The lie of a page with nothing, and a token for more.
pub const EMPTY_PAGE: &str = "empty_page";

/// "Search … returns only the first 1,000 results."
const SEARCH_CAP: usize = 1_000;
const DEFAULT_PAGE: usize = 100;

/// Answers one authenticated call.
#[expect(clippy::unused_async, reason = "every service has the same shape")]
pub async fn handle(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    match call.operation.as_str() {
        "ListResources" => list_resources(world, call),
        "Search" => search(world, call),
        "GetDefaultView" => setup::default_view(world, call),
        "GetView" => setup::view(world, call),
        "ListViews" => setup::views(world, call),
        "GetIndex" => setup::index(world, call),
        "ListIndexes" => setup::indexes(world, call),
        other => Err(AwsError::new(404, "UnknownOperationException", format!("the sandbox does not know {other}"))),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    filters: Option<Filters>,
    query_string: Option<String>,
    max_results: Option<i64>,
    view_arn: Option<String>,
    next_token: Option<String>,
    regions: Option<Vec<String>>,
    r#type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filters {
    filter_string: String,
}

impl Input {
    fn parse(call: &Call) -> Result<Self, AwsError> {
        if call.body.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(&call.body)
            .map_err(|_| invalid("The request body is not valid JSON for this operation."))
    }

    /// The page size, 1 to `most`.
    fn page_size(&self, most: usize) -> Result<usize, AwsError> {
        match self.max_results {
            None => Ok(DEFAULT_PAGE.min(most)),
            Some(size) => usize::try_from(size).ok().filter(|size| (1..=most).contains(size)).ok_or_else(|| {
                invalid(&format!(
                    "Value '{size}' at 'maxResults' failed to satisfy constraint: Member must be between 1 and {most}."
                ))
            }),
        }
    }
}

fn list_resources(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    const LONGEST: usize = 2_048;
    let input = Input::parse(call)?;
    let size = input.page_size(SEARCH_CAP)?;
    let text = input.filters.as_ref().map_or("", |filters| filters.filter_string.as_str());
    check_length("filters.filterString", text, LONGEST)?;
    let window = Window::open(world, call, input.view_arn.as_deref())?;
    let query = window.check(Query::parse(text, false)?)?;
    let request = [call.operation.as_str(), window.name(), text];
    let start = page::offset(input.next_token.as_deref(), &request, world.now())?;
    let size = told(world, call, size);
    let (resources, is_more) = window.read(world, &query, start, size, usize::MAX);
    let mut answer = json!({ "Resources": resources, "ViewArn": window.name() });
    if is_more {
        answer["NextToken"] = page::token(start + size, &request, world.now()).into();
    }
    Ok(Answer::rest_json(&answer))
}

fn search(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    const LONGEST: usize = 1_280;
    let input = Input::parse(call)?;
    let size = input.page_size(SEARCH_CAP)?;
    let text = input.query_string.as_deref().ok_or_else(|| invalid("QueryString is missing."))?;
    check_length("queryString", text, LONGEST)?;
    let window = Window::open(world, call, input.view_arn.as_deref())?;
    let query = window.check(Query::parse(text, true)?)?;
    let request = [call.operation.as_str(), window.name(), text];
    let start = page::offset(input.next_token.as_deref(), &request, world.now())?;
    let size = told(world, call, size);
    let (resources, is_more) = window.read(world, &query, start, size, SEARCH_CAP);
    let total = window.count(world, &query);
    let mut answer = json!({
        "Resources": resources, "ViewArn": window.name(),
        "Count": { "TotalResources": total.min(SEARCH_CAP), "Complete": total <= SEARCH_CAP },
    });
    if is_more {
        answer["NextToken"] = page::token(start + size, &request, world.now()).into();
    }
    Ok(Answer::rest_json(&answer))
}

/// The page size after planted lies.
fn told(world: &World, call: &Call, size: usize) -> usize {
    let lies = |lie| world.faults.lies(call.service.name(), &call.operation, &call.text(), lie);
    if lies(SHORT_PAGE) {
        size / 2
    } else if lies(EMPTY_PAGE) {
        0
    } else {
        size
    }
}

fn describe(resource: &LiveResource, account_id: &str, has_tags: bool) -> Value {
    let mut described = json!({
        "Arn": resource.arn, "OwningAccountId": account_id, "Region": resource.region, "Service": resource.service,
        "ResourceType": resource.resource_type, "LastReportedAt": stamp(resource.last_reported_at),
    });
    if let Some(cfn_type) = &resource.cfn_type {
        described["CfnResourceType"] = cfn_type.as_str().into();
    }
    if has_tags && !resource.tags.is_empty() {
        let tags: Vec<Value> = resource.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        let reported = stamp(resource.last_reported_at);
        described["Properties"] = json!([{ "Name": "tags", "LastReportedAt": reported, "Data": tags }]);
    }
    described
}

fn check_length(name: &str, text: &str, longest: usize) -> Result<(), AwsError> {
    if text.len() <= longest {
        return Ok(());
    }
    Err(invalid(&format!(
        "Value at '{name}' failed to satisfy constraint: Member must have length less than or equal to {longest}."
    )))
}

fn stamp(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

fn invalid(message: &str) -> AwsError {
    AwsError::bad_request("ValidationException", message)
}

/// A page of IAM's entities and the inventory's resources, as the index has them.
fn indexed<T>(
    world: &World,
    account_id: &str,
    read: impl FnOnce(&mut dyn Iterator<Item = &LiveResource>) -> T,
) -> Option<T> {
    let now = world.now();
    world.account(account_id, |account| {
        let entities = inventory::entities(account, now);
        let mut all = account.inventory.iter().chain(entities.iter()).filter(|resource| resource.is_indexed());
        read(&mut all)
    })
}
