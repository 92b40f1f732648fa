//! Chromium as a person uses it: over `WebDriver`, with a profile of its own that is thrown away, on a port of the driver's choice.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// What `DRIFTWISE_REQUIRE` calls what these tests need.
const REQUIREMENT: &str = "chromium";

/// No network of its own, no first-run pages, and no sandbox, which containers don't allow.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// How wide the window is, and whether it is a phone's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    Phone,
    Desktop,
}

impl Screen {
    pub(crate) const ALL: [Self; 2] = [Self::Phone, Self::Desktop];

    fn size(self) -> (u32, u32) {
        match self {
            Self::Phone => (360, 780),
            Self::Desktop => (1280, 900),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Phone => "360px",
            Self::Desktop => "1280px",
        }
    }
}

/// A running browser.
pub(crate) struct Browser {
    driver: WebDriver,
    chromedriver: Child,
    axe: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts it; none, loudly, where it is not installed and not required.
    pub(crate) async fn start() -> Option<Self> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory").to_owned();
        let axe = target.join("pages/node_modules/axe-core/axe.min.js");
        let missing: Vec<PathBuf> = match (in_path("chromium"), in_path("chromedriver"), axe.exists()) {
            (Some(chromium), Some(chromedriver), true) => {
                let axe = std::fs::read_to_string(axe).expect("axe-core is text");
                return Some(Self::start_with(&chromium, &chromedriver, axe).await);
            }
            (chromium, driver, has_axe) => [
                chromium.is_none().then(|| "chromium".into()),
                driver.is_none().then(|| "chromedriver".into()),
                (!has_axe).then_some(axe),
            ]
            .into_iter()
            .flatten()
            .collect(),
        };
        let required = std::env::var("DRIFTWISE_REQUIRE").unwrap_or_default();
        assert!(
            required.split([',', ' ']).all(|name| name != REQUIREMENT),
            "DRIFTWISE_REQUIRE names {REQUIREMENT}, but {missing:?} is not there: run .ci/pages"
        );
        // Past the test runner, which shows nothing of a test that passes.
        let told = format!("SKIPPED: no browser to show pages in ({missing:?}); run .ci/pages\n");
        std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes()).expect("stderr takes a line");
        None
    }

    async fn start_with(chromium: &Path, chromedriver: &Path, axe: String) -> Self {
        let mut command = Command::new(chromedriver);
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut chromedriver = command.spawn().expect("chromedriver starts");
        let mut lines = BufReader::new(chromedriver.stdout.take().expect("stdout is a pipe")).lines();
        let port = loop {
            let line = lines.next_line().await.expect("chromedriver talks").expect("chromedriver says its port");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // Read to the end: a full pipe would stop the driver.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });

        let profile = TempDir::new().unwrap();
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(chromium.to_str().expect("a path in UTF-8")).unwrap();
        for flag in FLAGS {
            capabilities.add_arg(flag).unwrap();
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        capabilities.set("goog:loggingPrefs", json!({"browser": "ALL"})).unwrap();
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await.expect("Chromium starts");
        let browser = Self { driver, chromedriver, axe, _profile: profile };
        browser.show_on(Screen::Desktop, false).await;
        browser
    }

    pub(crate) fn driver(&self) -> &WebDriver {
        &self.driver
    }

    pub(crate) async fn cdp(&self, method: &str, params: Value) -> Value {
        self.driver.cdp().send_raw(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// As if the window were that wide, and the system set to light or dark.
    pub(crate) async fn show_on(&self, screen: Screen, dark: bool) {
        let (width, height) = screen.size();
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": screen == Screen::Phone});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = json!({"name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" }});
        let still = json!({"name": "prefers-reduced-motion", "value": "reduce"});
        self.cdp("Emulation.setEmulatedMedia", json!({"features": [scheme, still]})).await;
    }

    /// With or without scripts; holds for pages that are loaded from now on.
    pub(crate) async fn run_scripts(&self, yes: bool) {
        self.cdp("Emulation.setScriptExecutionDisabled", json!({"value": !yes})).await;
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.driver.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    pub(crate) async fn find(&self, css: &str) -> WebElement {
        self.driver.find(By::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    pub(crate) async fn count(&self, css: &str) -> usize {
        self.driver.find_all(By::Css(css)).await.unwrap().len()
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.unwrap()
    }

    pub(crate) async fn click(&self, css: &str) {
        let element = self.find(css).await;
        element.scroll_into_view().await.unwrap();
        element.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Presses what leads to another page, and waits until this one is gone.
    pub(crate) async fn leave_by(&self, css: &str) {
        let page = self.find("html").await;
        self.click(css).await;
        page.wait_until().stale().await.unwrap_or_else(|error| panic!("{css} leads nowhere: {error}"));
    }

    /// Types into an emptied field.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// What a script gives.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.driver.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// Waits until a script gives true: for what the page does by itself.
    pub(crate) async fn wait_for(&self, what: &str, script: &str) {
        // The driver asks again and again, and gives up by itself.
        let waiting = format!(
            "const done = arguments[0]; const ask = () => {{ if ({script}) done(true); else requestAnimationFrame(ask); }}; ask();"
        );
        let waited = self.driver.execute_async(waiting, Vec::new()).await;
        assert!(waited.is_ok(), "waited in vain for {what}: {waited:?}");
    }

    /// The whole page as a picture below `target/screenshots`.
    pub(crate) async fn picture(&self, name: &str, screen: Screen, dark: bool) {
        let directory =
            Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory").join("screenshots");
        std::fs::create_dir_all(&directory).unwrap();
        let (width, _) = screen.size();
        let height = self.run("return document.documentElement.scrollHeight").await.as_u64().unwrap();
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height.min(12_000), "scale": 1});
        let taken = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let taken = self.cdp("Page.captureScreenshot", taken).await;
        let png = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, taken["data"].as_str().unwrap());
        let file = format!("{name}-{}-{}.png", screen.name(), if dark { "dark" } else { "light" });
        std::fs::write(directory.join(file), png.unwrap()).unwrap();
    }

    /// Nothing stands beyond the right edge: nobody has to scroll sideways (WCAG 2.2, 1.4.10).
    pub(crate) async fn assert_nothing_overflows(&self, page: &str) {
        let wider =
            self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
        if wider == json!(0) {
            return;
        }
        let culprits = self
            .run(
                "const edge = document.documentElement.clientWidth;\
                 return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > edge + 1)\
                   .slice(0, 5).map((e) => e.outerHTML.slice(0, 120));",
            )
            .await;
        panic!("{page} is {wider} px too wide: {culprits}");
    }

    /// axe-core finds nothing that is serious or worse.
    #[expect(clippy::print_stderr, reason = "lesser faults are for whoever looks at the pages")]
    pub(crate) async fn assert_accessible(&self, page: &str) {
        self.driver.execute(self.axe.as_str(), Vec::new()).await.expect("axe-core loads");
        let script = "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(\
             (found) => done(found.violations.map((v) => ({id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 4).map(\
                 (n) => n.html.slice(0, 160) + ' // ' + n.failureSummary)}))), (error) => done(String(error)));";
        let found = self.driver.execute_async(script, Vec::new()).await.expect("axe-core runs").json().clone();
        let all = found.as_array().unwrap_or_else(|| panic!("{page}: axe-core failed: {found}"));
        let bad: Vec<&Value> =
            all.iter().filter(|v| matches!(v["impact"].as_str(), Some("serious" | "critical"))).collect();
        assert!(bad.is_empty(), "{page}: {}", serde_json::to_string_pretty(&bad).unwrap());
        for lesser in all {
            eprintln!("{page}: {} ({}): {}", lesser["id"], lesser["impact"], lesser["nodes"]);
        }
    }

    /// The browser complained of nothing since it was last asked: no error of a script, no breach of the content security policy.
    pub(crate) async fn assert_no_complaints(&self, page: &str) {
        let log = self.driver.browser_log().await.expect("the driver keeps the log");
        assert!(log.is_empty(), "{page}: {log:#?}");
    }

    /// All that every page must be, wherever it is shown.
    pub(crate) async fn assert_good(&self, page: &str) {
        self.assert_no_complaints(page).await;
        self.assert_nothing_overflows(page).await;
        self.assert_accessible(page).await;
    }

    pub(crate) async fn quit(mut self) {
        self.driver.quit().await.expect("Chromium ends");
        self.chromedriver.kill().await.expect("chromedriver ends");
    }
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}
