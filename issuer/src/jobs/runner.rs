//! Runs jobs until the issuer stops.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::telemetry::metrics::Metrics;

/// The wait after a first failure; it doubles with each further one.
const BACK_OFF_MIN: Duration = Duration::from_secs(1);

/// No wait after a failure is longer, unless the job's own period is shorter.
const BACK_OFF_MAX: Duration = Duration::from_mins(5);

/// Waits differ by up to this part, so that replicas don't work in step.
const JITTER: f64 = 0.1;

/// One thing to do again and again.
pub(crate) struct Job {
    name: &'static str,
    period: Duration,
    wake: Option<Arc<Notify>>,
    pass: Box<dyn Fn() -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("name", &self.name).field("period", &self.period).finish_non_exhaustive()
    }
}

impl Job {
    /// A job that runs at once and then every `period`. `name` is its label in logs and metrics.
    pub(crate) fn new<F, Pass>(name: &'static str, period: Duration, pass: F) -> Self
    where
        F: Fn() -> Pass + Send + Sync + 'static,
        Pass: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Self { name, period, wake: None, pass: Box::new(move || pass().boxed()) }
    }

    /// Runs a pass whenever `wake` is notified too. A notification during a pass leads to one more.
    #[must_use]
    pub(crate) fn woken_by(mut self, wake: Arc<Notify>) -> Self {
        self.wake = Some(wake);
        self
    }

    /// One pass. A panic counts as a failure: the job goes on.
    async fn run_once(&self) -> anyhow::Result<()> {
        AssertUnwindSafe((self.pass)())
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the pass panicked")))
    }

    async fn woken(&self) {
        match &self.wake {
            Some(wake) => wake.notified().await,
            None => std::future::pending().await,
        }
    }

    async fn run(self, mut stopped: watch::Receiver<bool>, metrics: Arc<Metrics>, clock: Arc<dyn Clock>) {
        let mut failures = 0;
        while !*stopped.borrow_and_update() {
            match self.run_once().await {
                Ok(()) => {
                    metrics.jobs.done(self.name, clock.now_s());
                    if failures > 0 {
                        tracing::info!(job = self.name, failures, "a job works again");
                    }
                    failures = 0;
                }
                Err(error) => {
                    metrics.jobs.failed(self.name);
                    failures += 1;
                    tracing::warn!(
                        job = self.name,
                        failures,
                        error = format!("{error:#}"),
                        "a job failed; trying again"
                    );
                }
            }
            tokio::select! {
                // An error means that the issuer is gone.
                _ = stopped.changed() => {}
                () = self.woken() => {}
                () = tokio::time::sleep(wait(self.period, failures, rand::random())) => {}
            }
        }
    }
}

/// How long to wait before the next pass. `random` lies in 0..1.
fn wait(period: Duration, failures: u32, random: f64) -> Duration {
    let wait = match failures.checked_sub(1) {
        None => period,
        Some(doublings) => BACK_OFF_MIN.saturating_mul(1 << doublings.min(16)).min(BACK_OFF_MAX).min(period),
    };
    wait.mul_f64(1.0 - JITTER + 2.0 * JITTER * random)
}

/// The running jobs. Dropping it breaks them off.
#[derive(Debug)]
pub(crate) struct Runner {
    jobs: JoinSet<()>,
}

impl Runner {
    /// Starts the jobs. They end when `stopped` turns true, each after the pass that runs.
    pub(crate) fn start(
        jobs: Vec<Job>,
        stopped: &watch::Receiver<bool>,
        metrics: &Arc<Metrics>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let run = |job: Job| job.run(stopped.clone(), metrics.clone(), clock.clone());
        Self { jobs: jobs.into_iter().map(run).collect() }
    }

    /// Waits until every job has ended.
    pub(crate) async fn ended(&mut self) {
        while self.jobs.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::mpsc;

    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn waits_double_after_failures_up_to_the_period_and_the_cap() {
        let hour = Duration::from_hours(1);
        assert_eq!(wait(hour, 0, 0.5), hour);
        assert_eq!(wait(hour, 1, 0.5), Duration::from_secs(1));
        assert_eq!(wait(hour, 4, 0.5), Duration::from_secs(8));
        assert_eq!(wait(hour, u32::MAX, 0.5), BACK_OFF_MAX);
        assert_eq!(wait(Duration::from_secs(5), u32::MAX, 0.5), Duration::from_secs(5));
        assert_eq!(wait(Duration::from_secs(10), 0, 0.0), Duration::from_secs(9));
    }

    #[tokio::test]
    async fn a_woken_job_runs_again_outlives_a_panic_and_ends_at_the_stop() {
        let (passes, mut seen) = mpsc::unbounded_channel();
        let wake = Arc::new(Notify::new());
        let count = AtomicU32::new(0);
        let job = Job::new("test", Duration::from_hours(1), move || {
            let number = count.fetch_add(1, Ordering::SeqCst);
            passes.send(number).unwrap();
            async move {
                assert_ne!(number, 1, "the second pass panics");
                if number == 2 { Err(anyhow::anyhow!("the third pass fails")) } else { Ok(()) }
            }
        })
        .woken_by(wake.clone());
        let (stop, stopped) = watch::channel(false);
        let metrics = Arc::new(Metrics::default());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut runner = Runner::start(vec![job], &stopped, &metrics, &clock);
        for number in 0..4 {
            assert_eq!(seen.recv().await, Some(number));
            wake.notify_one();
        }
        stop.send(true).unwrap();
        runner.ended().await;
        let text = metrics.scrape();
        assert!(text.contains("job_passes_total{job=\"test\",outcome=\"failed\"} 2\n"), "{text}");
    }
}
