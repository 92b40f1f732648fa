//! Signing in to the pages, and every way to get in without: a browser's cookies and forms over real sockets.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use driftwise_issuer::accounts::admin::{AdminId, LinkPurpose, SecretToken};
use driftwise_issuer::clock::Clock as _;
use driftwise_issuer::config::Config;
use driftwise_issuer::store::admin_links::{self, Link};
use driftwise_issuer::store::{admins, audit, web_sessions};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::command_line::Program;
use crate::harness::TestIssuer;

const PASSWORD: &str = "correct horse battery staple";
const OTHER_PASSWORD: &str = "purple monkey dishwasher 42";

/// What a page answered.
struct Page {
    status: u16,
    location: Option<String>,
    cookies: Vec<String>,
    retry_after_s: Option<u64>,
    headers: reqwest::header::HeaderMap,
    text: String,
}

/// A browser with its cookies.
struct Browser<'a> {
    issuer: &'a TestIssuer,
    cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    fn new(issuer: &'a TestIssuer) -> Self {
        Self { issuer, cookies: BTreeMap::new() }
    }

    fn cookie(&self, name: &str) -> Option<&String> {
        self.cookies.get(name)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.issuer.http.request(method, format!("{}{path}", self.issuer.url));
        request.header("accept", "text/html").header("cookie", cookies.join("; "))
    }

    async fn send(&mut self, request: RequestBuilder) -> Page {
        let response = request.send().await.unwrap();
        let text = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let cookies: Vec<String> =
            response.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect();
        for cookie in &cookies {
            let (name, rest) = cookie.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
            }
        }
        Page {
            status: response.status().as_u16(),
            location: text("location"),
            retry_after_s: text("retry-after").map(|text| text.parse().unwrap()),
            headers: response.headers().clone(),
            cookies,
            text: response.text().await.unwrap(),
        }
    }

    async fn get(&mut self, path: &str) -> Page {
        self.send(self.request(Method::GET, path)).await
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        self.send(self.request(Method::POST, path).form(form)).await
    }

    /// Sends a form as the page at `from` has it.
    async fn submit(&mut self, from: &str, to: &str, form: &[(&str, &str)]) -> Page {
        let page = self.get(from).await;
        let csrf = csrf(&page);
        let form: Vec<(&str, &str)> = form.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        self.post(to, &form).await
    }

    async fn sign_in(&mut self, name: &str, password: &str) -> Page {
        self.submit("/sign-in", "/sign-in", &[("name", name), ("password", password)]).await
    }
}

fn csrf(page: &Page) -> String {
    let rest = page.text.split("name=\"csrf\" value=\"").nth(1).unwrap_or_else(|| panic!("no form: {}", page.text));
    rest.split('"').next().unwrap().to_owned()
}

/// The path of a new link.
async fn link(issuer: &TestIssuer, purpose: LinkPurpose, name: Option<&str>, admin: Option<AdminId>) -> String {
    let (token, now_ms) = (SecretToken::generate().unwrap(), issuer.clock.now_ms());
    let name = name.map(|name| name.parse().unwrap());
    let link = Link { purpose, name, admin, expires_at_ms: now_ms + 3_600_000 };
    let mut db = issuer.store.connection().await.unwrap();
    admin_links::insert(&mut db, &token.hash(), &link, now_ms).await.unwrap();
    format!("/sign-in/link?token={}", token.reveal())
}

/// Uses a link.
async fn choose(browser: &mut Browser<'_>, link: &str, name: &str, password: &str) -> Page {
    let token = link.split('=').next_back().unwrap();
    let form = [("token", token), ("name", name), ("password", password), ("again", password)];
    browser.submit(link, "/sign-in/link", &form).await
}

/// An admin with [`PASSWORD`].
async fn admin(issuer: &TestIssuer, name: &str) {
    let link = link(issuer, LinkPurpose::Invite, Some(name), None).await;
    assert_eq!(choose(&mut Browser::new(issuer), &link, "", PASSWORD).await.status, 303);
}

/// Types of the platform's rows in the audit log, once the rows that are on their way are there.
async fn events(issuer: &TestIssuer) -> Vec<Value> {
    let mut db = issuer.store.connection().await.unwrap();
    let rows = audit::page(&mut db, driftwise_issuer::audit::Chain::Platform, 0, 1_000).await.unwrap();
    rows.iter().map(|row| serde_json::from_str(&row.event).unwrap()).collect()
}

#[tokio::test]
async fn the_first_admin_comes_by_a_link_that_works_once_and_signs_out_and_in_again() {
    let issuer = TestIssuer::start().await;
    let mut browser = Browser::new(&issuer);
    let (first, second) =
        (link(&issuer, LinkPurpose::First, None, None).await, link(&issuer, LinkPurpose::First, None, None).await);

    // Mistakes are told at their fields and use nothing up.
    for (name, password, again, fault) in [
        ("ada", "short", "short", "fewer than 12 characters"),
        ("ada", "password1234", "password1234", "first that anybody would try"),
        ("ada", PASSWORD, OTHER_PASSWORD, "not the password above"),
        ("a d a", PASSWORD, PASSWORD, "letters a-z"),
        ("<script>alert(1)</script>", PASSWORD, PASSWORD, "letters a-z"),
    ] {
        let token = first.split('=').next_back().unwrap();
        let form = [("token", token), ("name", name), ("password", password), ("again", again)];
        let page = browser.submit(&first, "/sign-in/link", &form).await;
        assert_eq!(page.status, 422, "{name} {password}");
        assert!(page.text.contains(fault), "{}", page.text);
        assert!(!page.text.contains(password) && !page.text.contains("<script>alert"), "echoed: {}", page.text);
    }

    let page = choose(&mut browser, &first, "Ada", PASSWORD).await;
    assert_eq!((page.status, page.location.as_deref()), (303, Some("/orgs")));
    assert!(page.cookies.iter().any(|cookie| {
        cookie.starts_with("driftwise-session=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax")
    }));
    let account = browser.get("/account").await;
    assert_eq!(account.status, 200);
    assert!(account.text.contains("<dd>ada</dd>"));
    assert_eq!(account.headers["cache-control"], "no-store");
    assert_eq!(account.headers["referrer-policy"], "same-origin");

    // Used, and worth nothing any more.
    for spent in [&first, &second] {
        assert_eq!(Browser::new(&issuer).get(spent).await.status, 404);
    }

    let session = browser.cookie("driftwise-session").unwrap().clone();
    let out = browser.submit("/account", "/sign-out", &[]).await;
    assert_eq!((out.status, out.location.as_deref()), (303, Some("/sign-in")));
    assert_eq!(browser.cookie("driftwise-session"), None);
    // Who kept the cookie has nothing.
    browser.cookies.insert("driftwise-session".into(), session);
    assert_eq!(browser.get("/account").await.location.as_deref(), Some("/sign-in?next=%2Faccount"));

    let back = browser.sign_in(" ADA ", PASSWORD).await;
    assert_eq!((back.status, back.location.as_deref()), (303, Some("/orgs")));
    assert_eq!(browser.get("/sign-in").await.location.as_deref(), Some("/orgs"), "signed in already");
    let names: Vec<String> = events(&issuer).await.iter().map(|event| event["type"].as_str().unwrap().into()).collect();
    let ours: Vec<&str> = names.iter().map(String::as_str).filter(|name| !name.starts_with("key_")).collect();
    assert_eq!(ours, ["admin_created", "signed_in", "signed_out", "signed_in"]);
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_becomes_the_admin() {
    let issuer = TestIssuer::start().await;
    let first = link(&issuer, LinkPurpose::First, None, None).await;
    let (mut one, mut other) = (Browser::new(&issuer), Browser::new(&issuer));
    let both = futures::join!(choose(&mut one, &first, "ada", PASSWORD), choose(&mut other, &first, "eve", PASSWORD));
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404]);
    assert_eq!(admins::list(&mut issuer.store.connection().await.unwrap()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_a_taken_name_leaves_it_whole() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    let invitation = link(&issuer, LinkPurpose::Invite, None, None).await;
    let mut browser = Browser::new(&issuer);
    let page = choose(&mut browser, &invitation, "ada", PASSWORD).await;
    assert_eq!(page.status, 422);
    assert!(page.text.contains("another admin has this name"));
    assert_eq!(browser.get(&invitation).await.status, 200);
    issuer.clock.advance(3_600);
    assert_eq!(browser.get(&invitation).await.status, 404);
    assert_eq!(
        browser.get(&link(&issuer, LinkPurpose::First, None, None).await).await.status,
        404,
        "there is an admin"
    );
}

#[tokio::test]
async fn a_reset_link_sets_the_password_and_ends_every_session() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    let mut old = Browser::new(&issuer);
    assert_eq!(old.sign_in("ada", PASSWORD).await.status, 303);
    let id = admins::list(&mut issuer.store.connection().await.unwrap()).await.unwrap()[0].id;
    let reset = link(&issuer, LinkPurpose::Reset, Some("ada"), Some(id)).await;
    let mut new = Browser::new(&issuer);
    // The name in the form is only shown.
    assert_eq!(choose(&mut new, &reset, "eve", OTHER_PASSWORD).await.status, 303);
    assert!(new.get("/account").await.text.contains("<dd>ada</dd>"));
    assert_eq!(old.get("/account").await.status, 303, "the old session");
    assert_eq!(Browser::new(&issuer).sign_in("ada", PASSWORD).await.status, 403, "the old password");
    assert_eq!(Browser::new(&issuer).sign_in("ada", OTHER_PASSWORD).await.status, 303);
}

#[tokio::test]
async fn another_password_takes_the_old_one_and_ends_every_other_session() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    let (mut here, mut there) = (Browser::new(&issuer), Browser::new(&issuer));
    assert_eq!(here.sign_in("ada", PASSWORD).await.status, 303);
    assert_eq!(there.sign_in("ada", PASSWORD).await.status, 303);
    assert!(here.get("/account").await.text.contains("3 browsers are signed in"), "the invited one too");
    let session = here.cookie("driftwise-session").cloned();
    for (current, password, again, fault) in [
        (OTHER_PASSWORD, OTHER_PASSWORD, OTHER_PASSWORD, "not your password"),
        (PASSWORD, "short", "short", "fewer than 12"),
        (PASSWORD, OTHER_PASSWORD, PASSWORD, "not the password above"),
    ] {
        let form = [("current", current), ("password", password), ("again", again)];
        let page = here.submit("/account", "/account/password", &form).await;
        assert_eq!(page.status, 422);
        assert!(page.text.contains(fault), "{fault}");
    }
    let form = [("current", PASSWORD), ("password", OTHER_PASSWORD), ("again", OTHER_PASSWORD)];
    assert_eq!(here.submit("/account", "/account/password", &form).await.status, 303);
    assert_ne!(here.cookie("driftwise-session").cloned(), session);
    assert!(here.get("/account").await.text.contains("1 browser is signed in"));
    assert_eq!(there.get("/account").await.status, 303);

    let everywhere = here.submit("/account", "/sign-out/everywhere", &[]).await;
    assert_eq!(everywhere.location.as_deref(), Some("/sign-in"));
    assert_eq!(here.get("/account").await.status, 303);
}

#[tokio::test]
async fn a_session_ends_unused_after_half_an_hour_and_used_after_twelve() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    let mut browser = Browser::new(&issuer);
    browser.sign_in("ada", PASSWORD).await;
    // 29 minutes at a time.
    for _ in 0..24 {
        issuer.clock.advance(29 * 60);
        assert_eq!(browser.get("/account").await.status, 200);
    }
    issuer.clock.advance(24 * 60);
    assert_eq!(browser.get("/account").await.status, 303, "12 hours after its beginning");
    browser.sign_in("ada", PASSWORD).await;
    issuer.clock.advance(30 * 60);
    assert_eq!(browser.get("/account").await.status, 303, "unused for half an hour");
}

#[tokio::test]
async fn a_session_that_was_planted_is_not_the_one_that_is_signed_in() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    admin(&issuer, "eve").await;
    // Planted: a token of nobody's, and a live session of the attacker's own.
    let mut attacker = Browser::new(&issuer);
    attacker.sign_in("eve", PASSWORD).await;
    let attackers = attacker.cookie("driftwise-session").unwrap().clone();
    for planted in [SecretToken::generate().unwrap().reveal(), attackers.clone()] {
        let mut victim = Browser::new(&issuer);
        let page = victim.get("/sign-in").await;
        let token = csrf(&page);
        victim.cookies.insert("driftwise-session".into(), planted.clone());
        let form = [("csrf", token.as_str()), ("name", "ada"), ("password", PASSWORD)];
        assert_eq!(victim.post("/sign-in", &form).await.status, 303);
        assert_ne!(victim.cookie("driftwise-session"), Some(&planted));
        assert!(victim.get("/account").await.text.contains("<dd>ada</dd>"));
        let mut thief = Browser::new(&issuer);
        thief.cookies.insert("driftwise-session".into(), planted);
        assert_eq!(thief.get("/account").await.status, 303, "it opens nothing");
    }
    // The cookie of the visit, which the attacker may know too, opens nothing.
    let mut visit = Browser::new(&issuer);
    visit.get("/sign-in").await;
    let value = visit.cookie("driftwise-visit").unwrap().clone();
    visit.cookies.insert("driftwise-session".into(), value);
    assert_eq!(visit.get("/account").await.status, 303);
}

#[tokio::test]
async fn a_form_counts_only_with_a_token_of_its_own_session_from_a_page_of_ours() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    admin(&issuer, "eve").await;
    let (mut ada, mut eve, mut visitor) = (Browser::new(&issuer), Browser::new(&issuer), Browser::new(&issuer));
    let visits = csrf(&visitor.get("/sign-in").await);
    ada.sign_in("ada", PASSWORD).await;
    eve.sign_in("eve", PASSWORD).await;
    let (own, foreign) = (csrf(&ada.get("/account").await), csrf(&eve.get("/account").await));
    let session = ada.cookie("driftwise-session").unwrap().clone();
    let path = "/sign-out";
    for form in [
        &[][..],
        &[("csrf", "")],
        &[("csrf", "garbage")],
        &[("csrf", &own[1..])],
        &[("csrf", &foreign)],
        &[("csrf", &visits)],
        &[("csrf", &session)],
        &[("csrf", &own), ("csrf", &own)],
        &[("csrf", &own), ("csrf", &foreign)],
    ] {
        let page = ada.post(path, form).await;
        assert_eq!(page.status, 403, "{form:?}");
        assert!(page.text.contains("form_stale") && page.headers["content-type"] == "text/html; charset=utf-8");
    }
    let form = [("csrf", own.as_str())];
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let page = ada.send(ada.request(Method::POST, path).header(name, value).form(&form)).await;
        assert_eq!(page.status, 403, "{name}: {value}");
        assert!(page.text.contains("form_foreign"));
    }
    // In the query, as another type, or by GET it is no form.
    let in_query = ada.send(ada.request(Method::POST, &format!("{path}?csrf={own}"))).await;
    assert_eq!(in_query.status, 400);
    let as_text = ada.request(Method::POST, path).header("content-type", "text/plain").body(format!("csrf={own}"));
    assert_eq!(ada.send(as_text).await.status, 400);
    let as_json = ada.request(Method::POST, path).json(&serde_json::json!({"csrf": own}));
    assert_eq!(ada.send(as_json).await.status, 400);
    assert_eq!(ada.get(&format!("{path}?csrf={own}")).await.status, 405);
    assert_eq!(ada.get("/account").await.status, 200, "still signed in");

    // The sign-in form as well: nobody is signed in to an attacker's account.
    let cross = visitor.request(Method::POST, "/sign-in").header("origin", "https://evil.example");
    let form = [("csrf", visits.as_str()), ("name", "eve"), ("password", PASSWORD)];
    assert_eq!(visitor.send(cross.form(&form)).await.status, 403);
    visitor.cookies.clear();
    assert_eq!(visitor.post("/sign-in", &form).await.status, 403, "without the visit's cookie");

    let page = ada.request(Method::POST, path).header("origin", &issuer.url).header("sec-fetch-site", "same-origin");
    assert_eq!(ada.send(page.form(&[("csrf", own.as_str())])).await.status, 303);
}

#[tokio::test]
async fn after_signing_in_a_browser_goes_to_a_page_of_ours_and_nowhere_else() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    for (next, to) in [
        ("/account?x=1&y=%20", "/account?x=1&y=%20"),
        ("//evil.example", "/orgs"),
        ("/\\evil.example", "/orgs"),
        ("/\t/evil.example", "/orgs"),
        ("https://evil.example/", "/orgs"),
        ("javascript:alert(1)", "/orgs"),
        ("/account\r\nset-cookie: a=b", "/orgs"),
        ("\"><script>alert(1)</script>", "/orgs"),
    ] {
        let mut browser = Browser::new(&issuer);
        let query = reqwest::Url::parse_with_params("http://x/sign-in", [("next", next)]).unwrap();
        let page = browser.get(&format!("/sign-in?{}", query.query().unwrap())).await;
        assert_eq!(page.status, 200);
        assert!(
            !page.text.contains("evil.example") && !page.text.contains("alert(1)"),
            "{next:?} is not carried along"
        );
        let token = csrf(&page);
        let form = [("csrf", token.as_str()), ("name", "ada"), ("password", PASSWORD), ("next", next)];
        let page = browser.post("/sign-in", &form).await;
        assert_eq!((page.status, page.location.as_deref()), (303, Some(to)), "{next:?}");
        assert!(!page.cookies.iter().any(|cookie| cookie.starts_with("a=")));
        let signed_in = browser.get(&format!("/sign-in?{}", query.query().unwrap())).await;
        assert_eq!(signed_in.location.as_deref(), Some(to));
    }
}

#[tokio::test]
async fn below_a_path_every_way_leads_below_it() {
    let issuer = TestIssuer::start_below("/t/acme").await;
    admin(&issuer, "ada").await;
    let mut browser = Browser::new(&issuer);
    let sent = browser.get("/account").await;
    assert_eq!(sent.location.as_deref(), Some("/t/acme/sign-in?next=%2Faccount"));
    let page = browser.sign_in("ada", PASSWORD).await;
    assert_eq!(page.location.as_deref(), Some("/t/acme/orgs"));
    assert!(page.cookies.iter().all(|cookie| cookie.contains("; Path=/;")));
}

/// A page without what differs by request.
fn comparable(page: &Page) -> String {
    page.text.replace(&csrf(page), "…")
}

#[tokio::test]
async fn guessing_is_slowed_down_and_tells_nothing_about_names() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    let mut answers = Vec::new();
    for name in ["ada", "bob"] {
        let mut of_name = Vec::new();
        for _ in 0..8 {
            let page = Browser::new(&issuer).sign_in(name, "a wrong password").await;
            of_name.push((page.status, page.retry_after_s, comparable(&page).replace(name, "…")));
        }
        answers.push(of_name);
    }
    assert_eq!(answers[0], answers[1], "a name that is there and one that is not");
    let statuses: Vec<u16> = answers[0].iter().map(|answer| answer.0).collect();
    assert_eq!(statuses, [403, 403, 403, 403, 403, 403, 429, 429]);
    assert_eq!(answers[0][7].1, Some(30));

    // Not even the right password gets in, and asking does not prolong it.
    assert_eq!(Browser::new(&issuer).sign_in("ada", PASSWORD).await.status, 429);
    issuer.clock.advance(30);
    // One more, which locks for a minute.
    assert_eq!(Browser::new(&issuer).sign_in("ada", "a wrong password").await.status, 403);
    assert_eq!(Browser::new(&issuer).sign_in("ada", PASSWORD).await.retry_after_s, Some(60));
    issuer.clock.advance(60);
    assert_eq!(Browser::new(&issuer).sign_in("ada", PASSWORD).await.status, 303);
    // The count begins anew.
    for _ in 0..5 {
        assert_eq!(Browser::new(&issuer).sign_in("ada", "a wrong password").await.status, 403);
    }
    assert_eq!(Browser::new(&issuer).sign_in("ada", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn who_is_signed_in_stays_so_while_the_name_is_locked_out() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    let mut ada = Browser::new(&issuer);
    ada.sign_in("ada", PASSWORD).await;
    for _ in 0..6 {
        Browser::new(&issuer).sign_in("ada", "a wrong password").await;
    }
    assert_eq!(Browser::new(&issuer).sign_in("ada", PASSWORD).await.status, 429);
    assert_eq!(ada.get("/account").await.status, 200);
}

#[tokio::test]
async fn guesses_at_the_same_moment_are_counted_one_by_one() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    let attempts = (0..30).map(async |_| Browser::new(&issuer).sign_in("ada", "a wrong password").await.status);
    let statuses = futures::future::join_all(attempts).await;
    let looked_at = statuses.iter().filter(|status| **status == 403).count();
    assert!(looked_at <= 6, "{statuses:?}");
    assert!(statuses.iter().all(|status| [403, 429, 503].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn one_network_can_not_spray_names_and_its_own_success_wipes_nothing() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "eve").await;
    for count in 0..20 {
        let page = Browser::new(&issuer).sign_in(&format!("user{count}"), "Summer2026!!").await;
        assert_eq!(page.status, 403);
        if count % 4 == 0 {
            assert_eq!(Browser::new(&issuer).sign_in("eve", PASSWORD).await.status, 303);
        }
    }
    assert_eq!(Browser::new(&issuer).sign_in("user20", "Summer2026!!").await.status, 403);
    assert_eq!(Browser::new(&issuer).sign_in("user21", "Summer2026!!").await.status, 429);
    assert_eq!(Browser::new(&issuer).sign_in("eve", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn long_and_strange_input_is_a_wrong_password_or_a_refused_request() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    for (name, password) in [
        ("ada", "x".repeat(1_025).as_str()),
        ("ada", "x".repeat(50_000).as_str()),
        ("ada", ""),
        ("ada", "\0"),
        (&"a".repeat(50_000), PASSWORD),
        ("ada\r\nset-cookie: a=b", PASSWORD),
        ("ada' OR '1'='1", PASSWORD),
        ("\"><script>alert(1)</script>", PASSWORD),
        ("аda", PASSWORD),
        ("", ""),
    ] {
        let page = Browser::new(&issuer).sign_in(name, password).await;
        issuer.clock.advance(3_600);
        assert_eq!(page.status, 403, "{name:.20} {password:.20}");
        assert!(page.cookies.iter().all(|cookie| !cookie.starts_with("a=")));
        assert!(!page.text.contains("<script>alert") && page.text.len() < 10_000);
    }
    let mut browser = Browser::new(&issuer);
    let token = csrf(&browser.get("/sign-in").await);
    let long = "x".repeat(70_000);
    assert_eq!(browser.post("/sign-in", &[("csrf", &token), ("name", "ada"), ("password", &long)]).await.status, 413);
    let twice = [("csrf", token.as_str()), ("name", "ada"), ("name", "eve"), ("password", PASSWORD)];
    assert_eq!(browser.post("/sign-in", &twice).await.status, 400, "a field that stands twice");
    assert_eq!(Browser::new(&issuer).sign_in("ada", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn over_https_cookies_are_bound_to_the_host_and_the_old_names_count_for_nothing() {
    let https = |config: &mut Config| config.web.origin = Some("https://issuer.internal.example.com".parse().unwrap());
    let issuer = TestIssuer::start_changed("", https).await;
    let invitation = link(&issuer, LinkPurpose::Invite, Some("ada"), None).await;
    let mut browser = Browser::new(&issuer);
    let page = choose(&mut browser, &invitation, "", PASSWORD).await;
    assert_eq!(page.cookies.len(), 2);
    assert!(page.cookies[0].starts_with("__Host-driftwise-session="));
    assert!(page.cookies[0].ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"));
    assert!(page.cookies[1].starts_with("__Host-driftwise-visit=; Path=/; Secure"));
    assert_eq!(browser.get("/account").await.status, 200);
    let value = browser.cookie("__Host-driftwise-session").unwrap().clone();
    browser.cookies = [("driftwise-session".to_owned(), value)].into();
    assert_eq!(browser.get("/account").await.status, 303);
}

#[tokio::test]
async fn where_sign_in_is_off_there_is_nothing() {
    let issuer = TestIssuer::start_changed("", |config| config.web.sign_in = false).await;
    let session = issuer.admin("ada").await;
    for path in ["/sign-in", "/account", &link(&issuer, LinkPurpose::First, None, None).await] {
        let request = issuer.http.get(format!("{}{path}", issuer.url)).header("cookie", &session);
        assert_eq!(request.send().await.unwrap().status(), 404, "{path}");
    }
}

#[tokio::test]
async fn browsers_get_errors_as_pages_and_programs_as_problems() {
    let issuer = TestIssuer::start().await;
    let mut browser = Browser::new(&issuer);
    let page = browser.get("/nowhere/<script>").await;
    assert_eq!((page.status, &page.headers["content-type"]), (404, &"text/html; charset=utf-8".parse().unwrap()));
    assert!(page.text.contains("not_found") && !page.text.contains("<script>"));
    assert!(page.text.contains(page.headers["x-request-id"].to_str().unwrap()));
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.headers["cache-control"], "no-store");
    for (path, accept) in [("/nowhere", "*/*"), ("/nowhere", "application/json"), ("/api/v2/nowhere", "text/html")] {
        let request = issuer.http.get(format!("{}{path}", issuer.url)).header("accept", accept);
        assert_eq!(
            request.send().await.unwrap().headers()["content-type"],
            "application/problem+json",
            "{path} {accept}"
        );
    }
}

#[tokio::test]
async fn failures_and_lock_outs_are_in_the_audit_log_without_what_was_typed() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    Browser::new(&issuer).sign_in("hunter2-typed-as-a-name", "x").await;
    for _ in 0..6 {
        Browser::new(&issuer).sign_in("ada", "wrong-password-1").await;
    }
    // A row of an act comes after the rows that were on their way: the writer keeps their order.
    let running = issuer.running;
    running.shutdown().await.unwrap();
    let mut db = issuer.store.connection().await.unwrap();
    let rows = audit::page(&mut db, driftwise_issuer::audit::Chain::Platform, 0, 1_000).await.unwrap();
    let text: String = rows.iter().map(|row| row.event.clone()).collect();
    assert!(!text.contains("hunter2") && !text.contains("wrong-password"), "{text}");
    let events: Vec<Value> = rows.iter().map(|row| serde_json::from_str(&row.event).unwrap()).collect();
    let failed: Vec<&Value> = events.iter().filter(|event| event["type"] == "sign_in_failed").collect();
    assert_eq!(failed.len(), 7);
    assert!(failed[0].get("admin").is_none());
    assert_eq!((&failed[1]["admin"], &failed[1]["address"]), (&"ada".into(), &"127.0.0.1".into()));
    let locked: Vec<&Value> = events.iter().filter(|event| event["type"] == "sign_in_locked").collect();
    assert_eq!(locked.len(), 1);
    assert_eq!((&locked[0]["what"], &locked[0]["admin"]), (&"name".into(), &"ada".into()));
}

#[tokio::test]
async fn an_admin_who_is_removed_is_out_at_the_next_request() {
    let issuer = TestIssuer::start().await;
    admin(&issuer, "ada").await;
    let mut ada = Browser::new(&issuer);
    ada.sign_in("ada", PASSWORD).await;
    let mut db = issuer.store.connection().await.unwrap();
    let id = admins::list(&mut db).await.unwrap()[0].id;
    assert_eq!(web_sessions::delete_of_admin(&mut db, id).await.unwrap(), 2);
    assert_eq!(ada.get("/account").await.status, 303, "signed out by the operator");
    ada.sign_in("ada", PASSWORD).await;
    assert!(admins::delete(&mut db, id).await.unwrap());
    drop(db);
    assert_eq!(ada.get("/account").await.status, 303);
    assert_eq!(ada.sign_in("ada", PASSWORD).await.status, 403);
}

/// Serves until the log says that it serves; the links for the first admin that the log had.
fn links_of_a_start(program: &Program) -> Vec<String> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_driftwise-issuer"))
        .arg("serve")
        .current_dir(program.directory.path())
        .env_remove("RUST_LOG")
        .env("DRIFTWISE_ISSUER__SERVER__LISTEN", "127.0.0.1:0")
        .env("DRIFTWISE_ISSUER__LOG__FORMAT", "json")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut links = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        links.extend(line["fields"]["url"].as_str().filter(|url| url.contains("/sign-in/link")).map(str::to_owned));
        if line["fields"]["message"] == "serving" {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    links
}

#[test]
fn each_start_prints_a_link_for_the_first_admin_until_there_is_one() {
    let program = Program::new();
    let (first, second) = (links_of_a_start(&program), links_of_a_start(&program));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    let token = first[0].strip_prefix("https://id.example.com/sign-in/link?token=").unwrap();
    assert!(SecretToken::parse(token).is_some());
    let store = std::fs::read(program.directory.path().join("issuer.db")).unwrap();
    assert!(!store.windows(token.len()).any(|window| window == token.as_bytes()), "the store has a hash only");

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let path = program.directory.path().join("issuer.db");
        let store = driftwise_issuer::store::Store::open_existing(&path).await.unwrap();
        let id = AdminId::from_uuid(uuid::Uuid::new_v4());
        admins::insert(&mut store.connection().await.unwrap(), id, &"ada".parse().unwrap(), 1).await.unwrap();
        store.close().await;
    });
    assert_eq!(links_of_a_start(&program), Vec::<String>::new());
}

#[test]
fn the_operator_invites_lists_resets_and_removes_admins() {
    let program = Program::new();
    let link = program.ok(&["admin", "invite", "--name", "Ada@example.com"]);
    assert!(link.starts_with("https://id.example.com/sign-in/link?token="), "{link}");
    assert_eq!(link.lines().count(), 1, "stdout is the link alone");
    let listed = program.json(&["admin", "list", "--json"]);
    assert_eq!((&listed[0]["name"], &listed[0]["state"]), (&"ada@example.com".into(), &"invited".into()));
    assert!(!listed.to_string().contains(link.trim().split('=').next_back().unwrap()));
    // Another invitation for the same name takes the place of the first.
    program.ok(&["admin", "invite", "--name", "ada@example.com"]);
    assert_eq!(program.json(&["admin", "list", "--json"]).as_array().unwrap().len(), 1);
    for nobody in ["reset", "sign-out"] {
        let refused = program.run(&["admin", nobody, "--name", "ada@example.com"]);
        assert_eq!(refused.status.code(), Some(1));
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(text.contains("there is no admin ada@example.com") && text.contains("hint: "), "{text}");
    }
    assert_eq!(program.run(&["admin", "invite", "--name", "a b"]).status.code(), Some(2));
    program.ok(&["admin", "unlock", "--name", "ada@example.com"]);
    program.ok(&["admin", "remove", "--name", "ada@example.com"]);
    assert_eq!(program.json(&["admin", "list", "--json"]).as_array().unwrap().len(), 0);
    assert_eq!(program.run(&["admin", "remove", "--name", "ada@example.com"]).status.code(), Some(1));
    let rows = program.ok(&["audit", "list", "--json"]);
    for event in ["admin_invited", "admin_unlocked", "admin_invitation_revoked"] {
        assert!(rows.contains(event), "{event}");
    }
}
