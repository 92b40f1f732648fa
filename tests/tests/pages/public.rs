//! What everybody may see and do.

use driftwise_tests::stage::{Props, Stage, small_world};
use serde_json::json;

use crate::browser::{Browser, Screen};
use crate::program;

async fn stage() -> Stage {
    Stage::open(program(), Props { world: Some(small_world()), ..Props::default() }).await.expect("the stage opens")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_public_page_is_good_to_see_on_every_screen() {
    let Some(browser) = Browser::start().await else { return };
    let stage = stage().await;
    let faulty = "/setup?account=12&region=mars-1&state=My_Bucket";
    let external = "/setup?account=123456789012&region=eu-central-1&trust=external-id&external_id=7K2QD-9FJXW&principal=111122223333";
    for (name, path) in [
        ("index", "/"),
        ("federation-info", "/federation-info"),
        ("setup", "/setup"),
        ("setup-faults", faulty),
        ("setup-external-id", external),
    ] {
        for screen in Screen::ALL {
            for dark in [false, true] {
                browser.show_on(screen, dark).await;
                browser.goto(&stage.url(path)).await;
                browser.picture(name, screen, dark).await;
                browser.assert_good(&format!("{name} on {screen:?}, dark: {dark}")).await;
            }
        }
    }
    browser.quit().await;
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fills_the_form_in_gets_documents_to_read_copy_and_download() {
    let Some(browser) = Browser::start().await else { return };
    let stage = stage().await;
    browser.goto(&stage.url("/setup")).await;
    let origin =
        json!({"origin": stage.issuer_url(), "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
    browser.cdp("Browser.grantPermissions", origin).await;

    browser.fill("#account", "210987654321").await;
    browser.fill("#role", "ops/scan").await;
    browser.fill("#region", "eu-west-1").await;
    browser.fill("#state", "acme-states/prod/").await;
    browser.click("label:has(#trust-subject)").await;
    browser.leave_by("form[method=get] button[type=submit]").await;
    let address = browser.driver().current_url().await.unwrap();
    assert!(address.query().unwrap().contains("account=210987654321"), "{address}");
    assert!(!address.query().unwrap().contains("kms_keys"), "what is empty is not asked for: {address}");
    let chips = browser.text(".chips").await;
    assert!(chips.contains("210987654321") && chips.contains("subject"), "{chips}");

    // The first tab is open; the others are tabs by mouse and by keyboard.
    assert_eq!(browser.text("[role=tab][aria-selected=true]").await, "JSON");
    browser.click("[role=tab][href='#terraform']").await;
    assert!(browser.text("#terraform").await.contains("aws_iam_role"));
    browser
        .run("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'Home', bubbles: true}))")
        .await;
    assert_eq!(browser.text("[role=tab][aria-selected=true]").await, "JSON");
    assert_eq!(browser.run("return document.activeElement.textContent").await, json!("JSON"), "the focus goes along");

    // What is copied is what is downloaded, to the letter, and nothing of the reasons.
    browser.click("#json button[data-copy]").await;
    browser.wait_for("the copy", "document.querySelector('#json button[data-copy]').dataset.state === 'done'").await;
    assert_eq!(browser.text("#announcer").await, "Trust policy of scan copied");
    let copied =
        browser.driver().execute_async("navigator.clipboard.readText().then(arguments[0])", Vec::new()).await.unwrap();
    let copied = copied.json().as_str().unwrap().to_owned();
    let link = browser.find("#json a[download]").await.prop("href").await.unwrap().unwrap();
    let download = reqwest::get(&link).await.unwrap();
    let disposition = download.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment; filename=\"trust-policy"), "{disposition}");
    let file = download.text().await.unwrap();
    assert_eq!(format!("{copied}\n"), file);
    assert!(file.contains("arn:aws:iam::210987654321:oidc-provider/"), "{file}");

    // Everything at once.
    let bundle = browser.find("a[href*='/bundle']").await.prop("href").await.unwrap().unwrap();
    let bundle = reqwest::get(&bundle).await.unwrap();
    assert_eq!(bundle.headers()["content-type"], "application/zip");
    assert!(bundle.bytes().await.unwrap().starts_with(b"PK\x03\x04"));

    // Reasons stand beside their lines, and can be put away.
    assert!(browser.find(".why").await.is_displayed().await.unwrap());
    browser.click("label:has(#reasons)").await;
    assert!(!browser.find(".why").await.is_displayed().await.unwrap());
    browser.assert_no_complaints("the set-up page").await;
    browser.quit().await;
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_answer_is_told_at_its_field_and_above_the_form() {
    let Some(browser) = Browser::start().await else { return };
    let stage = stage().await;
    browser.goto(&stage.url("/setup")).await;
    browser.fill("#account", "\"><b>12").await;
    browser.fill("#region", "mars-1").await;
    browser.leave_by("form[method=get] button[type=submit]").await;
    let summary = browser.text("[role=alert]").await;
    assert!(summary.contains("2 answers need another look") && summary.contains("AWS account id"), "{summary}");
    let focused = browser.run("return document.activeElement.getAttribute('role')").await;
    assert_eq!(focused, json!("alert"), "the summary is read first");
    let account = browser.find("#account").await;
    assert_eq!(account.prop("value").await.unwrap().unwrap(), "\"><b>12", "nothing typed is lost");
    assert_eq!(account.attr("aria-invalid").await.unwrap().unwrap(), "true");
    let described = account.attr("aria-describedby").await.unwrap().unwrap();
    assert!(described.starts_with("account-fault"), "{described}");
    let fault = browser.text("#account-fault").await;
    assert!(fault.starts_with("Error:") && fault.contains("quotes"), "{fault}");
    browser.click("[role=alert] a").await;
    assert_eq!(browser.run("return document.activeElement.id").await, json!("account"));
    assert_eq!(browser.count("article.document").await, 0, "no documents of wrong answers");
    browser.assert_no_complaints("the faulty form").await;
    browser.quit().await;
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_the_page_shows_every_form_and_no_button_that_does_nothing() {
    let Some(browser) = Browser::start().await else { return };
    let stage = stage().await;
    browser.run_scripts(false).await;
    browser.goto(&stage.url("/setup")).await;
    browser.picture("setup-without-scripts", Screen::Desktop, false).await;
    for panel in ["#json", "#cli", "#cloudformation", "#terraform"] {
        assert!(browser.find(panel).await.is_displayed().await.unwrap(), "{panel}");
    }
    for button in browser.driver().find_all(thirtyfour::By::Css("button[data-copy]")).await.unwrap() {
        assert!(!button.is_displayed().await.unwrap());
    }
    browser.fill("#account", "210987654321").await;
    browser.leave_by("form[method=get] button[type=submit]").await;
    assert!(browser.text(".chips").await.contains("210987654321"));
    browser.quit().await;
    stage.close().await.unwrap();
}
