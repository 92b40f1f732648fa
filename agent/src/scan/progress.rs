//! What a scan says while it runs, on stderr: bars on a terminal, a line per finished step elsewhere, nothing with
//! `--quiet`. The report itself goes to stdout, once, at the end.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// A step of known length; the bar takes what the terminal's width leaves.
const BAR: &str = "{msg} [{wide_bar}] {pos}/{len}";
/// A step of unknown length.
const SPINNER: &str = "{spinner} {msg} {pos}";

/// Where progress goes.
pub struct Progress(Form);

enum Form {
    Quiet,
    Lines(Mutex<Box<dyn Write + Send>>),
    Bars(MultiProgress),
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Form::Quiet => "Progress::Quiet",
            Form::Lines(_) => "Progress::Lines",
            Form::Bars(_) => "Progress::Bars",
        })
    }
}

impl Progress {
    /// Bars where stderr is a terminal, lines elsewhere.
    pub fn on_stderr() -> Self {
        if io::stderr().is_terminal() {
            Self(Form::Bars(MultiProgress::new()))
        } else {
            Self::lines(Box::new(io::stderr()))
        }
    }

    /// One line per message and finished step.
    pub fn lines(out: Box<dyn Write + Send>) -> Self {
        Self(Form::Lines(Mutex::new(out)))
    }

    /// Nothing.
    pub const fn quiet() -> Self {
        Self(Form::Quiet)
    }

    /// A message.
    pub fn say(&self, message: &str) {
        match &self.0 {
            Form::Quiet => {}
            Form::Lines(out) => {
                // Progress that can't be shown is no reason to fail.
                let _ = writeln!(out.lock().unwrap_or_else(PoisonError::into_inner), "{message}");
            }
            Form::Bars(bars) => {
                let _ = bars.println(message);
            }
        }
    }

    /// Begins a step of so many parts, where that is known.
    pub fn step(&self, label: &'static str, total: Option<usize>) -> Step<'_> {
        let bar = match &self.0 {
            Form::Bars(bars) => bars.add(match total {
                Some(total) => ProgressBar::new(total as u64).with_style(style(BAR)),
                None => ProgressBar::new_spinner().with_style(style(SPINNER)),
            }),
            Form::Quiet | Form::Lines(_) => ProgressBar::hidden(),
        };
        bar.set_message(label);
        if matches!(self.0, Form::Bars(_)) && total.is_none() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Step { progress: self, bar }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A step that is under way; it vanishes when dropped.
#[derive(Debug)]
pub struct Step<'a> {
    progress: &'a Progress,
    bar: ProgressBar,
}

impl Step<'_> {
    /// So many parts more are done.
    pub fn advance(&self, parts: u64) {
        self.bar.inc(parts);
    }

    /// So many parts are done in all.
    pub fn reach(&self, parts: usize) {
        self.bar.set_position(parts as u64);
    }

    /// Ends the step with a summary.
    pub fn finish(self, summary: &str) {
        self.bar.finish_and_clear();
        self.progress.say(summary);
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_forms_of_steps_are_valid() {
        assert!([BAR, SPINNER].into_iter().all(|form| ProgressStyle::with_template(form).is_ok()));
    }

    #[test]
    fn without_a_terminal_each_finished_step_is_one_plain_line() {
        let out = Shared::default();
        let progress = Progress::lines(Box::new(out.clone()));
        let step = progress.step("inventory", Some(3));
        step.advance(1);
        step.finish("3 resources");
        drop(progress.step("given up", None));
        progress.say("done");
        assert_eq!(String::from_utf8(out.0.lock().unwrap().clone()).unwrap(), "3 resources\ndone\n");
    }
}
