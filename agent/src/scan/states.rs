//! The states of a scan: found in their sources, read as streams, a few at a time.
//!
//! A state that can't be read is a gap, and marks the whole as incomplete; only when none can be read is it an error.

use std::collections::HashSet;

use driftwise_contract::codes::Code;
use driftwise_contract::finding::Gap;
use driftwise_contract::resource::StateRef;
use futures::stream::{self, StreamExt};

use crate::aws::failure::denied_action;
use crate::aws::s3::ObjectStore;
use crate::aws::{AwsFailure, FailureKind};
use crate::fault::Fault;
use crate::state::{State, StateError, StateSource, read_local};

/// States that are read at once.
const CONCURRENCY: usize = 4;

/// Where the states of a scan lie.
#[derive(Debug)]
pub struct Sources(Vec<(String, StateSource)>);

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The states, in the order of their sources.
    pub(super) states: Vec<State>,
    /// The states that could not be read.
    pub(super) gaps: Vec<Gap>,
    /// Whether a state is missing from `states`.
    pub(super) incomplete: bool,
}

impl Sources {
    /// Parses the configured sources; all that are wrong are told at once.
    pub fn parse(texts: &[String]) -> Result<Self, Fault> {
        if texts.is_empty() {
            return Err(Fault::new(Code::ConfigInvalid, "no Terraform state is named")
                .because("without one, everything in the account would be unmanaged")
                .hint("Name one with --state s3://bucket/key (or a prefix, a glob, a path), or in scan.states."));
        }
        let mut faults = Vec::new();
        let mut sources = Vec::new();
        for text in texts {
            match StateSource::parse(text) {
                Ok(source) => sources.push((text.clone(), source)),
                Err(error) => faults.push(error.to_string()),
            }
        }
        if faults.is_empty() {
            return Ok(Self(sources));
        }
        Err(Fault::new(Code::ConfigInvalid, "a state source can't be understood").because(faults.join("; ")))
    }

    /// Reads all of them. `progress` is told how many states were read so far.
    pub(super) async fn read(
        self,
        store: &impl ObjectStore,
        mut progress: impl FnMut(usize) + Send,
    ) -> Result<Read, Fault> {
        let mut errors: Vec<StateError> = Vec::new();
        let mut states = Vec::new();
        let mut objects = Vec::new();
        let mut seen = HashSet::new();
        for (text, source) in self.0 {
            match locate(store, &text, &source, &mut errors).await {
                Located::Local => {
                    for read in local(text).await {
                        match read {
                            Ok(state) => states.push(state),
                            Err(error) => errors.push(error),
                        }
                    }
                }
                // Sources may overlap; a state declares its resources once.
                Located::Objects(keys) => objects.extend(keys.into_iter().filter(|key| seen.insert(key.clone()))),
            }
        }
        let mut reads = stream::iter(objects)
            .map(|(bucket, key)| async move { object(store, &bucket, &key).await })
            .buffered(CONCURRENCY);
        while let Some(read) = reads.next().await {
            match read {
                Ok(state) => states.push(state),
                Err(error) => errors.push(error),
            }
            progress(states.len());
        }
        drop(reads);
        if let (true, Some(first)) = (states.is_empty(), errors.first()) {
            return Err(none_readable(first, &errors));
        }
        let gaps = errors.iter().map(StateError::gap).collect();
        Ok(Read { states, gaps, incomplete: !errors.is_empty() })
    }
}

fn none_readable(first: &StateError, errors: &[StateError]) -> Fault {
    let place = first.position.map(|position| format!("{position}: ")).unwrap_or_default();
    let message = match errors.len() {
        1 => format!("the state {} can't be read", first.uri),
        count => format!("none of the {count} states can be read, the first being {}", first.uri),
    };
    Fault::new(first.code, message).because(format!("{place}{}", first.detail))
}

enum Located {
    /// Local files, which are found and read together.
    Local,
    /// Objects by bucket and key.
    Objects(Vec<(String, String)>),
}

/// Finds the objects of a source. What can't be listed, or is not there, is added to `errors`.
async fn locate(store: &impl ObjectStore, text: &str, source: &StateSource, errors: &mut Vec<StateError>) -> Located {
    let bucket = match source {
        StateSource::S3Object { bucket, key } => return Located::Objects(vec![(bucket.clone(), key.clone())]),
        StateSource::S3Prefix { bucket, .. } | StateSource::S3Glob { bucket, .. } => bucket,
        StateSource::Local(_) | StateSource::LocalGlob(_) => return Located::Local,
    };
    let known = errors.len();
    let mut keys = Vec::new();
    for (place, prefix) in source.list_prefixes().into_iter().enumerate() {
        let (found, failure) = list(store, bucket, prefix, source).await;
        keys.extend(found);
        match failure {
            None => {}
            Some(failure) if place == 0 => errors.push(refused(text, &failure)),
            Some(failure) => errors.push(workspaces_refused(&source.uri_of(prefix), bucket, prefix, &failure)),
        }
    }
    if keys.is_empty() && errors.len() == known {
        errors.push(StateError::new(Code::StateNotFound, text, "no state is there"));
    }
    Located::Objects(keys.into_iter().map(|key| (bucket.clone(), key)).collect())
}

/// The keys of a source below one prefix, and what broke the listing off.
async fn list(
    store: &impl ObjectStore,
    bucket: &str,
    prefix: &str,
    source: &StateSource,
) -> (Vec<String>, Option<AwsFailure>) {
    let mut keys = Vec::new();
    let mut from = None;
    loop {
        match store.keys(bucket, prefix, from).await {
            Err(failure) => return (keys, Some(failure)),
            Ok(page) => {
                keys.extend(page.keys.into_iter().filter(|key| source.matches(key)));
                match page.next {
                    Some(next) => from = Some(next),
                    None => return (keys, None),
                }
            }
        }
    }
}

/// The states of the workspaces lie beside the prefix, where the role may not be allowed to look.
fn workspaces_refused(uri: &str, bucket: &str, prefix: &str, failure: &AwsFailure) -> StateError {
    let mut error = refused(uri, failure);
    error.detail = format!(
        "the workspaces under {prefix} can't be listed: {}; allow s3:ListBucket on the bucket {bucket} for the prefix \
         {prefix}, or name the states one by one",
        error.detail
    );
    error
}

async fn local(path: String) -> Vec<Result<State, StateError>> {
    let lost = StateError::new(Code::StateUnreadable, &path, "reading it was broken off");
    tokio::task::spawn_blocking(move || read_local(&[path]).into_iter().map(|(_, read)| read).collect())
        .await
        .unwrap_or_else(|_| vec![Err(lost)])
}

async fn object(store: &impl ObjectStore, bucket: &str, key: &str) -> Result<State, StateError> {
    let uri = format!("s3://{bucket}/{key}");
    let object = store.open(bucket, key).await.map_err(|failure| refused(&uri, &failure))?;
    let source = StateRef { uri: uri.clone(), version_id: object.version_id };
    let body = object.body;
    // The parser is blocking and takes a while on large states: on a thread of its own, fed by the network.
    tokio::task::spawn_blocking(move || crate::state::read(source, body))
        .await
        .unwrap_or_else(|_| Err(StateError::new(Code::StateUnreadable, &uri, "reading it was broken off")))
}

fn refused(uri: &str, failure: &AwsFailure) -> StateError {
    let code = match &failure.kind {
        FailureKind::NotFound => Code::StateNotFound,
        FailureKind::Denied | FailureKind::Unauthorized if failure.message.contains("kms:") => Code::StateKeyDenied,
        FailureKind::Denied | FailureKind::Unauthorized => Code::StateAccessDenied,
        FailureKind::Invalid | FailureKind::Service | FailureKind::UnsupportedType => Code::StateUnreadable,
        FailureKind::Throttled
        | FailureKind::Timeout
        | FailureKind::Unreachable
        | FailureKind::SessionExpired
        | FailureKind::Credentials(_) => failure.fault(Code::StateAccessDenied).code(),
    };
    StateError::new(code, uri, words(failure))
}

/// AWS's words; S3 may deny without naming the action, which then is known from the call.
fn words(failure: &AwsFailure) -> String {
    let is_denied = matches!(failure.kind, FailureKind::Denied | FailureKind::Unauthorized);
    let action = match failure.operation {
        "GetObject" => "s3:GetObject",
        "ListObjectsV2" => "s3:ListBucket",
        _ => return failure.words(),
    };
    if is_denied && denied_action(&failure.message).is_none() {
        format!("{action} is not allowed: {}", failure.words())
    } else {
        failure.words()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::aws::Service;
    use crate::aws::s3::{KeyPage, Object, ObjectBody};

    struct Fake(BTreeMap<&'static str, &'static str>);

    impl ObjectStore for Fake {
        async fn keys(&self, _bucket: &str, prefix: &str, from: Option<String>) -> Result<KeyPage, AwsFailure> {
            if self.0.get(prefix) == Some(&"denied") {
                let (service, operation) = (Service::S3, "ListObjectsV2");
                let (aws_code, message) = ("AccessDenied".to_owned(), "Access Denied".to_owned());
                return Err(AwsFailure { service, operation, kind: FailureKind::Denied, aws_code, message });
            }
            // One key per page.
            let skip = from.map_or(0, |from| from.parse::<usize>().unwrap());
            let keys: Vec<&str> = self.0.keys().copied().filter(|key| key.starts_with(prefix)).collect();
            let next = (skip + 1 < keys.len()).then(|| (skip + 1).to_string());
            Ok(KeyPage { keys: keys.into_iter().skip(skip).take(1).map(str::to_owned).collect(), next })
        }

        async fn open(&self, _bucket: &str, key: &str) -> Result<Object, AwsFailure> {
            let failure = |kind, message: &str| AwsFailure {
                service: Service::S3,
                operation: "GetObject",
                kind,
                aws_code: "X".into(),
                message: message.into(),
            };
            match self.0.get(key) {
                None => Err(failure(FailureKind::NotFound, "gone")),
                Some(&"denied") => Err(failure(FailureKind::Denied, "Access Denied")),
                Some(&"kms") => Err(failure(FailureKind::Denied, "not authorized to perform: kms:Decrypt")),
                Some(text) => {
                    Ok(Object { version_id: Some("v1".into()), body: ObjectBody::of(text.as_bytes().to_vec()) })
                }
            }
        }
    }

    const STATE: &str =
        r#"{"version":4,"terraform_version":"1.9.0","serial":3,"lineage":"l","outputs":{},"resources":[]}"#;

    async fn read(sources: &[&str], objects: &[(&'static str, &'static str)]) -> Result<Read, Fault> {
        let texts: Vec<String> = sources.iter().map(|text| (*text).to_owned()).collect();
        Sources::parse(&texts).unwrap().read(&Fake(objects.iter().copied().collect()), |_| ()).await
    }

    #[tokio::test]
    async fn overlapping_sources_read_each_state_once_and_pin_its_version() {
        let objects =
            [("a/one.tfstate", STATE), ("a/two.tfstate", STATE), ("b/three.tfstate", STATE), ("a/one.tflock", "x")];
        let read =
            read(&["s3://bucket/a/", "s3://bucket/a/one.tfstate", "s3://bucket/**/*.tfstate"], &objects).await.unwrap();
        let uris: Vec<&str> = read.states.iter().map(|state| state.source.uri.as_str()).collect();
        assert_eq!(uris, ["s3://bucket/a/one.tfstate", "s3://bucket/a/two.tfstate", "s3://bucket/b/three.tfstate"]);
        assert_eq!(read.states[0].source.version_id.as_deref(), Some("v1"));
        assert!(!read.incomplete && read.gaps.is_empty());
    }

    #[tokio::test]
    async fn a_prefix_reads_its_workspaces_too_which_lie_beside_it() {
        let objects = [
            ("app/terraform.tfstate", STATE),
            ("env:/prod/app/terraform.tfstate", STATE),
            ("env:/prod/other/terraform.tfstate", STATE),
        ];
        for sources in [&["s3://bucket/app/"][..], &["s3://bucket/app/", "s3://bucket/env:/prod/app/"]] {
            let read = read(sources, &objects).await.unwrap();
            let uris: Vec<&str> = read.states.iter().map(|state| state.source.uri.as_str()).collect();
            assert_eq!(uris, ["s3://bucket/app/terraform.tfstate", "s3://bucket/env:/prod/app/terraform.tfstate"]);
        }
        let read = read(&["s3://bucket/app/"], &objects[1..]).await.unwrap();
        assert_eq!((read.states.len(), read.incomplete), (1, false));
    }

    #[tokio::test]
    async fn workspaces_that_may_not_be_listed_are_a_gap_beside_the_states_of_the_prefix() {
        let read = read(&["s3://bucket/app/"], &[("app/terraform.tfstate", STATE), ("env:/", "denied")]).await.unwrap();
        assert_eq!(read.states.len(), 1);
        assert!(read.incomplete);
        let [gap] = read.gaps.as_slice() else { panic!("{:?}", read.gaps) };
        assert_eq!((gap.code, gap.scope.state.as_deref()), (Code::StateAccessDenied, Some("s3://bucket/env:/")));
        assert!(gap.detail.contains("s3:ListBucket") && gap.detail.contains("env:/"), "{}", gap.detail);
    }

    #[tokio::test]
    async fn one_unreadable_state_among_others_is_a_gap() {
        let objects =
            [("a.tfstate", STATE), ("b.tfstate", "denied"), ("c.tfstate", "kms"), ("d.tfstate", "{\"version\":4,")];
        let read = read(&["s3://bucket/"], &objects).await.unwrap();
        assert_eq!(read.states.len(), 1);
        let codes: Vec<Code> = read.gaps.iter().map(|gap| gap.code).collect();
        assert_eq!(codes, [Code::StateAccessDenied, Code::StateKeyDenied, Code::StateTruncated]);
        assert!(read.incomplete);
    }

    #[tokio::test]
    async fn when_no_state_can_be_read_it_is_an_error_that_names_it() {
        let fault = read(&["s3://bucket/x.tfstate"], &[]).await.unwrap_err();
        assert_eq!(fault.code(), Code::StateNotFound);
        assert!(fault.message().contains("s3://bucket/x.tfstate"), "{fault}");
        let fault = read(&["s3://bucket/none/"], &[]).await.unwrap_err();
        assert_eq!(fault.code(), Code::StateNotFound);
    }

    #[test]
    fn sources_that_can_not_be_understood_are_told_at_once() {
        let fault = Sources::parse(&["gs://x/y".into(), "s3://".into()]).unwrap_err();
        assert_eq!(fault.code(), Code::ConfigInvalid);
        assert!(fault.detail().unwrap().contains("gs"), "{fault}");
        assert_eq!(Sources::parse(&[]).unwrap_err().code(), Code::ConfigInvalid);
    }
}
