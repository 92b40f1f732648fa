//! Resource Explorer 2: the index of everything.

use std::collections::BTreeMap;

use aws_sdk_resourceexplorer2::types::{IndexState, IndexType, View};
use aws_smithy_types::Document;
use aws_smithy_types::date_time::Format;

use super::{AwsFailure, AwsSession, FailureKind, Service};

/// The largest page that the API gives.
const PAGE_SIZE: i32 = 1000;

/// The index of one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Whether it holds every region's resources.
    pub aggregates: bool,
    /// Whether it is being built, updated or deleted: what it holds is not complete.
    pub settled: bool,
    /// AWS's word for its state.
    pub state: String,
}

/// A resource as the index shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndexedResource {
    /// Its ARN.
    pub arn: String,
    /// The account that owns it.
    pub owning_account: String,
    /// Its region, or `global`.
    pub region: String,
    /// `ec2`.
    pub service: String,
    /// `ec2:instance`.
    pub resource_type: String,
    /// `AWS::EC2::Instance`, where the API says it.
    pub cfn_type: Option<String>,
    /// RFC 3339.
    pub last_reported_at: Option<String>,
    /// Its tags; none where it has none or the view does not include them.
    pub tags: BTreeMap<String, String>,
}

/// One page of the index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndexPage {
    /// The resources; a page may be short or empty and still not be the last.
    pub resources: Vec<IndexedResource>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
}

/// What a scan asks the index.
pub trait ResourceIndex: Send + Sync {
    /// The index of the session's region; `NotFound` when there is none.
    fn index(&self) -> impl Future<Output = Result<Index, AwsFailure>> + Send;
    /// The region of the account's aggregator index, if there is one.
    fn aggregator_region(&self) -> impl Future<Output = Result<Option<String>, AwsFailure>> + Send;
    /// The ARN of the region's default view, if there is one.
    fn default_view(&self) -> impl Future<Output = Result<Option<String>, AwsFailure>> + Send;
    /// Whether the view shows tags.
    fn shows_tags(&self, view: &str) -> impl Future<Output = Result<bool, AwsFailure>> + Send;
    /// One page of the view.
    fn page(&self, view: &str, from: Option<String>) -> impl Future<Output = Result<IndexPage, AwsFailure>> + Send;
}

/// The real one.
#[derive(Debug)]
pub struct ResourceExplorer {
    client: aws_sdk_resourceexplorer2::Client,
    session: AwsSession,
    region: String,
}

impl ResourceExplorer {
    /// The index of a region.
    pub fn new(session: &AwsSession, region: &str) -> Self {
        let client = aws_sdk_resourceexplorer2::Client::new(&session.in_region(region));
        Self { client, session: session.clone(), region: region.to_owned() }
    }

    async fn admit(&self) {
        self.session.limiter.admit(Service::ResourceExplorer, &self.region).await;
    }
}

macro_rules! failure {
    ($operation:literal) => {
        |error| AwsFailure::of(Service::ResourceExplorer, $operation, &error)
    };
}

impl ResourceIndex for ResourceExplorer {
    async fn index(&self) -> Result<Index, AwsFailure> {
        self.admit().await;
        let answer = self.client.get_index().send().await.map_err(failure!("GetIndex"))?;
        let state = answer.state();
        if matches!(state, Some(IndexState::Deleted | IndexState::Deleting)) {
            return Err(AwsFailure {
                service: Service::ResourceExplorer,
                operation: "GetIndex",
                kind: FailureKind::NotFound,
                aws_code: String::new(),
                message: "the index is deleted".into(),
            });
        }
        Ok(Index {
            aggregates: matches!(answer.r#type(), Some(IndexType::Aggregator)),
            settled: matches!(state, Some(IndexState::Active) | None),
            state: state.map_or_else(String::new, |state| state.as_str().to_owned()),
        })
    }

    async fn aggregator_region(&self) -> Result<Option<String>, AwsFailure> {
        self.admit().await;
        let answer =
            self.client.list_indexes().r#type(IndexType::Aggregator).send().await.map_err(failure!("ListIndexes"))?;
        Ok(answer
            .indexes()
            .iter()
            .find(|index| matches!(index.r#type(), Some(IndexType::Aggregator)))
            .and_then(|index| index.region())
            .map(str::to_owned))
    }

    async fn default_view(&self) -> Result<Option<String>, AwsFailure> {
        self.admit().await;
        let answer = self.client.get_default_view().send().await.map_err(failure!("GetDefaultView"))?;
        Ok(answer.view_arn().filter(|arn| !arn.is_empty()).map(str::to_owned))
    }

    async fn shows_tags(&self, view: &str) -> Result<bool, AwsFailure> {
        self.admit().await;
        let answer = self.client.get_view().view_arn(view).send().await.map_err(failure!("GetView"))?;
        let properties = answer.view().map(View::included_properties).unwrap_or_default();
        Ok(properties.iter().any(|property| property.name() == "tags"))
    }

    async fn page(&self, view: &str, from: Option<String>) -> Result<IndexPage, AwsFailure> {
        self.admit().await;
        let answer = self
            .client
            .list_resources()
            .view_arn(view)
            .max_results(PAGE_SIZE)
            .set_next_token(from)
            .send()
            .await
            .map_err(failure!("ListResources"))?;
        let resources = answer.resources().iter().map(indexed).collect();
        Ok(IndexPage { resources, next: answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned) })
    }
}

fn indexed(resource: &aws_sdk_resourceexplorer2::types::Resource) -> IndexedResource {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    IndexedResource {
        arn: text(resource.arn()),
        owning_account: text(resource.owning_account_id()),
        region: text(resource.region()),
        service: text(resource.service()),
        resource_type: text(resource.resource_type()),
        cfn_type: resource.cfn_resource_type().filter(|name| !name.is_empty()).map(str::to_owned),
        last_reported_at: resource.last_reported_at().and_then(|moment| moment.fmt(Format::DateTime).ok()),
        tags: resource
            .properties()
            .iter()
            .filter(|property| property.name() == Some("tags"))
            .filter_map(|property| property.data())
            .flat_map(tags)
            .collect(),
    }
}

/// The tags property: a list of `{"Key": …, "Value": …}`.
fn tags(data: &Document) -> Vec<(String, String)> {
    let member = |pair: &Document, name: &str| match pair {
        Document::Object(members) => match members.get(name) {
            Some(Document::String(text)) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    match data {
        Document::Array(pairs) => pairs
            .iter()
            .filter_map(|pair| Some((member(pair, "Key")?, member(pair, "Value").unwrap_or_default())))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_resourceexplorer2::types::{Resource, ResourceProperty};

    use super::*;

    #[test]
    fn an_answer_becomes_plain_values() {
        let pair = |key: &str, value: &str| {
            Document::Object(HashMap::from([("Key".into(), key.into()), ("Value".into(), value.into())]))
        };
        let data =
            Document::Array(vec![pair("team", "core"), pair("aws:cloudformation:stack-name", "s"), Document::Null]);
        let resource = Resource::builder()
            .arn("arn:aws:sqs:eu-west-1:123456789012:q")
            .owning_account_id("123456789012")
            .region("eu-west-1")
            .service("sqs")
            .resource_type("sqs:queue")
            .last_reported_at(aws_smithy_types::DateTime::from_secs(1_800_000_000))
            .properties(ResourceProperty::builder().name("tags").data(data).build())
            .build();
        let indexed = indexed(&resource);
        assert_eq!(indexed.last_reported_at.as_deref(), Some("2027-01-15T08:00:00Z"));
        assert_eq!(indexed.tags.len(), 2);
        assert_eq!(indexed.tags["team"], "core");
        assert_eq!(indexed.cfn_type, None);
    }
}
