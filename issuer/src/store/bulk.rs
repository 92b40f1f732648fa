//! Many rows by one statement: `VALUES ($1, $2), ($3, $4), …`, in sizes of which there are few, so that the statements stay
//! prepared.

use std::fmt::Write as _;

/// The most rows of one statement. `SQLite` looks parameters up by name, one after the other: long lists cost more than they
/// save.
const ROWS_MAX: usize = 32;

/// The rows in slices of 32, 16, 8, 4, 2 or 1.
pub(super) fn slices<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = rows.len().checked_ilog2().map(|log| (1 << log).min(ROWS_MAX))?;
        let (slice, rest) = rows.split_at(size);
        rows = rest;
        Some(slice)
    })
}

/// `($1, $2), ($3, $4)` for two rows of two columns.
pub(super) fn placeholders(rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 6);
    for number in 0..rows * columns {
        let before = match number % columns {
            0 if number == 0 => "(",
            0 => "), (",
            _ => ", ",
        };
        // Writing to a String can't fail.
        let _ = write!(text, "{before}${}", number + 1);
    }
    text.push(')');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_have_few_sizes_and_hold_every_row_once_in_order() {
        for count in 0..200_usize {
            let rows: Vec<usize> = (0..count).collect();
            let slices: Vec<&[usize]> = slices(&rows).collect();
            assert_eq!(slices.concat(), rows);
            assert!(slices.iter().all(|slice| slice.len().is_power_of_two() && slice.len() <= ROWS_MAX));
        }
    }

    #[test]
    fn placeholders_are_numbered_through() {
        assert_eq!(placeholders(2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(placeholders(1, 1), "($1)");
    }
}
