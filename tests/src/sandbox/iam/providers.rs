//! OIDC identity providers.

use url::{Host, Url};

use super::{IamRequest, IamState, OidcProvider, state::no_such_entity, write};
use crate::sandbox::{Answer, AwsError, query::iso8601};

const URL_MAX: usize = 255;
const PROVIDERS_MAX: usize = 100;
const CLIENT_IDS_MAX: usize = 100;
const THUMBPRINTS_MAX: usize = 5;

pub(super) fn create(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let issuer = request.params.required("Url")?;
    let url = check_url(issuer)?;
    let client_ids = request.params.strings("ClientIDList");
    check_client_ids(&client_ids)?;
    let thumbprints = request.params.strings("ThumbprintList");
    check_thumbprints(&thumbprints)?;
    let arn = format!("arn:aws:iam::{}:oidc-provider/{url}", request.account_id);
    if iam.providers.contains_key(&arn) {
        return Err(AwsError::new(409, "EntityAlreadyExists", format!("Provider with url {issuer} already exists.")));
    }
    if iam.providers.len() >= PROVIDERS_MAX {
        return Err(limit(format!("Cannot exceed quota for OpenIdConnectProvidersPerAccount: {PROVIDERS_MAX}")));
    }
    let provider = OidcProvider {
        arn: arn.clone(),
        url,
        issuer: issuer.to_owned(),
        client_ids,
        thumbprints,
        created: request.now,
        tags: request.params.tags("Tags")?.into_iter().collect(),
    };
    let answer = request.reply(|xml| {
        xml.text("OpenIDConnectProviderArn", &arn);
        write::tags(xml, &provider.tags);
    });
    iam.providers.insert(arn, provider);
    Ok(answer)
}

/// The provider URL without its scheme, or why IAM refuses it.
///
/// AWS takes https alone. The sandbox also takes http for loopback addresses, because a test's issuer has no certificate that
/// a public authority signed; `http://127.0.0.1:8080/path` becomes `oidc-provider/127.0.0.1:8080/path`.
fn check_url(text: &str) -> Result<String, AwsError> {
    let refuse = || AwsError::bad_request("InvalidInput", "Invalid Open ID Connect Provider URL");
    let url = Url::parse(text).map_err(|_| refuse())?;
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => return Err(refuse()),
    };
    let scheme_fits = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    // "The URL must not contain a port number" binds public providers; a loopback one has no other way to be told apart.
    let port_fits = url.port().is_none() || is_loopback;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !scheme_fits || !port_fits || !is_plain || text.len() > URL_MAX {
        return Err(refuse());
    }
    text.split_once("://").map(|(_, rest)| rest.to_owned()).ok_or_else(refuse)
}

fn check_client_ids(client_ids: &[String]) -> Result<(), AwsError> {
    if client_ids.len() > CLIENT_IDS_MAX {
        return Err(limit(format!("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENT_IDS_MAX}")));
    }
    if client_ids.iter().all(|id| (1..=255).contains(&id.len())) {
        return Ok(());
    }
    Err(AwsError::validation("Client IDs must have a length between 1 and 255."))
}

/// Thumbprints are optional since a provider with a public certificate chain needs none; those given must be SHA-1 digests.
fn check_thumbprints(thumbprints: &[String]) -> Result<(), AwsError> {
    if thumbprints.len() > THUMBPRINTS_MAX {
        return Err(AwsError::bad_request("InvalidInput", "Thumbprint list must contain fewer than 5 entries."));
    }
    if thumbprints.iter().all(|print| print.len() == 40 && print.chars().all(|letter| letter.is_ascii_hexdigit())) {
        return Ok(());
    }
    Err(AwsError::validation("Thumbprint must be 40 hexadecimal digits."))
}

fn find<'a>(iam: &'a mut IamState, request: &IamRequest<'_>) -> Result<&'a mut OidcProvider, AwsError> {
    let arn = request.params.required("OpenIDConnectProviderArn")?;
    iam.providers.get_mut(arn).ok_or_else(|| no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}")))
}

pub(super) fn read(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let provider = find(iam, request)?;
    Ok(request.reply(|xml| {
        xml.text("Url", &provider.url);
        xml.strings("ClientIDList", &provider.client_ids);
        xml.strings("ThumbprintList", &provider.thumbprints);
        xml.strings("ThumbprintList", &provider.thumbprints);
        xml.text("CreateDate", iso8601(provider.created));
        write::tags(xml, &provider.tags);
    }))
}

pub(super) fn delete(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let arn = find(iam, request)?.arn.clone();
    iam.providers.remove(&arn);
    Ok(request.acknowledge())
}

pub(super) fn list(iam: &IamState, request: &IamRequest<'_>) -> Answer {
    request.reply(|xml| {
        xml.list("OpenIDConnectProviderList", iam.providers.keys(), |xml, arn| xml.text("Arn", arn));
    })
}

pub(super) fn add_client_id(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let provider = find(iam, request)?;
    let mut client_ids = provider.client_ids.clone();
    let added = request.params.required("ClientID")?;
    // Adding what is there succeeds and changes nothing.
    if !client_ids.iter().any(|id| id == added) {
        client_ids.push(added.to_owned());
    }
    check_client_ids(&client_ids)?;
    provider.client_ids = client_ids;
    Ok(request.acknowledge())
}

/// Replaces the whole list.
pub(super) fn update_thumbprints(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let thumbprints = request.params.strings("ThumbprintList");
    check_thumbprints(&thumbprints)?;
    find(iam, request)?.thumbprints = thumbprints;
    Ok(request.acknowledge())
}

pub(super) fn remove_client_id(iam: &mut IamState, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let removed = request.params.required("ClientID")?;
    find(iam, request)?.client_ids.retain(|id| id != removed);
    Ok(request.acknowledge())
}

fn limit(message: String) -> AwsError {
    AwsError::new(409, "LimitExceeded", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_for_loopback_issuers_alone() {
        assert_eq!(check_url("http://127.0.0.1:8080/oidc").unwrap(), "127.0.0.1:8080/oidc");
        assert_eq!(check_url("https://issuer.example.com/").unwrap(), "issuer.example.com/");
        for refused in [
            "http://issuer.example.com",
            "https://issuer.example.com:8443",
            "https://issuer.example.com?tenant=1",
            "issuer.example.com",
        ] {
            assert_eq!(check_url(refused).unwrap_err().code, "InvalidInput", "{refused}");
        }
    }
}
