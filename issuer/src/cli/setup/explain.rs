//! `driftwise-issuer setup explain`: who gets in by a trust policy; 0 the token gets in, 1 it is kept out, 2 error.

use anyhow::Context as _;
use clap::Args;
use driftwise_contract::RoleArn;
use driftwise_contract::policy::PolicyDocument;
use secrecy::{ExposeSecret as _, SecretString};

use super::super::output::{self, Output};
use super::lint::read;
use crate::clock::Clock;
use crate::setup::explain::{Asked, UnverifiedClaims, explain};
use crate::setup::lint::{TEXT_MAX_BYTES, document_in};

const EXIT_CODES: &str =
    "Exit codes: 0 the token gets in, 1 it is kept out, 2 the policy, the token or the options can't be read.";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct Arguments {
    /// The trust policy; - is stdin
    #[arg(value_name = "FILE")]
    file: String,
    /// The token: a JWT, @FILE, or - for stdin. It is not shown, and its signature is not checked. Other users of this machine
    /// can see a command line: rather give a file
    #[arg(long, value_name = "JWT", value_parser = secret, required_unless_present = "claims", conflicts_with = "claims")]
    token: Option<SecretString>,
    /// Claims as JSON in place of a token: the JSON, @FILE, or - for stdin
    #[arg(long, value_name = "JSON", value_parser = secret)]
    claims: Option<SecretString>,
    /// The role that is asked for [default: the one that the token is pinned to]
    #[arg(long, value_name = "ARN")]
    role: Option<RoleArn>,
    /// The STS server offers every claim as a condition key (as that of Ceph RGW does); AWS's does not
    #[arg(long)]
    exposes_claims: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "clap takes a function that may fail")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(text.into())
}

/// Whether the token gets in.
pub(in crate::cli) fn run(arguments: &Arguments, clock: &dyn Clock, output: &mut Output<'_>) -> anyhow::Result<bool> {
    let text = read(&arguments.file, TEXT_MAX_BYTES)?;
    let document = PolicyDocument::parse(document_in(&text))
        .with_context(|| format!("{} is no policy; `driftwise-issuer setup lint` says more", arguments.file))?;
    let value = |given: &SecretString| match given.expose_secret() {
        "-" if arguments.file == "-" => {
            anyhow::bail!("policy and token can't both come from stdin: give one of them as a file")
        }
        "-" => read("-", TEXT_MAX_BYTES),
        text => text.strip_prefix('@').map_or_else(|| Ok(text.to_owned()), |file| read(file, TEXT_MAX_BYTES)),
    };
    let claims = match (&arguments.token, &arguments.claims) {
        (Some(token), _) => UnverifiedClaims::of_token(&value(token)?)?,
        (None, Some(claims)) => UnverifiedClaims::of_json(&value(claims)?)?,
        (None, None) => anyhow::bail!("neither --token nor --claims is given"),
    };
    let asked = Asked { role: arguments.role.clone(), now_s: clock.now_s(), exposes_claims: arguments.exposes_claims };
    let answer = explain(&document, &claims, &asked);
    output.value(&answer, answer.to_text().trim_end())?;
    if answer.variants.iter().any(|variant| variant.dangerous) {
        output::say(
            "warning: this policy lets in tokens that it should not: `driftwise-issuer setup lint` says where.",
        );
    }
    Ok(answer.gets_in)
}
