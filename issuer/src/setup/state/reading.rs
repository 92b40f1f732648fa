//! What the templates show of the reading of states.

use driftwise_contract::Partition;

use super::location::StateLocation;
use crate::setup::request::KmsKeyArn;

/// The statements of a reader's own policy: `templates/policies/state-reading.json`.
pub(in crate::setup) struct ReadingView {
    pub(in crate::setup) object_arns: Vec<String>,
    pub(in crate::setup) lock_arns: Vec<String>,
    pub(in crate::setup) lists: Vec<ListView>,
    pub(in crate::setup) keys: Option<KeyView>,
}

/// The listing of one bucket.
pub(in crate::setup) struct ListView {
    pub(in crate::setup) sid: String,
    pub(in crate::setup) bucket_arn: String,
    pub(in crate::setup) patterns: Vec<String>,
}

/// The use of KMS keys through S3.
pub(in crate::setup) struct KeyView {
    pub(in crate::setup) key_arns: Vec<String>,
    pub(in crate::setup) services: Vec<String>,
    pub(in crate::setup) contexts: Vec<String>,
}

/// The `Sid` of a bucket's listing; the first has no number.
pub(super) const LIST_SID: &str = "ListTerraformState";

impl ReadingView {
    /// The reading of states in buckets of a partition; none without states.
    pub(in crate::setup) fn of(partition: Partition, states: &[StateLocation], keys: &[KmsKeyArn]) -> Option<Self> {
        if states.is_empty() {
            return None;
        }
        let mut view = Self { object_arns: Vec::new(), lock_arns: Vec::new(), lists: Vec::new(), keys: None };
        for (index, state) in states.iter().enumerate() {
            let of_state = state.view(partition);
            view.object_arns.extend(of_state.object_arns);
            view.lock_arns.push(format!("{}/*.tflock", of_state.bucket_arn));
            let number = if index == 0 { String::new() } else { (index + 1).to_string() };
            view.lists.push(ListView {
                sid: format!("{LIST_SID}{number}"),
                bucket_arn: of_state.bucket_arn,
                patterns: of_state.list_patterns,
            });
        }
        view.keys = (!keys.is_empty()).then(|| KeyView::of(partition, states, keys));
        Some(view)
    }
}

impl KeyView {
    pub(super) fn of(partition: Partition, states: &[StateLocation], keys: &[KmsKeyArn]) -> Self {
        let mut services: Vec<String> = keys.iter().flat_map(services).collect();
        services.sort();
        services.dedup();
        let contexts = states.iter().flat_map(|state| {
            let view = state.view(partition);
            // The object's ARN; the bucket's where it has a bucket key.
            view.object_arns.into_iter().chain([view.bucket_arn])
        });
        Self { key_arns: keys.iter().map(ToString::to_string).collect(), services, contexts: contexts.collect() }
    }
}

/// What `kms:ViaService` is where S3 uses the key. In China the service's name has another ending; which of both the key has there
/// is unverified, and both mean the same service.
fn services(key: &KmsKeyArn) -> Vec<String> {
    let plain = format!("s3.{}.amazonaws.com", key.region());
    match key.partition() {
        Partition::AwsCn => vec![format!("{plain}.cn"), plain],
        _ => vec![plain],
    }
}
