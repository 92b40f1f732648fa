//! One crash after another, and what must hold after each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::OrgId;
use driftwise_contract::wire::{JWT_BEARER, paths};
use driftwise_tests::stage::{ACCOUNT_ID, Props, Stage, TestAgent, small_world, system_now_s};
use fastrand::Rng;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

use crate::server::{Programs, Server};

/// How many agents ask for tokens at once.
const AGENTS: usize = 4;
/// How many keys are published before the oldest retired one is revoked, so that rotations go on: below the issuer's own limit.
const KEYS: usize = 5;

/// A token that was handed out.
#[derive(Debug, Clone)]
struct Token {
    jti: String,
    kid: String,
    expires_at_s: i64,
}

/// What happened in a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) tokens: usize,
    pub(crate) rotations: usize,
    pub(crate) revocations: usize,
    pub(crate) killed_issuers: usize,
    pub(crate) killed_commands: usize,
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Issuer,
    Command,
}

/// What a `keys` command came to.
#[derive(Debug)]
enum Done {
    Succeeded,
    Killed,
}

pub(crate) struct CrashTest {
    programs: Programs,
    listen: SocketAddr,
    url: String,
    role: String,
    org: OrgId,
    agents: Vec<Arc<TestAgent>>,
    server: Option<Server>,
    tokens: Vec<Token>,
    /// Keys that a revocation was begun for: nothing is promised for their tokens.
    revoked: BTreeSet<String>,
    random: Rng,
    tally: Tally,
    _directory: TempDir,
}

impl CrashTest {
    /// Sets an org with agents up, and starts the issuer as a process of its own in place of the stage's.
    pub(crate) async fn open(program: &std::path::Path, seed: u64) -> anyhow::Result<Self> {
        let stage = Stage::open(program, Props { world: Some(small_world()), ..Props::default() }).await?;
        let org = stage.create_org("Acme").await?;
        let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/scan");
        stage.register(org, &role, "session-tag").await?;
        let mut agents = Vec::new();
        for _ in 0..AGENTS {
            agents.push(Arc::new(TestAgent::enrol(&stage, org).await?));
        }
        let url = stage.issuer_url().to_owned();
        let listen = url.trim_start_matches("http://").parse()?;
        let config = stage.directory().join("driftwise-issuer.toml");
        let directory = stage.close().await?;
        // P-256 keys are made at once; replicas notice each other's keys quickly; nobody is held back.
        let text = std::fs::read_to_string(&config)?;
        let text = text.replace("[keys]\n", "[keys]\nalgorithm = \"ES256\"\nrefresh = \"100ms\"\n");
        std::fs::write(
            &config,
            text + "\n[limits]\nrequests_per_second = 0\ncaller_requests_per_second = 0\norg_requests_per_second = 0\n",
        )?;
        let programs = Programs { program: program.to_owned(), config };
        let server = programs.serve(listen).await?;
        let mut test = Self {
            programs,
            listen,
            url,
            role,
            org,
            agents,
            server: Some(server),
            tokens: Vec::new(),
            revoked: BTreeSet::new(),
            random: Rng::with_seed(seed),
            tally: Tally::default(),
            _directory: directory,
        };
        test.check().await.context("before the first crash")?;
        Ok(test)
    }

    /// Mints and rotates, kills the issuer or the command somewhere in between, starts again, and checks everything.
    pub(crate) async fn crash(&mut self, round: u32) -> anyhow::Result<()> {
        let victim = if self.random.bool() { Victim::Issuer } else { Victim::Command };
        self.play(victim).await.with_context(|| format!("in round {round}, {victim:?} to be killed"))?;
        if self.server.is_none() {
            let server = self.programs.serve(self.listen).await;
            self.server = Some(server.with_context(|| format!("after round {round}, {victim:?} killed"))?);
        }
        self.check().await.with_context(|| format!("after round {round}, {victim:?} killed"))
    }

    async fn play(&mut self, victim: Victim) -> anyhow::Result<()> {
        let arguments = self.next_command().await?;
        let (stop, stopped) = watch::channel(false);
        let (sender, mut received) = mpsc::unbounded_channel();
        let (count, mut counted) = watch::channel(0);
        let count = Arc::new(count);
        let clients: Vec<_> = self
            .agents
            .iter()
            .map(|agent| {
                tokio::spawn(ask(agent.clone(), self.role.clone(), stopped.clone(), sender.clone(), count.clone()))
            })
            .collect();
        drop(sender);

        // The kill point: after some tokens, and some milliseconds more. Nothing waits for anything here; where it falls is
        // the point of the test.
        let tokens = self.random.usize(0..12);
        let pause = Duration::from_micros(self.random.u64(0..60_000));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.programs.issuer(&arguments);
        let mut command = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn()?;
        let kill_point = async {
            // An error means that nobody counts any more.
            let _ = counted.wait_for(|count| *count >= tokens).await;
            tokio::time::sleep(pause).await;
        };
        kill_point.await;
        let server = self.server.take().context("the issuer runs")?;
        let done = match victim {
            Victim::Issuer => {
                server.kill().await?;
                self.tally.killed_issuers += 1;
                ended(command).await?
            }
            Victim::Command => {
                command.start_kill()?;
                self.tally.killed_commands += 1;
                let done = ended(command).await?;
                self.server = Some(server);
                done
            }
        };
        let _ = stop.send(true);
        for client in clients {
            client.await?;
        }
        while let Ok(token) = received.try_recv() {
            self.tokens.push(read(&token)?);
            self.tally.tokens += 1;
        }
        match (done, arguments[1]) {
            (Done::Succeeded, "rotate") => self.tally.rotations += 1,
            (Done::Succeeded, _) => self.tally.revocations += 1,
            (Done::Killed, _) => {}
        }
        Ok(())
    }

    /// A rotation while there is room for keys, else the revocation of the oldest retired key.
    async fn next_command(&mut self) -> anyhow::Result<Vec<String>> {
        let keys = self.keys().await?;
        let retired = keys.iter().filter(|key| key["state"] == "retired").filter_map(|key| key["kid"].as_str());
        let oldest =
            retired.min_by_key(|kid| self.tokens.iter().rposition(|token| token.kid == **kid)).map(str::to_owned);
        let command = match oldest {
            Some(kid) if keys.len() >= KEYS => {
                self.revoked.insert(kid.clone());
                vec!["keys".into(), "revoke".into(), kid, "--yes".into()]
            }
            _ => vec!["keys".into(), "rotate".into(), "--now".into()],
        };
        Ok(command)
    }

    async fn keys(&self) -> anyhow::Result<Vec<Value>> {
        let listed = self.programs.json(&["keys", "list", "--json"]).await?;
        listed.as_array().cloned().context("keys list --json prints a list")
    }

    async fn check(&mut self) -> anyhow::Result<()> {
        let published = self.published().await?;
        let keys = self.keys().await?;
        let mut states = BTreeMap::<&str, usize>::new();
        for key in &keys {
            *states.entry(key["state"].as_str().unwrap_or_default()).or_default() += 1;
        }
        ensure!(states.get("active") == Some(&1), "not exactly one key signs: {keys:#?}");
        ensure!(states.get("staged").copied().unwrap_or(0) <= 1, "more than one key waits: {keys:#?}");
        let now_s = system_now_s();
        for token in self.tokens.iter().filter(|token| token.expires_at_s > now_s && !self.revoked.contains(&token.kid))
        {
            ensure!(published.contains(&token.kid), "a valid token's key {} is not published: {keys:#?}", token.kid);
        }
        let verified = self.programs.issuer(&["audit", "verify"]).output().await?;
        ensure!(
            verified.status.success(),
            "the audit log does not verify: {}{}",
            String::from_utf8_lossy(&verified.stdout),
            String::from_utf8_lossy(&verified.stderr)
        );
        // It works: a token for each agent, signed by a published key.
        for agent in &self.agents {
            let token = agent.token(&self.role).await?.map_err(|refusal| anyhow::anyhow!("no token: {refusal:?}"))?;
            let token = read(&token)?;
            ensure!(published.contains(&token.kid), "a token was signed by {}, which is not published", token.kid);
            self.tokens.push(token);
        }
        Ok(())
    }

    /// The kids of the key set, once the issuer is ready.
    async fn published(&self) -> anyhow::Result<BTreeSet<String>> {
        let ready = reqwest::get(format!("{}/readyz", self.url)).await?;
        ensure!(ready.status().is_success(), "not ready: {}", ready.text().await?);
        let jwks: Value = reqwest::get(format!("{}{}", self.url, paths::JWKS)).await?.json().await?;
        let keys = jwks["keys"].as_array().context("a JWKS has keys")?;
        Ok(keys.iter().filter_map(|key| Some(key["kid"].as_str()?.to_owned())).collect())
    }

    /// Every token that was handed out has its row.
    pub(crate) async fn finish(mut self) -> anyhow::Result<Tally> {
        self.server.take().context("the issuer runs")?.kill().await?;
        let org = self.org.to_string();
        let export = self.programs.issuer(&["audit", "export", "--org", &org]).output().await?;
        ensure!(export.status.success(), "no export: {}", String::from_utf8_lossy(&export.stderr));
        let log = String::from_utf8(export.stdout)?;
        for token in &self.tokens {
            ensure!(log.contains(&token.jti), "the token {} was handed out and is not in the audit log", token.jti);
        }
        Ok(self.tally)
    }
}

/// Asks for tokens until told to stop or refused. Tokens are sent on only once they are here whole.
async fn ask(
    agent: Arc<TestAgent>,
    role: String,
    stopped: watch::Receiver<bool>,
    tokens: mpsc::UnboundedSender<String>,
    count: Arc<watch::Sender<usize>>,
) {
    while !*stopped.borrow() {
        let Ok(assertion) = agent.assertion(system_now_s(), |_| {}) else { return };
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.as_str()),
            ("resource", role.as_str()),
        ];
        // An issuer that was killed in the middle of an answer gives an error of the connection.
        if let Ok(Ok(token)) = agent.token_with(&form).await {
            // An error means that the test is over.
            let _ = tokens.send(token);
        }
        // Counted either way: a refusal must not stop the test from reaching its kill point.
        count.send_modify(|count| *count += 1);
    }
}

/// How a command ended: by itself with 0, or killed. Anything else fails the test.
async fn ended(command: tokio::process::Child) -> anyhow::Result<Done> {
    let output = command.wait_with_output().await?;
    match output.status.code() {
        Some(0) => Ok(Done::Succeeded),
        None => Ok(Done::Killed),
        Some(code) => anyhow::bail!("the command ended with {code}: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn read(token: &str) -> anyhow::Result<Token> {
    let mut parts = token.split('.');
    let mut part = || -> anyhow::Result<Value> {
        let part = parts.next().context("a token has three parts")?;
        Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)
    };
    let (header, claims) = (part()?, part()?);
    let text = |value: &Value| value.as_str().map(str::to_owned).context("it is a text");
    Ok(Token {
        kid: text(&header["kid"])?,
        jti: text(&claims["jti"])?,
        expires_at_s: claims["exp"].as_i64().context("exp is a number")?,
    })
}
