//! What looks like drift and is none. A report of the seeded account names nothing of this.
//!
//! More such noise is in the descriptions themselves: sets in another order, documents that differ in form only, defaults that one
//! side leaves out, tags of AWS's own, a zone that both states declare, roles of AWS with attachments.

use time::Duration;

use super::{
    plan::{Plan, State},
    planted::rewrite_tags,
};

/// Declared and existing, but not in the index yet: only a direct read tells.
const NOT_YET_LISTED: [(State, &str); 2] = [
    (State::App, r#"module.notifications.module.regional["eu-central-1"].aws_sqs_queue.events"#),
    (State::App, r#"module.inventory.module.regional["eu-central-1"].aws_lambda_function.this["worker"]"#),
];
/// Listed by an entry that is weeks old.
const SEEN_LONG_AGO: (State, &str) = (State::App, r#"module.accounts.module.regional["us-east-1"].aws_sns_topic.this"#);
/// Tagged by a service of AWS.
const TAGGED_BY_AWS: (State, &str) = (State::App, r#"module.platform["eu-central-1"].aws_ebs_volume.batch"#);

pub(super) fn lay(plan: &mut Plan) {
    for (state, address) in NOT_YET_LISTED {
        change(plan, state, address, |live| live.listed = false);
    }
    change(plan, SEEN_LONG_AGO.0, SEEN_LONG_AGO.1, |live| live.last_reported_at -= Duration::days(40));
    change(plan, TAGGED_BY_AWS.0, TAGGED_BY_AWS.1, |live| {
        live.tags.insert("aws:backup:source-resource".to_owned(), "acme-eu".to_owned());
        rewrite_tags(live);
    });
}

fn change(
    plan: &mut Plan,
    state: State,
    address: &str,
    change: impl FnOnce(&mut crate::sandbox::inventory::LiveResource),
) {
    let arn = plan.find(state, address).and_then(|found| found.attributes.get("arn")?.as_str().map(str::to_owned));
    if let Some(live) = arn.and_then(|arn| plan.live_mut(&arn)) {
        change(live);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::seed;

    #[test]
    fn every_trap_is_set() {
        let seeded = seed::build(time::OffsetDateTime::UNIX_EPOCH);
        let live = |(state, address)| {
            let arn = seeded.plan.find(state, address).unwrap_or_else(|| panic!("{address}")).attributes["arn"].clone();
            seeded.plan.live.iter().find(|live| live.arn == arn).unwrap_or_else(|| panic!("{address}"))
        };
        assert!(NOT_YET_LISTED.into_iter().all(|trap| !live(trap).listed && live(trap).exists));
        assert!(live(TAGGED_BY_AWS).tags.contains_key("aws:backup:source-resource"));
        assert!(live(SEEN_LONG_AGO).last_reported_at < time::OffsetDateTime::UNIX_EPOCH - Duration::days(39));
        let zones = seeded
            .plan
            .declared
            .iter()
            .filter(|found| found.attributes.get("name").is_some_and(|name| name == "acme.example"));
        assert_eq!(
            zones.filter(|found| found.terraform_type == "aws_route53_zone").count(),
            2,
            "both states declare the zone"
        );
    }
}
