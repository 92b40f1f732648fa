//! Every page of the set-up, rendered from samples: what is shown stands in the markup, escaped, and nothing is inline.

use askama::Template as _;

use super::document::{Chunk, DocumentView, Language, Mine, NoteView, SizeView, Span, chunks};
use super::field::{Choice, Choices, FaultLine, FaultText, TextField};
use super::pages::{
    CommandView, FindingView, FormView, LaunchView, LintPage, MadeView, OrgLine, OrgView, OrgsPage, PasteView,
    ProofView, SetupPage, SourceLine, TabView, VerdictView, WordsView,
};

/// What an attacker would type everywhere.
const HOSTILE: &str = "\"><script>alert(1)</script>'&";

fn text(name: &'static str, label: &'static str) -> TextField {
    TextField { name, label, hint: "A hint.", value: HOSTILE.to_owned(), ..TextField::default() }
}

fn choices(name: &'static str, values: &[(&'static str, &'static str)]) -> Choices {
    let option = |(value, title): &(&'static str, &'static str)| Choice {
        value,
        title,
        text: "What it means, in a line or two.",
        chosen: *value == values[0].0,
        ..Choice::default()
    };
    Choices {
        name,
        label: "A choice",
        hint: "How to choose.",
        options: values.iter().map(option).collect(),
        fault: None,
    }
}

fn form() -> FormView {
    let mut account = text("account", "AWS account id");
    account.fault = Some(FaultText { reason: HOSTILE.to_owned(), fix: "Give 12 digits".to_owned() });
    FormView {
        account,
        role: text("role", "Role"),
        region: TextField { choices: &["eu-central-1", "us-east-1"], ..text("region", "Region") },
        trust: choices("trust", &[("session-tag", "Token and session tag"), ("subject", "Token")]),
        pinned: choices("role_authorized_by_idp", &[("", "As usual there"), ("yes", "Yes"), ("no", "No")]),
        trust_details: vec![text("external_id", "External ID")],
        access: choices("access", &[("read-only-access", "ReadOnlyAccess"), ("least-privilege", "Least privilege")]),
        types: vec![TextField { rows: 6, ..text("types", "Resource types") }],
        compact: Choice { value: "on", title: "Wildcards by service", text: "Shorter.", ..Choice::default() },
        state: vec![text("bucket", "State bucket")],
        state_details: vec![text("kms_keys", "KMS keys")],
        abac: Choice { value: "on", title: "Demand the tag", text: "Twice as safe.", ..Choice::default() },
        lock_down: vec![text("iac_roles", "IaC roles")],
        details_open: false,
        lock_down_open: true,
    }
}

fn org() -> OrgView {
    OrgView {
        id: "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".to_owned(),
        name: HOSTILE.to_owned(),
        csrf: "token".to_owned(),
        admin: HOSTILE.to_owned(),
    }
}

fn document(id: &str) -> DocumentView {
    let lines = [("{", None), ("  \"Version\": \"2012-10-17<\",", Some(HOSTILE)), ("}", None)];
    DocumentView {
        id: id.to_owned(),
        title: "Trust policy".to_owned(),
        about: "Who may assume the role.".to_owned(),
        file_name: "trust-policy.json".to_owned(),
        download: "/setup/download?file=trust-policy.json&as=json".to_owned(),
        size: Some(SizeView { used: 900, limit: 2_048, high: 1_900, text: "900 of 2,048 characters".to_owned() }),
        chunks: chunks(lines, Language::Json, &Mine::new(["2012-10-17<".to_owned()])),
        notes: vec![NoteView { class: "warn", kind: "Warning:", text: HOSTILE.to_owned() }],
    }
}

fn command(id: &str) -> CommandView {
    CommandView { id: id.to_owned(), about: "Register it.".to_owned(), text: format!("driftwise-issuer {HOSTILE}") }
}

fn made() -> MadeView {
    let lines = || vec![HOSTILE.to_owned()];
    MadeView {
        answers: vec![("Account".to_owned(), HOSTILE.to_owned())],
        words: WordsView { admitted: lines(), refused: lines(), may: lines(), may_not: lines(), by_hand: lines() },
        tabs: vec![TabView {
            id: "json",
            label: "JSON",
            title: "Policies",
            lead: "To paste.",
            launch: Some(LaunchView {
                link: "https://console.aws.amazon.com/?a=1&b=2".to_owned(),
                template_url: "https://acme.s3.amazonaws.com/<org>/driftwise.cloudformation.json".to_owned(),
            }),
            commands: vec![command("command-0")],
            documents: vec![document("trust-policy")],
        }],
        bundle: "/setup/bundle".to_owned(),
        is_registered: true,
        register: vec![command("register-0")],
        prove: vec![command("prove-0")],
        proof: Some(ProofView { class: "good", title: "Proven".to_owned(), text: HOSTILE.to_owned() }),
    }
}

fn paste(csrf: Option<&str>) -> PasteView {
    PasteView {
        action: "/setup/lint".to_owned(),
        account: "123456789012".to_owned(),
        text: format!("\n</textarea>{HOSTILE}"),
        csrf: csrf.map(str::to_owned),
    }
}

fn span(text: &str) -> Chunk {
    Chunk { why: None, spans: vec![Span { class: "s", text: text.to_owned(), mine: false }] }
}

fn lint_page(org: Option<OrgView>) -> LintPage<'static> {
    LintPage {
        base_path: "/base",
        org,
        here: "/setup".to_owned(),
        account: text("account", "AWS account id"),
        paste: paste(None),
        verdict: Some(VerdictView {
            class: "bad",
            title: "Not safe".to_owned(),
            text: HOSTILE.to_owned(),
            findings: vec![FindingView {
                code: "DW-TRUST-001".to_owned(),
                class: "bad",
                severity: "Error",
                line: 2,
                column: 3,
                why: HOSTILE.to_owned(),
                fix: HOSTILE.to_owned(),
            }],
            source: vec![SourceLine {
                number: 2,
                chunk: span(HOSTILE),
                hit: Some("bad"),
                notes: vec![HOSTILE.to_owned()],
            }],
        }),
    }
}

/// Every page, from samples in which each value is hostile.
fn pages() -> Vec<(&'static str, String)> {
    let setup = |org: Option<OrgView>, faults, made| SetupPage {
        base_path: "/base",
        here: "/setup".to_owned(),
        form: form(),
        faults,
        refusal: Some(HOSTILE.to_owned()),
        made,
        paste: paste(org.as_ref().map(|org| org.csrf.as_str())),
        org,
    };
    let fault = FaultLine { name: "account", label: "AWS account id", reason: HOSTILE.to_owned() };
    let orgs = OrgsPage {
        base_path: "/base",
        csrf: "token".to_owned(),
        admin: HOSTILE.to_owned(),
        orgs: vec![OrgLine { id: org().id, name: HOSTILE.to_owned(), accounts: "2 accounts".to_owned() }],
    };
    vec![
        ("setup of an org", setup(Some(org()), Vec::new(), Some(made())).render().unwrap()),
        ("setup with faults", setup(Some(org()), vec![fault], None).render().unwrap()),
        ("public setup", setup(None, Vec::new(), Some(made())).render().unwrap()),
        ("lint of an org", lint_page(Some(org())).render().unwrap()),
        ("public lint", lint_page(None).render().unwrap()),
        ("orgs", orgs.render().unwrap()),
        ("no orgs", OrgsPage { orgs: Vec::new(), ..orgs }.render().unwrap()),
    ]
}

#[test]
fn no_page_shows_markup_that_somebody_typed_or_holds_inline_script_or_style() {
    for (name, html) in pages() {
        assert!(!html.contains("<script>") && !html.contains("alert(1)</script>"), "{name}");
        assert!(!html.contains("style=") && !html.contains("<style"), "{name}");
        assert!(!html.contains(" onclick=") && !html.contains("javascript:"), "{name}");
        assert!(html.matches("<script").count() == html.matches("<script src=\"/base/assets/page.js\" defer>").count());
        assert!(html.contains("<html lang=\"en\">") && html.matches("<h1>").count() == 1, "{name}");
    }
}

#[test]
fn every_id_of_a_page_is_unique_and_whatever_is_referred_to_is_there() {
    for (name, html) in pages() {
        let values = |attribute: &str| -> Vec<String> {
            let start = format!(" {attribute}=\"");
            html.split(&start).skip(1).filter_map(|rest| rest.split('"').next().map(str::to_owned)).collect()
        };
        let ids = values("id");
        let mut seen = std::collections::BTreeSet::new();
        assert!(ids.iter().all(|id| seen.insert(id)), "{name}: {ids:?}");
        for attribute in ["for", "aria-describedby", "aria-labelledby", "data-copy", "list"] {
            for id in values(attribute).iter().flat_map(|list| list.split(' ')) {
                assert!(seen.contains(&id.to_owned()), "{name}: {attribute} names {id:?}, which is not there");
            }
        }
    }
}

#[test]
fn a_field_shows_its_fault_and_says_so_to_screen_readers() {
    let (_, html) = pages().swap_remove(1);
    assert!(html.contains("aria-describedby=\"account-fault account-hint\" aria-invalid=\"true\""));
    assert!(html.contains("<a href=\"#account\">AWS account id</a>"));
    assert!(html.contains("<title>Error: "), "whoever hears the title first knows");
}

#[test]
fn pasted_text_comes_back_to_the_letter() {
    let (_, html) = pages().swap_remove(4);
    // The HTML parser drops the first line feed of a text area and no other.
    assert!(html.contains(">\n\n&#60;/textarea&#62;"), "{html}");
}
