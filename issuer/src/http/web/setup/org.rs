//! The pages of admins: every org, and the set-up of one.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use driftwise_contract::proof::ProofOutcome;

use super::lint::{self, Pasted};
use super::view::pages::{OrgLine, OrgView, OrgsPage, ProofView};
use super::{AskedQuery, Place, Wanted, asked, download, facts, files, setup_page, with_external_id};
use crate::Error;
use crate::app::App;
use crate::clock::rfc3339;
use crate::federation::issuer_of;
use crate::http::problem::Problem;
use crate::http::web::csrf::CsrfForm;
use crate::http::web::layout::private_page;
use crate::http::web::session::SignedIn;
use crate::setup::RawRequest;
use crate::store::proofs::Proof;
use crate::store::{accounts, orgs, proofs};

/// What is known of an org's account beside the answers.
struct Known {
    place: Place,
    raw: RawRequest,
    proof: Option<ProofView>,
}

/// `GET /orgs`
pub(in crate::http) async fn list(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Problem> {
    let mut db = app.store().connection().await.map_err(Error::from)?;
    let mut lines = Vec::new();
    for org in orgs::list(&mut db).await.map_err(Error::from)? {
        let count = accounts::list(&mut db, org.scope()).await.map_err(Error::from)?.len();
        let accounts = match count {
            0 => "no account yet".to_owned(),
            1 => "1 account registered".to_owned(),
            many => format!("{many} accounts registered"),
        };
        lines.push(OrgLine { id: org.id.to_string(), name: org.name.to_string(), accounts });
    }
    private_page(&OrgsPage {
        base_path: app.base_path(),
        csrf: signed_in.csrf()?.to_string(),
        admin: signed_in.name().to_string(),
        orgs: lines,
    })
}

/// `GET /orgs/{org_id}/setup`
pub(in crate::http) async fn show(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(org): Path<String>,
    query: AskedQuery<RawRequest>,
) -> Result<Response, Problem> {
    let known = known(&app, &signed_in, &org, asked(query)?).await?;
    if let Some(response) = with_external_id(&known.place, &known.raw)? {
        return Ok(response);
    }
    let mut page = setup_page(&known.place, &known.raw);
    if let Some(made) = &mut page.made {
        made.proof = known.proof;
    }
    private_page(&page)
}

/// `GET /orgs/{org_id}/setup/download`
pub(in crate::http) async fn download_one(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(org): Path<String>,
    query: AskedQuery<RawRequest>,
    wanted: AskedQuery<Wanted>,
) -> Result<Response, Problem> {
    let known = known(&app, &signed_in, &org, asked(query)?).await?;
    download(&known.place.parse(&known.raw)?, &asked(wanted)?)
}

/// `GET /orgs/{org_id}/setup/bundle`
pub(in crate::http) async fn bundle(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(org): Path<String>,
    query: AskedQuery<RawRequest>,
) -> Result<Response, Problem> {
    let known = known(&app, &signed_in, &org, asked(query)?).await?;
    files::bundle(&known.place, &known.place.parse(&known.raw)?)
}

/// `GET /orgs/{org_id}/setup/lint`
pub(in crate::http) async fn lint_form(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(org): Path<String>,
) -> Result<Response, Problem> {
    let known = known(&app, &signed_in, &org, RawRequest::default()).await?;
    private_page(&lint::page(&known.place, &Pasted::default()))
}

/// `POST /orgs/{org_id}/setup/lint`
pub(in crate::http) async fn lint(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(org): Path<String>,
    CsrfForm(pasted): CsrfForm<Pasted>,
) -> Result<Response, Problem> {
    let raw = RawRequest { account: pasted.account.clone(), ..RawRequest::default() };
    let known = known(&app, &signed_in, &org, raw).await?;
    private_page(&lint::page(&known.place, &pasted))
}

/// The org and, where the account is registered, the issuer of its tokens and what was proven of it.
async fn known(app: &App, signed_in: &SignedIn, org_in_path: &str, raw: RawRequest) -> Result<Known, Problem> {
    let mut db = app.store().connection().await.map_err(Error::from)?;
    let org = signed_in.org(&mut db, org_in_path).await?;
    let account = match raw.account.trim().parse() {
        Ok(id) => accounts::find(&mut db, org.scope(), &id).await.map_err(Error::from)?,
        Err(_) => None,
    };
    let mut settings = app.settings().clone();
    let mut proof = None;
    if let Some(account) = &account {
        settings = issuer_of(&settings, org.id, account)?.settings;
        let found = proofs::find(&mut db, org.scope(), account.account_id()).await.map_err(Error::from)?;
        proof = found.filter(|proof| proof.is_about(account)).map(|proof| proof_view(&proof));
    }
    drop(db);
    let place = Place {
        base_path: app.base_path().to_owned(),
        here: format!("/orgs/{}/setup", org.id),
        org: org.id,
        shown: Some(OrgView {
            id: org.id.to_string(),
            name: org.name.to_string(),
            csrf: signed_in.csrf()?.to_string(),
            admin: signed_in.name().to_string(),
        }),
        facts: facts(app, &settings),
        template_url: app.template_url().cloned(),
        registered: account,
    };
    let raw = place.of(raw);
    Ok(Known { place, raw, proof })
}

fn proof_view(proof: &Proof) -> ProofView {
    let when = rfc3339(proof.reported_at_ms.div_euclid(1000));
    let (class, title, found) = match proof.outcome {
        ProofOutcome::Proven => {
            ("good", "Proven.", "AWS turned away tokens of an organisation that does not exist, and let yours in")
        }
        ProofOutcome::ForeignOrgAdmitted => (
            "bad",
            "Another organisation gets in.",
            "AWS let in a token of an organisation that does not exist. Apply the trust policy above at once, then prove again",
        ),
        ProofOutcome::OwnOrgRefused => (
            "warn",
            "Not proven.",
            "AWS refused your own token, so that a refused stranger says nothing. A new role takes some ten seconds to be known",
        ),
        ProofOutcome::Inconclusive => (
            "warn",
            "Not proven.",
            "Something else than the trust policy refused a token. The output of driftwise-agent prove says what",
        ),
    };
    let text = format!("{found}. Agent {} said so at {when}.", proof.agent);
    ProofView { class, title: title.to_owned(), text }
}
