//! Direct reads of what is declared and not in the index: only AWS's "not found" for the exact identifier makes a resource
//! missing.

use std::collections::HashMap;

use driftwise_contract::resource::EnrichmentFailure;
use driftwise_contract::wire::AccountInfo;
use driftwise_contract::{Arn, Region};
use futures::stream::{self, StreamExt};

use crate::aws::cloud_control::ResourceReader;
use crate::drift::{Declared, DeclaredIdx, Existence, Join};
use crate::inventory::Enricher;
use crate::inventory::identifiers::from_declared;

/// Reads each absent resource; the answers are what [`crate::drift::findings`] takes.
pub(super) async fn confirm<R: ResourceReader>(
    enricher: &Enricher<'_, R>,
    declared: &Declared,
    join: &Join,
    account: &AccountInfo,
    home: &Region,
    concurrency: usize,
    mut progress: impl FnMut() + Send,
) -> HashMap<DeclaredIdx, Existence> {
    let mut reads = stream::iter(join.absent.iter().copied())
        .map(|place| async move { (place, existence(enricher, declared, place, account, home).await) })
        .buffer_unordered(concurrency.max(1));
    let mut answers = HashMap::new();
    while let Some((place, answer)) = reads.next().await {
        progress();
        answers.insert(place, answer);
    }
    answers
}

async fn existence<R: ResourceReader>(
    enricher: &Enricher<'_, R>,
    declared: &Declared,
    place: DeclaredIdx,
    account: &AccountInfo,
    home: &Region,
) -> Existence {
    let resource = declared.resource(place);
    let Some(read) = from_declared(resource, &account.account_id) else {
        return Existence::Unknown {
            reason: EnrichmentFailure::UnsupportedIdentifier,
            detail: format!("the Cloud Control identifier of {} can't be told from the state", resource.terraform_type),
        };
    };
    let known = read.region.or_else(|| region_of_arn(resource.arn.as_ref()?));
    let region = known.as_deref().unwrap_or(home.as_str());
    match enricher.read(Some(read.cfn_type), Some(&read.identifier), region).await {
        Ok(properties) => Existence::Exists(properties),
        Err(unread) if unread.reason != EnrichmentFailure::NotFound => {
            Existence::Unknown { reason: unread.reason, detail: unread.detail }
        }
        Err(_) if known.is_some() => Existence::Absent,
        Err(_) => Existence::Unknown {
            reason: EnrichmentFailure::NotFound,
            detail: format!("the state does not tell its region; it is not in {home}"),
        },
    }
}

/// The region of an ARN. Where it has none, the type is global, but for buckets: theirs leave it out.
fn region_of_arn(arn: &Arn) -> Option<String> {
    match (arn.service(), arn.region()) {
        ("s3", "") => None,
        (_, "") => Some("global".to_owned()),
        (_, region) => Some(region.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use driftwise_contract::Partition;
    use driftwise_contract::claims::TrustForm;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::aws::{AwsFailure, FailureKind, Service};
    use crate::state::State;

    #[derive(Default)]
    struct Fake(Mutex<Vec<(String, String)>>);

    impl ResourceReader for Fake {
        async fn read(
            &self,
            region: &str,
            _cfn_type: &str,
            identifier: &str,
        ) -> Result<Map<String, Value>, AwsFailure> {
            self.0.lock().unwrap().push((region.into(), identifier.into()));
            let kind = match identifier {
                "there" => return Ok(Map::new()),
                "denied" => FailureKind::Throttled,
                _ => FailureKind::NotFound,
            };
            let (service, aws_code, message) = (Service::CloudControl, String::new(), "words".to_owned());
            Err(AwsFailure { service, operation: "GetResource", kind, aws_code, message })
        }
    }

    fn state(resources: &Value) -> State {
        let text = json!({"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "l", "outputs": {}, "resources": resources});
        let source = driftwise_contract::resource::StateRef { uri: "s3://b/k".into(), version_id: None };
        crate::state::read(source, text.to_string().as_bytes()).unwrap()
    }

    fn bucket(name: &str, attributes: &Value) -> Value {
        json!({"mode": "managed", "type": "aws_s3_bucket", "name": name,
            "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
            "instances": [{"schema_version": 0, "attributes": attributes}]})
    }

    #[tokio::test]
    async fn only_not_found_in_a_known_region_means_absent() {
        let declared = Declared {
            states: vec![
                state(&json!([
                    bucket("a", &json!({"id": "there", "arn": "arn:aws:s3:::there", "region": "eu-west-1"})),
                    bucket("b", &json!({"id": "gone", "arn": "arn:aws:s3:::gone", "region": "eu-west-1"})),
                    bucket("c", &json!({"id": "denied", "arn": "arn:aws:s3:::denied", "region": "eu-west-1"})),
                ])),
                state(&json!([bucket("d", &json!({"id": "somewhere"}))])),
            ],
        };
        let places: Vec<DeclaredIdx> = declared.resources().map(|(place, _)| place).collect();
        assert_eq!(places.len(), 4);
        let join = Join { absent: places.clone(), ..Join::default() };
        let account = AccountInfo {
            account_id: "123456789012".parse().unwrap(),
            role_arn: "arn:aws:iam::123456789012:role/dw".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            trust_form: TrustForm::SessionTag,
        };
        let fake = Fake::default();
        let enricher = Enricher::new(&fake, Partition::Aws, 2);
        let answers = confirm(&enricher, &declared, &join, &account, &account.region, 2, || ()).await;
        assert_eq!(answers[&places[0]], Existence::Exists(Map::new()));
        assert_eq!(answers[&places[1]], Existence::Absent);
        assert!(matches!(&answers[&places[2]], Existence::Unknown { reason: EnrichmentFailure::Throttled, .. }));
        assert!(
            matches!(&answers[&places[3]], Existence::Unknown { reason: EnrichmentFailure::NotFound, detail } if detail.contains("us-east-1")),
            "{:?}",
            answers[&places[3]]
        );
    }
}
