//! Discovery: everything that Resource Explorer's default view shows, after checking what the view can show at all.
//!
//! What makes the inventory worthless ends the scan with an error that says what to do; what makes it incomplete is a gap.

use std::collections::HashSet;

use driftwise_contract::codes::Code;
use driftwise_contract::finding::{Gap, GapScope};
use driftwise_contract::resource::{Enrichment, Resource};
use driftwise_contract::{AccountId, Arn, Region};

use super::identifiers::{ArnContext, from_arn};
use super::{ownership, types};
use crate::aws::resource_explorer::{IndexedResource, ResourceIndex};
use crate::aws::{AwsFailure, FailureKind, Service};
use crate::fault::Fault;
use crate::registry;

/// What was discovered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Discovered {
    /// The account's resources, each ARN once, ordered by ARN.
    pub resources: Vec<Resource>,
    /// What the index could not show.
    pub gaps: Vec<Gap>,
    /// Whether the list broke off, or the index is not settled: what is not in `resources` may all the same be in the index.
    /// Nothing may be concluded from absence then.
    pub broken_off: bool,
    /// Resources of other accounts, which an organisation-wide view shows and a scan of one account leaves out.
    pub foreign: u64,
}

/// The discovery of one account.
#[derive(Debug)]
pub struct Discovery<'a, I> {
    /// The index.
    pub index: &'a I,
    /// The account that is scanned.
    pub account: &'a AccountId,
    /// The region that is asked.
    pub region: &'a Region,
    /// Go on, with a gap, where the index shows one region only.
    pub allow_local_index: bool,
}

impl<I: ResourceIndex> Discovery<'_, I> {
    /// Checks the index and lists the default view. `progress` is told how many entries were read so far.
    pub async fn run(&self, mut progress: impl FnMut(usize) + Send) -> Result<Discovered, Fault> {
        let mut gaps = Vec::new();
        let mut broken_off = !self.check_index(&mut gaps).await?;
        let view = self.default_view().await?;
        let tags_shown = self.tags_shown(&view, &mut gaps).await;
        let mut listing = Listing::new(self.account, tags_shown);
        let mut from = None;
        loop {
            let page = match self.index.page(&view, from).await {
                Ok(page) => page,
                Err(failure) if listing.entries > 0 => {
                    let fault = Self::fault(&failure, &view);
                    let words = format!("the list broke off after {} resources; {}", listing.entries, failure.words());
                    gaps.push(Fault::new(fault.code(), words).into_gap(self.scope(), 0));
                    broken_off = true;
                    break;
                }
                Err(failure) => return Err(Self::fault(&failure, &view)),
            };
            listing.take(page.resources);
            progress(listing.entries);
            // A page may be short or empty and still not be the last: only the token tells.
            match page.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        if listing.unreadable > 0 {
            let words = format!("{} entries have no readable ARN", listing.unreadable);
            gaps.push(Fault::new(Code::ResourceExplorerPartial, words).into_gap(self.scope(), listing.unreadable));
        }
        let mut resources = listing.resources;
        resources.sort_by(|one, other| one.arn.cmp(&other.arn));
        Ok(Discovered { resources, gaps, broken_off, foreign: listing.foreign })
    }

    /// Whether the index is settled, as far as that may be known.
    async fn check_index(&self, gaps: &mut Vec<Gap>) -> Result<bool, Fault> {
        let index = match self.index.index().await {
            Ok(index) => index,
            Err(failure) if failure.kind == FailureKind::NotFound => {
                let fault = Fault::new(
                    Code::ResourceExplorerNotEnabled,
                    format!("Resource Explorer has no index in {}", self.region),
                )
                .because(failure.words());
                return Err(match self.aggregator().await {
                    Some(region) => fault
                        .hint(format!("The account's aggregator index is in {region}: scan with --region {region}.")),
                    None => fault,
                });
            }
            Err(failure) if matches!(failure.kind, FailureKind::Denied | FailureKind::Unauthorized) => {
                // The list may still be allowed; whether it is the whole account is then not known.
                let words = format!(
                    "whether the index covers every region is not known; resource-explorer-2:GetIndex is not allowed: {}",
                    failure.words()
                );
                gaps.push(Fault::new(Code::ResourceExplorerPartial, words).into_gap(self.scope(), 0));
                return Ok(true);
            }
            Err(failure) => return Err(failure.fault(Code::ResourceExplorerDenied)),
        };
        if !index.settled {
            let words = format!("the index is {}: it does not hold everything yet", index.state);
            gaps.push(Fault::new(Code::ResourceExplorerPartial, words).into_gap(self.scope(), 0));
        }
        if index.aggregates {
            return Ok(index.settled);
        }
        let aggregator = self.aggregator().await;
        let place = aggregator.as_deref().map_or_else(
            || "no aggregator index is known".to_owned(),
            |region| format!("the aggregator index is in {region}"),
        );
        let fault = Fault::new(
            Code::ResourceExplorerWrongRegion,
            format!("the index in {} sees its own region only; {place}", self.region),
        );
        if self.allow_local_index {
            gaps.push(fault.into_gap(self.scope(), 0));
            return Ok(index.settled);
        }
        Err(match aggregator {
            Some(region) => fault.hint(format!("Scan with --region {region}.")),
            None => fault.hint(
                "Make this index the aggregator (aws resource-explorer-2 update-index-type --type AGGREGATOR), or scan \
                 this region alone with --allow-local-index.",
            ),
        })
    }

    /// Best effort: listing indexes may not be allowed.
    async fn aggregator(&self) -> Option<String> {
        match self.index.aggregator_region().await {
            Ok(region) => region.filter(|region| region != self.region.as_str()),
            Err(failure) => {
                tracing::debug!(error = %failure, "the aggregator's region is not known");
                None
            }
        }
    }

    async fn default_view(&self) -> Result<String, Fault> {
        match self.index.default_view().await {
            Ok(Some(view)) => Ok(view),
            Ok(None) => Err(Fault::new(
                Code::ResourceExplorerNoDefaultView,
                format!("Resource Explorer has no default view in {}", self.region),
            )),
            Err(failure) => Err(failure.fault(Code::ResourceExplorerDenied)),
        }
    }

    async fn tags_shown(&self, view: &str, gaps: &mut Vec<Gap>) -> bool {
        let words = match self.index.shows_tags(view).await {
            Ok(true) => return true,
            Ok(false) => {
                format!("{view} does not include tags: they are not compared, and who made a resource is less known")
            }
            Err(failure) => format!("whether {view} includes tags is not known: {}", failure.words()),
        };
        gaps.push(Fault::new(Code::ResourceExplorerNoTags, words).into_gap(self.scope(), 0));
        false
    }

    /// Resource Explorer answers 401 for "no view", "no index" and "not allowed" alike; index and view are known to be
    /// there by now, so it is permission.
    fn fault(failure: &AwsFailure, view: &str) -> Fault {
        match failure.kind {
            FailureKind::Denied | FailureKind::Unauthorized => {
                Fault::new(Code::ResourceExplorerDenied, format!("the view {view} may not be read"))
                    .because(failure.words())
                    .hint(format!(
                        "Allow resource-explorer-2:Search, and resource-explorer-2:GetView on {view}, to the role."
                    ))
            }
            _ => failure.fault(Code::ResourceExplorerDenied),
        }
    }

    fn scope(&self) -> GapScope {
        GapScope {
            service: Some(Service::ResourceExplorer.as_str().to_owned()),
            region: Some(self.region.to_string()),
            ..GapScope::default()
        }
    }
}

struct Listing<'a> {
    account: &'a AccountId,
    tags_shown: bool,
    entries: usize,
    foreign: u64,
    unreadable: u64,
    seen: HashSet<Arn>,
    resources: Vec<Resource>,
}

impl<'a> Listing<'a> {
    fn new(account: &'a AccountId, tags_shown: bool) -> Self {
        Self { account, tags_shown, entries: 0, foreign: 0, unreadable: 0, seen: HashSet::new(), resources: Vec::new() }
    }

    fn take(&mut self, page: Vec<IndexedResource>) {
        for entry in page {
            self.entries += 1;
            if !entry.owning_account.is_empty() && entry.owning_account != self.account.as_str() {
                self.foreign += 1;
                continue;
            }
            let Ok(arn) = entry.arn.parse::<Arn>() else {
                tracing::warn!(arn = entry.arn, "an entry of the index has no readable ARN");
                self.unreadable += 1;
                continue;
            };
            if self.seen.insert(arn.clone()) {
                self.resources.push(resource(arn, entry, self.account, self.tags_shown));
            }
        }
    }
}

fn resource(arn: Arn, entry: IndexedResource, account: &AccountId, tags_shown: bool) -> Resource {
    let region = match (entry.region.as_str(), arn.region()) {
        ("", "") => "global".to_owned(),
        ("", of_arn) => of_arn.to_owned(),
        (region, _) => region.to_owned(),
    };
    let cfn_type = entry.cfn_type.or_else(|| types::cfn_of_indexed(&entry.resource_type).map(str::to_owned));
    let identifier = cfn_type
        .as_deref()
        .and_then(registry::cfn_type)
        .and_then(|known| from_arn(known, ArnContext { arn: &arn, region: &region, account }));
    let owner = ownership::owner(&arn, &entry.tags);
    // The index holds no tags of IAM resources, whatever the view includes: they come from IAM itself.
    let tags = (tags_shown && arn.service() != "iam").then(|| ownership::without_reserved(entry.tags));
    Resource {
        account_id: account.clone(),
        region,
        service: entry.service,
        resource_type: entry.resource_type,
        cfn_type,
        identifier,
        last_reported_at: entry.last_reported_at,
        tags,
        owner,
        enrichment: Enrichment::None,
        properties: None,
        arn,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use driftwise_contract::report::Verdict;

    use super::*;
    use crate::aws::resource_explorer::{Index, IndexPage};

    const ACCOUNT: &str = "123456789012";

    struct Fake {
        index: Result<Index, AwsFailure>,
        aggregator: Option<&'static str>,
        view: Option<&'static str>,
        tags: bool,
        pages: Mutex<Vec<Result<IndexPage, AwsFailure>>>,
    }

    impl Fake {
        fn with(pages: Vec<Result<IndexPage, AwsFailure>>) -> Self {
            let index = Index { aggregates: true, settled: true, state: "ACTIVE".into() };
            let pages = Mutex::new(pages.into_iter().rev().collect());
            Self { index: Ok(index), aggregator: None, view: Some("arn:view"), tags: true, pages }
        }

        async fn discover(&self, allow_local_index: bool) -> Result<Discovered, Fault> {
            let (account, region) = (ACCOUNT.parse().unwrap(), "eu-west-1".parse().unwrap());
            Discovery { index: self, account: &account, region: &region, allow_local_index }.run(|_| ()).await
        }
    }

    impl ResourceIndex for Fake {
        async fn index(&self) -> Result<Index, AwsFailure> {
            self.index.clone()
        }
        async fn aggregator_region(&self) -> Result<Option<String>, AwsFailure> {
            Ok(self.aggregator.map(str::to_owned))
        }
        async fn default_view(&self) -> Result<Option<String>, AwsFailure> {
            Ok(self.view.map(str::to_owned))
        }
        async fn shows_tags(&self, _view: &str) -> Result<bool, AwsFailure> {
            Ok(self.tags)
        }
        async fn page(&self, _view: &str, _from: Option<String>) -> Result<IndexPage, AwsFailure> {
            self.pages.lock().unwrap().pop().expect("no page after the last")
        }
    }

    fn failure(kind: FailureKind) -> AwsFailure {
        let service = Service::ResourceExplorer;
        AwsFailure { service, operation: "ListResources", kind, aws_code: "X".into(), message: "words".into() }
    }

    fn entry(arn: &str, account: &str) -> IndexedResource {
        IndexedResource {
            arn: arn.into(),
            owning_account: account.into(),
            region: "eu-west-1".into(),
            service: "sqs".into(),
            resource_type: "sqs:queue".into(),
            tags: [("team".to_owned(), "core".to_owned()), ("aws:x".to_owned(), "y".to_owned())].into(),
            ..IndexedResource::default()
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "stands in a list of results")]
    fn page(entries: Vec<IndexedResource>, next: Option<&str>) -> Result<IndexPage, AwsFailure> {
        Ok(IndexPage { resources: entries, next: next.map(str::to_owned) })
    }

    #[tokio::test]
    async fn empty_pages_do_not_end_the_list_and_each_resource_counts_once() {
        let one = "arn:aws:sqs:eu-west-1:123456789012:one";
        let fake = Fake::with(vec![
            page(vec![], Some("a")),
            page(vec![entry(one, ACCOUNT), entry("arn:aws:sqs:eu-west-1:999999999999:x", "999999999999")], Some("b")),
            page(vec![], Some("c")),
            page(vec![entry(one, ACCOUNT), entry("arn:aws:sqs:eu-west-1:123456789012:two", ACCOUNT)], None),
        ]);
        let found = fake.discover(false).await.unwrap();
        assert_eq!((found.resources.len(), found.foreign, found.gaps.len()), (2, 1, 0));
        let first = &found.resources[0];
        assert_eq!(first.cfn_type.as_deref(), Some("AWS::SQS::Queue"));
        assert_eq!(first.identifier.as_deref(), Some("https://sqs.eu-west-1.amazonaws.com/123456789012/one"));
        assert_eq!(first.tags.as_ref().unwrap().keys().collect::<Vec<_>>(), ["team"]);
    }

    #[tokio::test]
    async fn each_way_of_not_being_set_up_has_its_own_code_and_hint() {
        let mut fake = Fake::with(vec![]);
        fake.index = Err(failure(FailureKind::NotFound));
        assert_eq!(fake.discover(false).await.unwrap_err().code(), Code::ResourceExplorerNotEnabled);
        fake.aggregator = Some("us-east-1");
        assert!(fake.discover(false).await.unwrap_err().fix().contains("--region us-east-1"));

        fake.index = Ok(Index { aggregates: false, settled: true, state: "ACTIVE".into() });
        let fault = fake.discover(false).await.unwrap_err();
        assert_eq!(fault.code(), Code::ResourceExplorerWrongRegion);
        assert!(fault.message().contains("us-east-1") && fault.fix().contains("--region us-east-1"), "{fault}");
        fake.aggregator = None;
        assert!(fake.discover(false).await.unwrap_err().fix().contains("--allow-local-index"));

        let mut fake = Fake::with(vec![]);
        fake.view = None;
        assert_eq!(fake.discover(false).await.unwrap_err().code(), Code::ResourceExplorerNoDefaultView);

        let fake = Fake::with(vec![Err(failure(FailureKind::Unauthorized))]);
        let fault = fake.discover(false).await.unwrap_err();
        assert_eq!(fault.code(), Code::ResourceExplorerDenied);
        assert!(fault.fix().contains("GetView on arn:view"), "{fault}");
    }

    #[tokio::test]
    async fn a_list_that_breaks_off_in_its_middle_says_so_and_is_never_in_sync() {
        for (kind, code) in
            [(FailureKind::Service, Code::AwsServiceError), (FailureKind::Throttled, Code::AwsThrottled)]
        {
            let one = entry("arn:aws:sqs:eu-west-1:123456789012:one", ACCOUNT);
            let fake = Fake::with(vec![page(vec![one], Some("a")), page(vec![], Some("b")), Err(failure(kind))]);
            let found = fake.discover(false).await.unwrap();
            assert_eq!((found.resources.len(), found.broken_off), (1, true));
            assert_eq!(found.gaps.iter().map(|gap| gap.code).collect::<Vec<_>>(), [code]);
            assert!(found.gaps[0].detail.contains("after 1 resources"), "{}", found.gaps[0].detail);
            assert_eq!(Verdict::of(&[], &found.gaps), Verdict::Incomplete);
        }
        let whole = Fake::with(vec![page(vec![], None)]).discover(false).await.unwrap();
        assert!(!whole.broken_off);
    }

    #[tokio::test]
    async fn what_makes_the_list_incomplete_is_a_gap() {
        let mut fake = Fake::with(vec![
            page(vec![entry("arn:aws:sqs:eu-west-1:123456789012:one", ACCOUNT), entry("junk", ACCOUNT)], Some("a")),
            Err(failure(FailureKind::Throttled)),
        ]);
        fake.index = Ok(Index { aggregates: false, settled: false, state: "UPDATING".into() });
        fake.tags = false;
        let found = fake.discover(true).await.unwrap();
        let codes: Vec<Code> = found.gaps.iter().map(|gap| gap.code).collect();
        assert_eq!(
            codes,
            [
                Code::ResourceExplorerPartial,
                Code::ResourceExplorerWrongRegion,
                Code::ResourceExplorerNoTags,
                Code::AwsThrottled,
                Code::ResourceExplorerPartial
            ]
        );
        assert_eq!(found.resources[0].tags, None, "unknown tags are not no tags");
    }
}
