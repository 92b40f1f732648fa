//! Text from outside on a terminal.

/// Text that AWS or a state supplied, fit for a terminal: control characters and bidirectional overrides, which could
/// move the cursor, hide text or forge lines, are replaced by `�`.
pub fn clean(text: &str) -> String {
    text.chars().map(|letter| if is_unsafe(letter) { '\u{fffd}' } else { letter }).collect()
}

fn is_unsafe(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_lose_their_power_and_words_stay() {
        assert_eq!(clean("\u{1b}[2Jgone\nforged\u{202e}x"), "�[2Jgone�forged�x");
        assert_eq!(clean("zürich 東京"), "zürich 東京");
    }
}
