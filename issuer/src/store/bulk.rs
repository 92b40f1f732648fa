//! Many rows by one statement: `VALUES (?, ?), (?, ?), …`, in sizes of which there are few, so that the statements stay
//! prepared. Each statement is a trip to the store's thread and back, which costs more than ten rows in one that goes anyway: so
//! rows are filled up to the next size with empty ones (NULLs), which the statement leaves out.
//!
//! Parameters are `?` here: SQLite and its driver look a numbered one up by its name among all names, for each row anew.
//! PostgreSQL knows numbers alone.

/// The most rows of one statement.
const ROWS_MAX: usize = 128;

/// The rows in slices of at most [`ROWS_MAX`], each with the number of rows that its statement has.
pub(super) fn slices<T>(rows: &[T]) -> impl Iterator<Item = (&[T], usize)> {
    rows.chunks(ROWS_MAX).map(|slice| (slice, slice.len().next_power_of_two()))
}

/// `(?, ?), (?, ?)` for two rows of two columns.
pub(super) fn placeholders(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_have_few_sizes_and_hold_every_row_once_in_order() {
        for count in 0..400_usize {
            let rows: Vec<usize> = (0..count).collect();
            let slices: Vec<(&[usize], usize)> = slices(&rows).collect();
            assert_eq!(slices.iter().flat_map(|(slice, _)| *slice).copied().collect::<Vec<_>>(), rows);
            assert!(
                slices.iter().all(|(slice, size)| (slice.len()..=ROWS_MAX).contains(size) && size.is_power_of_two())
            );
        }
    }

    #[test]
    fn placeholders_are_rows_of_columns() {
        assert_eq!(placeholders(2, 3), "(?, ?, ?), (?, ?, ?)");
        assert_eq!(placeholders(1, 1), "(?)");
    }
}
