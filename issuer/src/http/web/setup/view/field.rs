//! Fields of a form, each with its label, its hint, what was typed and what is wrong with it.

/// A field for text: of one line, or of several.
#[derive(Debug, Clone, Default)]
pub(in crate::http::web) struct TextField {
    /// The name in the form, and the id in the page.
    pub(in crate::http::web) name: &'static str,
    pub(in crate::http::web) label: &'static str,
    /// What to type; empty for none.
    pub(in crate::http::web) hint: &'static str,
    pub(in crate::http::web) value: String,
    pub(in crate::http::web) placeholder: &'static str,
    /// Values to choose from; empty for none.
    pub(in crate::http::web) choices: &'static [&'static str],
    /// 0 for one line.
    pub(in crate::http::web) rows: u8,
    pub(in crate::http::web) required: bool,
    /// Digits only: phones then show their number pad.
    pub(in crate::http::web) numeric: bool,
    pub(in crate::http::web) fault: Option<FaultText>,
}

/// Why a value is refused, and what to do about it.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct FaultText {
    pub(in crate::http::web) reason: String,
    pub(in crate::http::web) fix: String,
}

/// One of several choices, or a switch.
#[derive(Debug, Clone, Default)]
pub(in crate::http::web) struct Choice {
    pub(in crate::http::web) value: &'static str,
    pub(in crate::http::web) title: &'static str,
    pub(in crate::http::web) text: &'static str,
    /// A word beside the title; empty for none.
    pub(in crate::http::web) badge: &'static str,
    /// `warn` or nothing.
    pub(in crate::http::web) badge_class: &'static str,
    pub(in crate::http::web) chosen: bool,
    /// The part of the form that only this choice needs; empty for none.
    pub(in crate::http::web) shows: &'static str,
}

/// Choices of which one holds.
#[derive(Debug, Clone, Default)]
pub(in crate::http::web) struct Choices {
    pub(in crate::http::web) name: &'static str,
    pub(in crate::http::web) label: &'static str,
    pub(in crate::http::web) hint: &'static str,
    pub(in crate::http::web) options: Vec<Choice>,
    pub(in crate::http::web) fault: Option<FaultText>,
}

/// One line of the summary of faults above a form.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct FaultLine {
    /// The field's name.
    pub(in crate::http::web) name: &'static str,
    pub(in crate::http::web) label: &'static str,
    pub(in crate::http::web) reason: String,
}

impl TextField {
    /// The ids of what describes the field, for `aria-describedby`; empty for none.
    pub(in crate::http::web) fn described_by(&self) -> String {
        described_by(self.name, self.hint, self.fault.is_some())
    }
}

impl Choices {
    /// The ids of what describes the choices.
    pub(in crate::http::web) fn described_by(&self) -> String {
        described_by(self.name, self.hint, self.fault.is_some())
    }
}

fn described_by(name: &str, hint: &str, faulty: bool) -> String {
    let hint = (!hint.is_empty()).then(|| format!("{name}-hint"));
    let fault = faulty.then(|| format!("{name}-fault"));
    // The fault first: that is what whoever comes back wants to hear.
    [fault, hint].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
