//! The documents in plain words, so that an admin can compare what is meant with what stands there.

use super::view::pages::WordsView;
use crate::setup::request::{AccessLevel, SetupRequest, TrustChoice};
use crate::setup::{DocumentKind, SetupPlan};

/// What a request amounts to.
pub(super) fn words(request: &SetupRequest, plan: &SetupPlan) -> WordsView {
    let (admitted, refused) = trust(request);
    let (may, may_not) = access(request);
    WordsView { admitted, refused, may, may_not, by_hand: by_hand(request, plan) }
}

fn trust(request: &SetupRequest) -> (Vec<String>, Vec<String>) {
    match &request.trust {
        TrustChoice::Federated { form, role_authorized_by_idp } => {
            let mut admitted = vec![format!(
                "Agents of your organisation, by a token of {} whose subject is {}.",
                request.issuer.issuer,
                request.subject()
            )];
            let mut refused = vec![
                "Every other organisation of this issuer: its subject is another.".to_owned(),
                format!(
                    "Tokens for another audience than {}, and expired ones: each lives five minutes.",
                    request.issuer.audience
                ),
            ];
            if form.tags_the_session() {
                admitted.push("The token must also name the organisation as the session tag dw_org_id.".to_owned());
            }
            if *role_authorized_by_idp {
                refused.push("Tokens that were made for another role, even for another role of yours.".to_owned());
            }
            (admitted, refused)
        }
        TrustChoice::ExternalId { principal, .. } => (
            vec![format!("{principal}, when it states the External ID of this connection.")],
            vec![
                "The same principal for anybody else: it would state another External ID.".to_owned(),
                "Every other account, role and user.".to_owned(),
            ],
        ),
        TrustChoice::TwoLayer { user, .. } => (
            vec![format!("The user {user}, when it states the External ID.")],
            vec!["Every other user and role, of this account and of others.".to_owned()],
        ),
    }
}

fn access(request: &SetupRequest) -> (Vec<String>, Vec<String>) {
    let mut may = vec!["List what exists, by Resource Explorer, and read who may do what in IAM.".to_owned()];
    let mut may_not = vec!["Change anything. None of the documents allows a write.".to_owned()];
    match &request.access {
        AccessLevel::ReadOnlyAccess => {
            may.push("Describe resources of every service, by AWS’s ReadOnlyAccess.".to_owned());
            may_not.push(
                "Read table items, messages, query results, logs or code: that is denied in so many words.".to_owned(),
            );
            if !request.states.is_empty() {
                may_not.push("Read any object in S3 but the states.".to_owned());
            }
        }
        AccessLevel::LeastPrivilege(scope) => {
            may.push(match scope.types.types().len() {
                1 => "Describe resources of the one type that you listed.".to_owned(),
                count => format!("Describe resources of the {count} types that you listed."),
            });
            may_not.push("Describe anything else: what it can’t see, a scan reports as unknown.".to_owned());
        }
    }
    for state in &request.states {
        let reader = if request.state_reader.is_some() { " (the state reader alone)" } else { "" };
        let place = match &state.key_prefixes[..] {
            [] => format!("all of the bucket {}", state.bucket),
            prefixes => {
                let prefixes: Vec<String> = prefixes.iter().map(ToString::to_string).collect();
                format!("the bucket {} below {}", state.bucket, prefixes.join(", "))
            }
        };
        may.push(format!("Read Terraform states in {place}{reader}."));
    }
    (may, may_not)
}

fn by_hand(request: &SetupRequest, plan: &SetupPlan) -> Vec<String> {
    let mut lines = Vec::new();
    if request.states.is_empty() && matches!(request.access, AccessLevel::ReadOnlyAccess) {
        lines.push(
            "Name the bucket of your states above. Without it, objects of all buckets stay readable through ReadOnlyAccess."
                .to_owned(),
        );
    }
    lines.extend(plan.attach_by_hand.iter().map(|document| match document.kind {
        DocumentKind::BucketPolicy => format!(
            "Merge “{}” into the policy that the bucket has; needed where another account owns it.",
            document.title
        ),
        DocumentKind::KeyPolicy => format!("Merge “{}” into the policy that the key has.", document.title),
        DocumentKind::ServiceControlPolicy | DocumentKind::ResourceControlPolicy => {
            format!(
                "Attach “{}” in AWS Organizations, to a test account first; never to the management account.",
                document.title
            )
        }
        _ => format!("Apply “{}” by hand.", document.title),
    }));
    lines
}
