//! What an admin sees and does, from the one-time link to the checked policy.

use driftwise_tests::stage::{ACCOUNT_ID, Props, Stage, small_world};
use serde_json::json;

use crate::browser::{Browser, Screen};
use crate::program;

/// A policy that lets every org of the issuer in, and one whose provider is another account's.
fn bad_policy(stage: &Stage) -> String {
    let issuer = stage.issuer_url().split_once("://").unwrap().1;
    serde_json::to_string_pretty(&json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": format!("arn:aws:iam::999988887777:oidc-provider/{issuer}")},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {format!("{issuer}:aud"): "sts.amazonaws.com"}}
        }]
    }))
    .unwrap()
}

async fn see(browser: &Browser, name: &str) {
    for screen in Screen::ALL {
        for dark in [false, true] {
            browser.show_on(screen, dark).await;
            browser.picture(name, screen, dark).await;
            browser.assert_good(&format!("{name} on {screen:?}, dark: {dark}")).await;
        }
    }
    browser.show_on(Screen::Desktop, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_signs_in_by_link_makes_documents_of_an_org_and_has_a_bad_policy_found_out() {
    let Some(browser) = Browser::start().await else { return };
    let stage = Stage::open(program(), Props { world: Some(small_world()), ..Props::default() }).await.unwrap();
    let org = stage.create_org("Acme").await.unwrap();
    stage.register(org, &format!("arn:aws:iam::{ACCOUNT_ID}:role/scan"), "session-tag").await.unwrap();
    let invited = stage.issuer(&["admin", "invite", "--name", "ada"]).run().await.unwrap().success().unwrap();
    let link = invited.stdout.split_whitespace().find(|word| word.starts_with("http")).expect("a link").to_owned();

    browser.goto(&link).await;
    see(&browser, "link").await;
    browser.fill("#password", "correct horse battery staple").await;
    browser.fill("#again", "correct horse battery staple").await;
    browser.leave_by("main button[type=submit]").await;
    browser.goto(&stage.url("/orgs")).await;
    see(&browser, "orgs").await;
    assert!(browser.text("main").await.contains("1 account registered"));

    browser.leave_by("main a.card").await;
    see(&browser, "org-setup-empty").await;
    assert_eq!(browser.count("article.document").await, 0, "nothing is made of nothing");
    browser.fill("#account", ACCOUNT_ID).await;
    browser.fill("#role", "scan").await;
    browser.fill("#region", "eu-central-1").await;
    browser.fill("#state", "acme-states/prod/").await;
    browser.leave_by("form[method=get] button[type=submit]").await;
    let trust = browser.text("#json article.document").await;
    assert!(trust.contains(&format!("org-{org}")), "the org is filled in: {trust}");
    assert!(browser.text("#prove").await.contains("registered"), "the issuer knows the role");
    see(&browser, "org-setup").await;
    for tab in ["cli", "cloudformation", "terraform"] {
        browser.click(&format!("[role=tab][href='#{tab}']")).await;
        browser.show_on(Screen::Desktop, false).await;
        browser.picture(&format!("org-setup-{tab}"), Screen::Desktop, false).await;
        browser.assert_accessible(tab).await;
    }

    // The form itself is fine; what is pasted is not.
    let policy = bad_policy(&stage);
    browser
        .driver()
        .execute("document.getElementById('policy').value = arguments[0]", vec![json!(policy)])
        .await
        .expect("the box takes text");
    browser.leave_by("form.paste button[type=submit]").await;
    assert!(browser.count(".finding").await >= 2, "no sub, and a foreign provider");
    assert!(browser.text(".findings").await.contains("DW-TRUST-"));
    assert!(browser.count(".source li.hit").await >= 1, "the places are shown");
    let kept = browser.find("#policy").await.prop("value").await.unwrap().unwrap();
    assert_eq!(kept, policy, "what was pasted is still there");
    see(&browser, "org-lint").await;

    browser.leave_by("form[action$='/sign-out'] button").await;
    browser.goto(&stage.url(&format!("/orgs/{org}/setup"))).await;
    assert!(browser.driver().current_url().await.unwrap().path().ends_with("/sign-in"), "signed out");
    see(&browser, "sign-in").await;
    browser.quit().await;
    stage.close().await.unwrap();
}
