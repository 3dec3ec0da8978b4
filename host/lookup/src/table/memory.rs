//! Estimates the memory of a table while it is built, and whether it is proportionate to its file.
//!
//! Does not lay out the memory. Invariant: a file whose table would take more than twice the size
//! of the file is refused before the table is larger than the file.

use crate::limits::TABLE_OCTETS_FREE;

/// The memory of a row in the index while it grows, in octets.
const INDEX_OCTETS: u64 = 12;
/// The memory of a set of fields besides its fields, in octets: an entry in two tables.
const LAYOUT_OCTETS: u64 = 160;
/// The memory of each field in such a set besides its name, in octets.
const FIELD_OCTETS: u64 = 64;
/// The memory of a new name besides its text, in octets.
const NAME_OCTETS: u64 = 112;
/// The maximum size of a table, as a multiple of the size of its file.
const TIMES_MAX: u64 = 2;

/// The memory of a table.
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

    /// Adds a new set of fields.
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
    /// If the whole table would take too much memory, given that the rest of the file is like the
    /// part that was read.
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
            true => "the objects have different fields; give all objects the same fields",
            false => "the rows are very short; split the file, or use a database",
        };
        Err(format!(
            "the rows up to here take {taken} octets of memory, and the whole file of \
             {file_octets} octets would take about {all}; wanted at most {TIMES_MAX} times its \
             size: {why}"
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
        // Half of the file is read and the table is as large as the file, so it will be twice as
        // large.
        assert_eq!(memory(1000).check(1000, 0, 500), Ok(()));
        assert_eq!(memory(1000).check(1001, 0, 501), Ok(()));
        let error = memory(1000).check(1001, 0, 500).unwrap_err();
        assert!(
            error.contains("of 1000 octets would take about 2002; wanted at most 2"),
            "{error}"
        );
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
        assert!(memory.check(10, 1, 100).unwrap_err().contains("different fields"));
    }
}
