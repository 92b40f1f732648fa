//! The set-up pages over HTTP: what a browser without scripts gets. `tests/tests/pages` looks at them in Chromium.

use driftwise_contract::claims::TrustForm;
use driftwise_issuer::setup::forms::TemplateUrl;

use crate::harness::TestIssuer;

const ASKED: &str = "account=123456789012&region=eu-central-1&state=acme-states%2Fprod%2F";

#[tokio::test]
async fn what_is_shown_to_everybody_is_kept_apart_from_what_is_an_orgs_own() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let public = issuer.get("/setup").await;
    assert_eq!(public.headers()["cache-control"], "no-cache");
    let policy = public.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("script-src 'self'") && policy.contains("form-action 'self'"), "{policy}");
    let html = public.text().await.unwrap();
    assert!(html.contains("111122223333") && !html.contains(&org.id.to_string()), "placeholders");

    let admin = issuer.admin("ada").await;
    let by_admin = |path: String| issuer.http.get(format!("{}{path}", issuer.url)).header("cookie", &admin).send();
    let page = by_admin(format!("/orgs/{}/setup?{ASKED}", org.id)).await.unwrap();
    assert_eq!(page.headers()["cache-control"], "no-store");
    assert!(page.text().await.unwrap().contains(&format!("org-{}", org.id)));
    let list = by_admin("/orgs".to_owned()).await.unwrap().text().await.unwrap();
    assert!(list.contains("Acme") && list.contains("1 account registered"));
    let elsewhere = by_admin("/orgs/0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21/setup".to_owned()).await.unwrap();
    assert_eq!(elsewhere.status(), 404);
}

#[tokio::test]
async fn every_form_is_downloaded_by_itself_and_all_of_it_as_an_archive() {
    let issuer = TestIssuer::start().await;
    for form in ["json", "cli", "cloudformation", "terraform"] {
        let file = issuer.get(&format!("/setup/download?{ASKED}&as={form}")).await;
        assert_eq!(file.status(), 200, "{form}");
        let disposition = file.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert!(disposition.starts_with("attachment; filename=\""), "{form}: {disposition}");
        assert!(file.text().await.unwrap().contains("123456789012"), "{form}");
    }
    for (query, status) in [("as=json&file=../../etc/passwd", 404), ("as=nonsense", 404), ("as=json&account=1", 400)] {
        let asked = if query.contains("account") { query.to_owned() } else { format!("{ASKED}&{query}") };
        assert_eq!(issuer.get(&format!("/setup/download?{asked}")).await.status(), status, "{query}");
    }
    let bundle = issuer.get(&format!("/setup/bundle?{ASKED}")).await;
    assert_eq!(bundle.headers()["content-disposition"], "attachment; filename=\"driftwise-123456789012.zip\"");
    let bytes = bundle.bytes().await.unwrap();
    assert!(bytes.starts_with(b"PK\x03\x04"));
    assert_eq!(bytes, issuer.get(&format!("/setup/bundle?{ASKED}")).await.bytes().await.unwrap(), "the same again");
}

#[tokio::test]
async fn what_somebody_typed_comes_back_escaped_and_reaches_no_document() {
    let issuer = TestIssuer::start().await;
    let hostile = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for field in ["account", "role", "region", "trust", "access", "types", "state", "kms_keys", "iac_roles", "abac"] {
        let html = issuer.get(&format!("/setup?{field}={hostile}")).await.text().await.unwrap();
        assert!(!html.contains("<script>alert") && !html.contains("\"><script"), "{field}");
        assert!(html.contains("another look") && !html.contains("class=\"card document\""), "{field}");
    }
}

#[tokio::test]
async fn an_external_id_that_is_not_given_is_made_and_stays_in_the_address() {
    let issuer = TestIssuer::start().await;
    let asked = format!("/setup?{ASKED}&trust=external-id&principal=111122223333");
    let made = async || issuer.get(&asked).await.headers()["location"].to_str().unwrap().to_owned();
    let (one, other) = (made().await, made().await);
    assert!(one.contains("external_id=dw-") && one != other, "{one}");
    let page = issuer.get(&one).await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("sts:ExternalId"));
}

#[tokio::test]
async fn a_pasted_policy_is_judged_and_comes_back() {
    let issuer = TestIssuer::start().await;
    let lint = async |policy: &str| {
        let request = issuer.http.post(format!("{}/setup/lint", issuer.url)).form(&[("policy", policy)]);
        request.send().await.unwrap().text().await.unwrap()
    };
    let open = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}"#;
    let html = lint(open).await;
    assert!(html.contains("must not stay") && html.contains("DW-TRUST-") && html.contains("id=\"line-1\""), "{html}");
    assert!(lint("{\n</textarea><script>").await.contains("&#60;/textarea&#62;&#60;script&#62;"));
    let good = issuer.get(&format!("/setup/download?{ASKED}")).await.text().await.unwrap();
    assert!(lint(&good).await.contains("Nothing is wrong"));
}

#[tokio::test]
async fn where_templates_have_an_address_an_orgs_page_opens_the_console_with_them() {
    let issuer = TestIssuer::start_changed("", |config| {
        let base = TemplateUrl::parse("https://acme.s3.eu-central-1.amazonaws.com/driftwise").unwrap();
        config.setup.template_url = Some(base);
    })
    .await;
    let org = issuer.org("Acme").await;
    let admin = issuer.admin("ada").await;
    let by_admin = |path: String| issuer.http.get(format!("{}{path}", issuer.url)).header("cookie", &admin).send();
    let lies_at =
        format!("acme.s3.eu-central-1.amazonaws.com/driftwise/{}/123456789012/driftwise.cloudformation.json", org.id);
    let encoded = lies_at.replace('/', "%2F");
    let html = by_admin(format!("/orgs/{}/setup?{ASKED}", org.id)).await.unwrap().text().await.unwrap();
    let link = "https://console.aws.amazon.com/cloudformation/home?region=eu-central-1#/stacks/create/review";
    assert_eq!(html.matches(link).count(), 1, "{html}");
    assert!(html.contains(&encoded) && html.contains(&lies_at), "{html}");
    let bundle = by_admin(format!("/orgs/{}/setup/bundle?{ASKED}", org.id)).await.unwrap().bytes().await.unwrap();
    // The archive holds its files as they are.
    assert!(bundle.windows(encoded.len()).any(|bytes| bytes == encoded.as_bytes()), "no link in the README");
    // For the org of the public page nobody puts templates up.
    let public = issuer.get(&format!("/setup?{ASKED}")).await.text().await.unwrap();
    assert!(!public.contains("stacks/create/review"));
}
