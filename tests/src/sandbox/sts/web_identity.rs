//! `AssumeRoleWithWebIdentity`.

use driftwise_contract::policy::{Context, PolicyDocument, Request, RequestPrincipal};

use super::{
    claims::{Identity, SessionClaims, check_roles, check_times},
    parameters::Wanted,
    provider_keys::ProviderKeys,
    session::{self, Carried},
    token::{UnverifiedToken, invalid},
    verify,
};
use crate::sandbox::{
    Answer, AwsError, World,
    iam::{OidcProvider, Role},
    query::{Params, reply},
    route::Service,
};

const OPERATION: &str = "AssumeRoleWithWebIdentity";
/// An unsigned request names no region; the global endpoint is in this one.
const GLOBAL_REGION: &str = "us-east-1";

/// Verifies a token step by step, in AWS's order, and opens the session.
pub(super) async fn answer(world: &World, params: &Params, request_id: &str) -> Result<Answer, AwsError> {
    let wanted = Wanted::read(world, params)?;
    let token_text = params.required("WebIdentityToken")?;
    if params.optional("ProviderId").is_some() {
        // OAuth access tokens of Amazon and Facebook only: nobody else has a provider id (recorded).
        return Err(denied("sts:AssumeRoleWithWebIdentity"));
    }
    let token = UnverifiedToken::parse(token_text)?;
    let identity = Identity::read(&token.claims)?;
    let provider = registered_provider(world, &wanted, &identity)?;
    let Some(key_type) = verify::key_type(&token.algorithm) else {
        return Err(invalid(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        ));
    };
    let keys = ProviderKeys::fetch(&provider.issuer, key_type).await?;
    verify::check(&token, keys.choose(token.key_id.as_deref())?)?;
    check_times(&token.claims, world.now())?;
    let asked = SessionClaims::read(&token.claims)?;
    let is_role_authorized = check_roles(&token.claims, &wanted.role_arn)?;

    let role = settled_role(world, &wanted)?;
    let context = trust_context(world, &wanted, &provider, &identity, &asked, is_role_authorized);
    check_permission(world, &wanted, &role, &provider, &asked, &context)?;
    let carried = Carried {
        tags: asked.tags,
        transitive_tag_keys: asked.transitive_tag_keys,
        source_identity: asked.source_identity,
        federated_provider: Some(provider.arn.clone()),
        region: GLOBAL_REGION.to_owned(),
    };
    let opened = session::open(world, &role, &wanted, carried)?;
    Ok(reply(Service::Sts, OPERATION, request_id, |xml| {
        xml.text("SubjectFromWebIdentityToken", &identity.subject);
        opened.write(xml);
        xml.text("Provider", &provider.arn);
        xml.text("Audience", &identity.audience);
    }))
}

/// The provider of the token's issuer in the role's account, at which the audience is registered.
fn registered_provider(world: &World, wanted: &Wanted, identity: &Identity) -> Result<OidcProvider, AwsError> {
    let provider = world
        .account(wanted.role_arn.account_id().as_str(), |account| {
            // Compared to the letter: another slash or another case is another issuer.
            account.iam.providers.values().find(|provider| provider.issuer == identity.issuer).cloned()
        })
        .flatten()
        .ok_or_else(|| invalid(format!("No OpenIDConnect provider found in your account for {}", identity.issuer)))?;
    if !provider.client_ids.contains(&identity.audience) {
        return Err(invalid("Incorrect token audience"));
    }
    Ok(provider)
}

/// The role, once it is there: a missing one and a new one are refused alike.
fn settled_role(world: &World, wanted: &Wanted) -> Result<Role, AwsError> {
    world
        .account_mut(wanted.role_arn.account_id().as_str(), |account| {
            let role = account.iam.roles.get_mut(wanted.role_arn.role_name())?;
            if role.arn != wanted.role_arn.as_str() {
                return None;
            }
            if role.refusals_left > 0 {
                role.refusals_left -= 1;
                return None;
            }
            Some(role.clone())
        })
        .flatten()
        .ok_or_else(|| denied("sts:AssumeRoleWithWebIdentity"))
}

/// The condition keys of a trust policy. Of the claims only `sub`, `aud`, `amr` and `email` become keys, never a custom one.
fn trust_context(
    world: &World,
    wanted: &Wanted,
    provider: &OidcProvider,
    identity: &Identity,
    asked: &SessionClaims,
    is_role_authorized: bool,
) -> Context {
    let now = world.now();
    let key = |name: &str| format!("{}:{name}", provider.url);
    let mut context = Context::new();
    context
        .set(&key("sub"), &identity.subject)
        .set(&key("aud"), &identity.audience)
        .set_many(&key("oaud"), identity.audiences.iter().cloned())
        .set_many(&key("amr"), identity.methods.iter().cloned())
        .set("aws:FederatedProvider", &provider.arn)
        .set("aws:PrincipalAccount", wanted.role_arn.account_id().as_str())
        .set("aws:PrincipalType", "User")
        .set("aws:userid", &provider.arn)
        .set("aws:RequestedRegion", GLOBAL_REGION)
        .set("aws:SourceIp", "127.0.0.1")
        .set_bool("aws:SecureTransport", false)
        .set_date("aws:CurrentTime", now)
        .set_number("aws:EpochTime", now.unix_timestamp())
        .set("sts:RoleSessionName", &wanted.session_name)
        .set_bool("sts:RoleAuthorizedByIdp", is_role_authorized)
        .set_many("sts:TransitiveTagKeys", asked.transitive_tag_keys.iter().cloned())
        .set_many("aws:TagKeys", asked.tags.keys().cloned());
    if let Some(email) = &identity.email {
        context.set(&key("email"), email);
    }
    if let Some(duration_s) = wanted.duration_s {
        context.set_number("sts:DurationSeconds", duration_s);
    }
    if let Some(source) = &asked.source_identity {
        context.set("sts:SourceIdentity", source);
    }
    for (tag, value) in &asked.tags {
        context.set(&format!("aws:RequestTag/{tag}"), value);
    }
    context
}

/// The trust policy must allow each thing that the token asks for, and no resource control policy of the role's account may deny
/// it. (AWS's words where the latter denies are not recorded: the same are taken.)
fn check_permission(
    world: &World,
    wanted: &Wanted,
    role: &Role,
    provider: &OidcProvider,
    asked: &SessionClaims,
    context: &Context,
) -> Result<(), AwsError> {
    let policy = PolicyDocument::parse(&role.trust_policy).map_err(|_| denied("sts:AssumeRoleWithWebIdentity"))?;
    let actions = [
        ("sts:AssumeRoleWithWebIdentity", true),
        ("sts:TagSession", !asked.tags.is_empty()),
        ("sts:SetSourceIdentity", asked.source_identity.is_some()),
    ];
    // Recorded: the key exists only during AssumeRoleWithWebIdentity. Read strictly, the other actions do not have it.
    let mut context_of_others = context.clone();
    context_of_others.remove("sts:RoleAuthorizedByIdp");
    for (index, (action, _)) in actions.into_iter().enumerate().filter(|(_, (_, is_asked))| *is_asked) {
        let context = if index == 0 { context } else { &context_of_others };
        let request = Request::new(action, &role.arn)
            .by(RequestPrincipal::Federated(provider.arn.clone()))
            .with_context(context.clone());
        let owner = wanted.role_arn.account_id().as_str();
        if !policy.evaluate(&request).is_allowed() || world.is_denied_by_rcp(owner, None, &request) {
            return Err(denied(action));
        }
    }
    Ok(())
}

fn denied(action: &str) -> AwsError {
    AwsError::access_denied(format!("Not authorized to perform {action}"))
}
