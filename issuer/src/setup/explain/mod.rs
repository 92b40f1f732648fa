//! Who gets in by a trust policy: what STS would do with one token, step by step, and which condition decides.
//!
//! The answer is about the policy. The token's signature is not checked, and the token never shown: only the claims that a
//! condition compares stand in the answer.
//!
//! - [`UnverifiedClaims`]: what a token says.
//! - [`explain`]: the steps of STS, then the same question for tokens that differ in one thing ([`Variant`]).
//! - [`Explanation`]: the answer, as text or JSON.
//!
//! Contract's evaluator decides; here is only what STS puts before it: which keys a token has, and in which order things are
//! refused (recorded of STS: the provider, the roles claim, then the trust policy for each action that the token needs).

mod answer;
mod claims;

use driftwise_contract::claims::ORG_TAG;
use driftwise_contract::policy::{
    Context, Decision, Evaluation, Failure, PolicyDocument, PrincipalKind, Request, RequestPrincipal,
};
use driftwise_contract::{OrgId, RoleArn, Subject};

pub use answer::{Explanation, Outcome, Statement, Step, Variant};
pub use claims::{ClaimsFault, UnverifiedClaims};

const ASSUME: &str = "sts:AssumeRoleWithWebIdentity";
/// The claims that AWS offers to trust policies for an issuer of one's own.
const OFFERED: [&str; 5] = ["aud", "oaud", "sub", "amr", "email"];
/// "Clock tolerance about 5 minutes" (observed).
const TOLERANCE_S: i64 = 300;

/// What is asked beside the policy and the token.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The role. None: the one that the token is pinned to, if there is just one.
    pub role: Option<RoleArn>,
    /// The time, in seconds since the epoch.
    pub now_s: i64,
    /// Whether the STS in question offers every claim as a condition key, which AWS's does not.
    pub exposes_claims: bool,
}

/// Says whether the token gets in, and why.
pub fn explain(document: &PolicyDocument, claims: &UnverifiedClaims, asked: &Asked) -> Explanation {
    let roles = claims.roles();
    let role = asked.role.clone().or_else(|| match roles.as_deref() {
        Some([only]) => Some(only.clone()),
        _ => None,
    });
    let mut steps = vec![required(claims), times(claims, asked.now_s)];
    let provider = provider(document, claims, role.as_ref());
    steps.push(provider_step(document, claims, provider.as_deref()));
    steps.push(pin(roles.as_deref(), role.as_ref()));
    let call = Call {
        provider: provider.unwrap_or_else(|| "(no provider of the policy)".into()),
        key: without_scheme(claims.text("iss").unwrap_or_default()).to_owned(),
        role: role.as_ref().map_or("*", RoleArn::as_str).to_owned(),
        subject: claims.text("sub").map(str::to_owned),
        audience: claims.text("azp").or_else(|| claims.texts("aud").first().copied()).map(str::to_owned),
        tags: claims.tags().into_iter().collect(),
        pinned: roles.is_some(),
        now_s: asked.now_s,
    };
    for action in call.actions(claims) {
        steps.push(decided(&call, document, claims, asked, action));
    }
    let outcome =
        if steps.iter().any(|step| step.outcome == Outcome::Refused) { Outcome::Refused } else { Outcome::Passed };
    Explanation {
        gets_in: outcome == Outcome::Passed,
        role: role.map(|role| role.to_string()),
        signature_checked: false,
        steps,
        variants: variants(&call, document, claims, asked),
    }
}

fn without_scheme(issuer: &str) -> &str {
    issuer.split_once("://").map_or(issuer, |(_, rest)| rest)
}

fn required(claims: &UnverifiedClaims) -> Step {
    let missing: Vec<_> = ["iss", "sub", "aud", "iat", "exp"].into_iter().filter(|claim| !claims.has(claim)).collect();
    let audiences = claims.texts("aud").len();
    let (outcome, text) = if !missing.is_empty() {
        (Outcome::Refused, format!("the token lacks {}: STS refuses it (InvalidIdentityToken)", missing.join(", ")))
    } else if audiences > 1 && !claims.has("azp") {
        (Outcome::Refused, "the token has several audiences and no azp: STS refuses it (InvalidIdentityToken)".into())
    } else if claims.has("azp") {
        (Outcome::Passed, "all claims are there; azp replaces aud as the audience".into())
    } else {
        (Outcome::Passed, "all claims that STS needs are there".into())
    };
    Step::new("claims", outcome, text)
}

fn times(claims: &UnverifiedClaims, now_s: i64) -> Step {
    let text = match (claims.seconds("iat"), claims.seconds("exp")) {
        (_, Some(exp)) if exp <= now_s - TOLERANCE_S => {
            "the token has expired, and STS would say so (ExpiredTokenException); what follows is as if it were fresh"
        }
        (Some(iat), _) if iat > now_s + TOLERANCE_S => {
            "the token was issued in the future; what follows is as if it were valid now"
        }
        _ => return Step::new("times", Outcome::Passed, "the token is valid now".into()),
    };
    Step::new("times", Outcome::Remark, text.into())
}

/// The provider of the policy that the token's issuer is, to the letter.
fn provider(document: &PolicyDocument, claims: &UnverifiedClaims, role: Option<&RoleArn>) -> Option<String> {
    let issuer = without_scheme(claims.text("iss")?);
    let mut named = federated(document).filter(|name| {
        name.split_once(":oidc-provider/").is_some_and(|(_, url)| url == issuer)
            && role
                .is_none_or(|role| name.starts_with(&format!("arn:{}:iam::{}:", role.partition(), role.account_id())))
    });
    // `"Principal": "*"` names none: the one that STS would find in the role's account.
    let own = role.map(|role| format!("arn:{}:iam::{}:oidc-provider/{issuer}", role.partition(), role.account_id()));
    named.next().map(str::to_owned).or(own)
}

fn federated(document: &PolicyDocument) -> impl Iterator<Item = &str> {
    let principals = document.statements().iter().filter_map(driftwise_contract::policy::Statement::principal);
    principals.flat_map(|principal| principal.listed().of_kind(PrincipalKind::Federated)).map(String::as_str)
}

fn provider_step(document: &PolicyDocument, claims: &UnverifiedClaims, provider: Option<&str>) -> Step {
    if let Some(found) = provider.filter(|provider| federated(document).any(|name| name == *provider)) {
        return Step::new("provider", Outcome::Passed, format!("the policy names the token's provider, {found}"));
    }
    let issuer = without_scheme(claims.text("iss").unwrap_or_default());
    let fold = |url: &str| url.trim_end_matches('/').to_lowercase();
    let near = federated(document).find(|name| {
        name.split_once(":oidc-provider/").is_some_and(|(_, url)| fold(without_scheme(url)) == fold(issuer))
    });
    let text = match near {
        Some(near) => format!(
            "the policy names {near:?}, and the token's issuer is {issuer:?}: an issuer must be the same to the letter, and the \
             provider in the role's own account"
        ),
        None => format!("the policy names no provider for the token's issuer {issuer:?}"),
    };
    Step::new("provider", Outcome::Remark, text)
}

fn pin(roles: Option<&[RoleArn]>, role: Option<&RoleArn>) -> Step {
    let (outcome, text) = match (roles, role) {
        (None, _) => (Outcome::Passed, "the token is pinned to no role".to_owned()),
        (Some([]), _) => (
            Outcome::Refused,
            "the roles claim names no valid role: STS refuses the token (InvalidIdentityToken)".into(),
        ),
        (Some(roles), Some(role)) if roles.contains(role) => {
            (Outcome::Passed, format!("the token is pinned to this role, {role}"))
        }
        (Some(_), Some(role)) => {
            let why =
                format!("the token is pinned to another role than {role}: STS refuses it before it reads the policy");
            (Outcome::Refused, why)
        }
        (Some(_), None) => (Outcome::Remark, "the token is pinned to several roles; --role says which is meant".into()),
    };
    Step::new("roles claim", outcome, text)
}

/// One call of STS, as the trust policy sees it.
#[derive(Clone)]
struct Call {
    provider: String,
    /// What the condition keys begin with.
    key: String,
    role: String,
    subject: Option<String>,
    audience: Option<String>,
    tags: Vec<(String, String)>,
    pinned: bool,
    now_s: i64,
}

impl Call {
    /// The actions that the token needs, in STS's order.
    fn actions(&self, claims: &UnverifiedClaims) -> Vec<&'static str> {
        let mut actions = vec![ASSUME];
        actions.extend((!self.tags.is_empty()).then_some("sts:TagSession"));
        actions.extend(claims.source_identity().map(|_| "sts:SetSourceIdentity"));
        actions
    }

    fn evaluate(
        &self,
        document: &PolicyDocument,
        claims: &UnverifiedClaims,
        asked: &Asked,
        action: &str,
    ) -> Evaluation {
        let key = |claim: &str| format!("{}:{claim}", self.key);
        let mut context = Context::new();
        if asked.exposes_claims {
            for (name, value) in claims.custom() {
                context.set(&key(name), value);
            }
        }
        if let Some(subject) = &self.subject {
            context.set(&key("sub"), subject);
        }
        if let Some(audience) = &self.audience {
            context.set(&key("aud"), audience);
        }
        context
            .set_many(&key("oaud"), claims.texts("aud"))
            .set_many(&key("amr"), claims.texts("amr"))
            .set("aws:FederatedProvider", &self.provider)
            .set("aws:PrincipalAccount", self.provider.split(':').nth(4).unwrap_or_default())
            .set("aws:PrincipalType", "User")
            .set("aws:userid", &self.provider)
            .set_number("aws:EpochTime", self.now_s)
            .set_many("aws:TagKeys", self.tags.iter().map(|(key, _)| key.clone()))
            .set_many("sts:TransitiveTagKeys", claims.transitive_tag_keys());
        if let Ok(now) = time::OffsetDateTime::from_unix_timestamp(self.now_s) {
            context.set_date("aws:CurrentTime", now);
        }
        if let Some(email) = claims.text("email") {
            context.set(&key("email"), email);
        }
        if let Some(source) = claims.source_identity() {
            context.set("sts:SourceIdentity", source);
        }
        for (tag, value) in &self.tags {
            context.set(&format!("aws:RequestTag/{tag}"), value);
        }
        // Recorded: it exists only during AssumeRoleWithWebIdentity.
        if action == ASSUME {
            context.set_bool("sts:RoleAuthorizedByIdp", self.pinned);
        }
        let request = Request::new(action, &self.role)
            .by(RequestPrincipal::Federated(self.provider.clone()))
            .with_context(context);
        document.evaluate(&request)
    }
}

fn decided(call: &Call, document: &PolicyDocument, claims: &UnverifiedClaims, asked: &Asked, action: &str) -> Step {
    let evaluation = call.evaluate(document, claims, asked, action);
    let by = evaluation.decided_by.as_ref().map(|by| name_of(by.index, by.sid.as_deref()));
    let (outcome, text) = match (evaluation.decision, by) {
        (Decision::Allow, Some(by)) => (Outcome::Passed, format!("{by} allows {action}")),
        (Decision::ExplicitDeny, Some(by)) => (Outcome::Refused, format!("{by} denies {action}")),
        _ => (Outcome::Refused, format!("no statement allows {action}")),
    };
    let statements = evaluation.statements.iter().map(|trace| Statement {
        name: name_of(trace.statement.index, trace.statement.sid.as_deref()),
        effect: trace.effect.as_str(),
        matches: trace.is_match(),
        failures: trace.failures.iter().map(|failure| told(failure, call, asked)).collect(),
    });
    Step { statements: statements.collect(), ..Step::new("trust policy", outcome, text) }
}

fn name_of(index: usize, sid: Option<&str>) -> String {
    match sid {
        Some(sid) => format!("statement {} ({sid:?})", index + 1),
        None => format!("statement {}", index + 1),
    }
}

/// A failure, and what is behind it where that is known.
fn told(failure: &Failure, call: &Call, asked: &Asked) -> String {
    let Failure::Condition { key, actual: None, .. } = failure else { return failure.to_string() };
    let lower = key.to_lowercase();
    let claim = key.strip_prefix(&call.key).and_then(|rest| rest.strip_prefix(':'));
    let hint = if let Some(claim) = claim.filter(|claim| !OFFERED.contains(claim) && !asked.exposes_claims) {
        format!(": {claim:?} is a custom claim, and AWS offers none to trust policies")
    } else if lower == "sts:roleauthorizedbyidp" {
        ": it exists for sts:AssumeRoleWithWebIdentity only".into()
    } else if lower.starts_with("aws:requesttag/") {
        ": the token carries no such tag".into()
    } else if lower.ends_with(":sub") || lower.ends_with(":aud") {
        ": it is a key of another provider than the token's".into()
    } else {
        ": the call decides it, not the token; not known here".into()
    };
    format!("{failure}{hint}")
}

/// An org that does not exist: a version 4 UUID that is never made.
const STRANGER: u128 = 0xffff_ffff_ffff_4fff_bfff_ffff_ffff_ffff;

/// The same token with one thing changed.
fn variants(call: &Call, document: &PolicyDocument, claims: &UnverifiedClaims, asked: &Asked) -> Vec<Variant> {
    let other = OrgId::from_uuid(uuid::Uuid::from_u128(STRANGER));
    let retagged = |tags: &[(String, String)]| {
        tags.iter()
            .map(|(key, value)| (key.clone(), if key == ORG_TAG { other.to_string() } else { value.clone() }))
            .collect::<Vec<_>>()
    };
    let stranger =
        Call { subject: Some(Subject::of_org(other).to_string()), tags: retagged(&call.tags), ..call.clone() };
    let mut changed = vec![
        ("a token of another org", false, stranger),
        (
            "a token for another audience",
            false,
            Call { audience: Some("another-audience.example".into()), ..call.clone() },
        ),
        ("a token that is pinned to no role", true, Call { pinned: false, ..call.clone() }),
    ];
    if !call.tags.is_empty() {
        changed.push(("a token without session tags", true, Call { tags: Vec::new(), ..call.clone() }));
        changed.push(("a token with another org's tag", true, Call { tags: retagged(&call.tags), ..call.clone() }));
    }
    changed
        .into_iter()
        .map(|(what, harmless, call)| {
            let mut kept_out_by = Vec::new();
            for action in call.actions(claims) {
                let evaluation = call.evaluate(document, claims, asked, action);
                if evaluation.is_allowed() {
                    continue;
                }
                match &evaluation.decided_by {
                    Some(by) => kept_out_by.push(format!("{} denies it", name_of(by.index, by.sid.as_deref()))),
                    None => kept_out_by.extend(nearest(&evaluation, &call, asked)),
                }
                break;
            }
            Variant {
                what,
                gets_in: kept_out_by.is_empty(),
                dangerous: kept_out_by.is_empty() && !harmless,
                kept_out_by,
            }
        })
        .collect()
}

/// What kept the statement out that came nearest to matching.
fn nearest(evaluation: &Evaluation, call: &Call, asked: &Asked) -> Vec<String> {
    let allowing = evaluation.statements.iter().filter(|trace| trace.effect.as_str() == "Allow");
    let nearest = allowing.min_by_key(|trace| {
        let elements = trace.failures.iter().filter(|failure| !matches!(failure, Failure::Condition { .. })).count();
        (elements, trace.failures.len())
    });
    nearest.map_or_else(
        || vec!["no statement allows anything".into()],
        |trace| trace.failures.iter().map(|failure| told(failure, call, asked)).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
        {"Sid": "In", "Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/id.example.com"},
         "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {
            "StringEquals": {"id.example.com:aud": "sts.amazonaws.com",
                "id.example.com:sub": "org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21",
                "aws:RequestTag/dw_org_id": "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21"},
            "Bool": {"sts:RoleAuthorizedByIdp": "true"}}},
        {"Sid": "Tag", "Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/id.example.com"},
         "Action": "sts:TagSession", "Condition": {
            "StringEquals": {"id.example.com:sub": "org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21"}}}]}"#;
    const CLAIMS: &str = r#"{"iss": "https://id.example.com", "sub": "org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21",
        "aud": "sts.amazonaws.com", "iat": 1800000000, "exp": 1800000300,
        "https://aws.amazon.com/roles": ["arn:aws:iam::123456789012:role/scan"],
        "https://aws.amazon.com/tags": {"principal_tags": {"dw_org_id": ["0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21"]},
            "transitive_tag_keys": ["dw_org_id"]}}"#;

    fn asked() -> Asked {
        Asked { now_s: 1_800_000_100, ..Asked::default() }
    }

    fn explained(policy: &str, claims: &str, asked: &Asked) -> Explanation {
        explain(&PolicyDocument::parse(policy).unwrap(), &UnverifiedClaims::of_json(claims).unwrap(), asked)
    }

    #[test]
    fn the_right_token_gets_in_and_each_wrong_one_is_kept_out_by_its_condition() {
        let answer = explained(POLICY, CLAIMS, &asked());
        insta::assert_snapshot!(answer.to_text());
        assert!(answer.gets_in);
        let (out, in_): (Vec<&Variant>, Vec<_>) = answer.variants.iter().partition(|variant| !variant.gets_in);
        assert_eq!((out.len(), in_.len()), (5, 0), "{}", answer.to_text());
    }

    #[test]
    fn what_keeps_a_token_out_is_named() {
        let role = "arn:aws:iam::123456789012:role/other".parse().unwrap();
        for (policy, claims, asked, expected) in [
            (POLICY.into(), CLAIMS.into(), Asked { role: Some(role), ..asked() }, "pinned to another role"),
            (POLICY.into(), CLAIMS.replace("\"sub\"", "\"subject\""), asked(), "lacks sub"),
            (POLICY.into(), CLAIMS.replace("id.example.com\"", "id.example.com/\""), asked(), "to the letter"),
            (POLICY.into(), CLAIMS.replace("\"aud\": \"sts.", "\"aud\": \"x."), asked(), "id.example.com:aud wants"),
            (POLICY.replace(":sub\": \"org", ":dw_org_id\": \"org"), CLAIMS.into(), asked(), "custom claim"),
            (
                POLICY.replace("sts:TagSession", "sts:SetSourceIdentity"),
                CLAIMS.into(),
                asked(),
                "no statement allows sts:TagSession",
            ),
        ] {
            let answer = explained(&policy, &claims, &asked);
            assert!(!answer.gets_in && answer.to_text().contains(expected), "{expected}: {}", answer.to_text());
        }
    }

    #[test]
    fn an_expired_token_is_judged_as_if_it_were_fresh() {
        let answer = explained(POLICY, CLAIMS, &Asked { now_s: 1_900_000_000, ..Asked::default() });
        assert!(answer.gets_in && answer.to_text().contains("expired"));
    }

    #[test]
    fn a_policy_that_lets_others_in_is_told_to_be_dangerous() {
        let lax = POLICY
            .replace(
                "\"id.example.com:sub\": \"org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21\"",
                "\"id.example.com:aud\": \"sts.amazonaws.com\"",
            )
            .replace("\"id.example.com:aud\": \"sts.amazonaws.com\",", "")
            .replace(
                "\"aws:RequestTag/dw_org_id\": \"0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21\"",
                "\"aws:userid\": \"arn:aws:iam::123456789012:oidc-provider/id.example.com\"",
            );
        let answer = explained(&lax, CLAIMS, &asked());
        assert!(answer.variants[0].gets_in && answer.variants[0].dangerous, "{}", answer.to_text());
        assert!(answer.to_text().contains("GETS IN"), "{}", answer.to_text());
    }
}
