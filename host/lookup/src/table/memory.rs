//! What a table takes of memory while it is put together, and whether that is in keeping with its
//! file.
//!
//! Not here: how octets are laid out. The invariant: a file whose table would take more than twice
//! what the file is large is refused by the time the table has taken as much as the file is large.

use crate::limits::TABLE_OCTETS_FREE;

/// What the index takes for a row, while it grows.
const INDEX_OCTETS: u64 = 12;
/// What a set of fields takes beside its fields: an entry of two tables.
const LAYOUT_OCTETS: u64 = 160;
/// What each field of such a set takes, beside the text of its name.
const FIELD_OCTETS: u64 = 64;
/// What a name takes, beside its text, when it comes for the first time.
const NAME_OCTETS: u64 = 112;
/// A table may take so many times what its file is large.
const TIMES_MAX: u64 = 2;

/// What a table takes of memory.
#[derive(Debug)]
pub(super) struct Memory {
    file_octets: u64,
    free: u64,
    layouts: u64,
}

impl Memory {
    pub(super) fn of_file(file_octets: u64) -> Self {
        Self { file_octets, free: TABLE_OCTETS_FREE, layouts: 0 }
    }

    /// Another set of fields was met.
    pub(super) fn has_layout(
        &mut self,
        columns: &[Option<String>],
        is_known: impl Fn(&str) -> bool,
    ) {
        let field = |name: &String| {
            let text = name.len() as u64;
            FIELD_OCTETS + text + if is_known(name) { 0 } else { NAME_OCTETS + 2 * text }
        };
        let fields: u64 = columns.iter().flatten().map(field).sum();
        self.layouts = self.layouts.saturating_add(LAYOUT_OCTETS + fields);
    }

    /// # Errors
    /// What is wrong, if the rest of the file would take too much if it is like what was read.
    pub(super) fn check(&self, octets: usize, rows: usize, octets_read: u64) -> Result<(), String> {
        let taken = octets as u64 + rows as u64 * INDEX_OCTETS + self.layouts;
        if taken <= self.free.max(self.file_octets) {
            return Ok(());
        }
        let (file_octets, octets_read) = (self.file_octets.max(octets_read), octets_read.max(1));
        let all = u128::from(taken) * u128::from(file_octets) / u128::from(octets_read);
        if all <= u128::from(TIMES_MAX * file_octets) {
            return Ok(());
        }
        let why = match self.layouts > taken / 2 {
            true => "the objects have ever other fields; give all the same",
            false => "the rows are very short; split the file, or ask a database",
        };
        Err(format!(
            "the rows up to here take {taken} octets of memory, and the whole file of {file_octets} \
             octets would take some {all}; wanted at most {TIMES_MAX} times what it is large: {why}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(file_octets: u64) -> Memory {
        Memory { free: 100, ..Memory::of_file(file_octets) }
    }

    #[test]
    fn a_table_that_grows_beyond_its_file_is_refused_when_it_is_as_large_as_that() {
        // Half of the file is read, and the table is as large as the file: twice that in the end.
        assert_eq!(memory(1000).check(1000, 0, 500), Ok(()));
        assert_eq!(memory(1000).check(1001, 0, 501), Ok(()));
        let error = memory(1000).check(1001, 0, 500).unwrap_err();
        assert!(error.contains("of 1000 octets would take some 2002; wanted at most 2"), "{error}");
        assert_eq!(memory(1000).check(2000, 0, 1000), Ok(()));
        assert!(memory(1000).check(2001, 0, 1000).is_err());
    }

    #[test]
    fn a_small_table_is_not_compared_with_its_file() {
        assert_eq!(memory(10).check(100, 0, 10), Ok(()));
        assert!(memory(10).check(101, 0, 10).is_err());
    }

    #[test]
    fn index_and_fields_count() {
        assert!(memory(1000).check(0, 1000, 400).unwrap_err().contains("very short"));
        let mut memory = memory(1000);
        let columns: Vec<_> = (0..20).map(|number| Some(format!("field{number}"))).collect();
        memory.has_layout(&columns, |_| false);
        assert!(memory.check(10, 1, 100).unwrap_err().contains("ever other fields"));
    }
}
