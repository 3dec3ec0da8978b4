//! Tables: the rows of a file in memory, found by key. A table is immutable; a changed file becomes
//! a new one.
//!
//! Rows are stored one after another in a single allocation, and the index has only their offsets:
//! a million rows take little more memory than their text. A [`SourceRow`] is created on request.

mod csv;
mod file;
mod input;
mod json;
mod memory;
mod packed;

use std::{collections::HashMap, hash::BuildHasher, sync::Arc};

use foldhash::fast::RandomState;
use hashbrown::{HashTable, hash_table};
use lessor_core::SourceRow;
use lessor_settings::{CsvSettings, JsonSettings};

pub(crate) use self::file::Stamp;
use self::{memory::Memory, packed::PackedLayout};
use crate::{SourceProblem, limits::KEY_OCTETS_MAX};

/// The rows of a file, by key.
pub struct LookupTable {
    /// Packed rows, one after another: see [`packed`].
    octets: Vec<u8>,
    /// The offset of each packed row.
    index: HashTable<u32>,
    layouts: Vec<PackedLayout>,
    hasher: RandomState,
}

impl LookupTable {
    /// Reads a CSV file.
    pub(crate) fn csv(file: &CsvSettings) -> Result<(Self, Stamp), SourceProblem> {
        file::read(&file.path, |reader, sink| csv::read(reader, file, sink))
    }

    /// Reads a JSON file.
    pub(crate) fn json(file: &JsonSettings) -> Result<(Self, Stamp), SourceProblem> {
        file::read(&file.path, |reader, sink| json::read(reader, file.key.as_deref(), sink))
    }

    /// The row of a key.
    pub fn row(&self, key: &str) -> Option<SourceRow> {
        let (layout, values) = self.find(key)?;
        let columns = layout.columns.iter().zip(values);
        let shown = columns.filter_map(|(name, value)| Some((name.clone()?, value.into())));
        Some(shown.collect())
    }

    /// The value of one field in the row of a key; `None` if there is no such row or field, or the
    /// value is empty.
    pub fn field(&self, key: &str, name: &str) -> Option<&str> {
        let (layout, mut values) = self.find(key)?;
        let position = layout.columns.iter().position(|column| column.as_deref() == Some(name))?;
        values.nth(position).filter(|value| !value.is_empty())
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.index.len()
    }

    /// The memory of rows and index, in octets.
    pub fn octets(&self) -> usize {
        self.octets.capacity() + self.index.allocation_size()
    }

    fn find(&self, key: &str) -> Option<(&PackedLayout, packed::Values<'_>)> {
        let offset = self.index.find(self.hasher.hash_one(key), |at| self.key_at(*at) == key)?;
        packed::open(&self.octets, *offset, &self.layouts)
    }

    fn key_at(&self, offset: u32) -> &str {
        packed::key(&self.octets, offset, &self.layouts)
    }
}

/// Builds a table row by row.
struct Builder {
    table: LookupTable,
    known: HashMap<Vec<Option<String>>, usize>,
    names: HashMap<String, Arc<str>>,
    memory: Memory,
}

/// A row as a reader passes it on.
struct Parsed<'a> {
    /// The names of the columns; `None` for the column of a key that is not a field.
    columns: &'a [Option<String>],
    /// The column that holds the key.
    key_at: usize,
    /// The value of each column.
    values: &'a [&'a str],
}

/// Receives rows. The reason for refusing a row becomes part of the message, with the row's line.
type Sink<'a> = dyn FnMut(Parsed<'_>) -> Result<(), String> + 'a;

impl Builder {
    /// Creates a builder for a file of this size.
    fn of_file(octets: u64) -> Self {
        let table = LookupTable {
            // Memory that is not written is not taken from the system.
            octets: Vec::with_capacity(usize::try_from(octets).unwrap_or_default()),
            index: HashTable::new(),
            layouts: Vec::new(),
            hasher: RandomState::default(),
        };
        let memory = Memory::of_file(octets);
        Self { table, known: HashMap::new(), names: HashMap::new(), memory }
    }

    /// Refuses a file that takes too much memory in relation to the part that was read.
    fn check_memory(&self, octets_read: u64) -> Result<(), String> {
        self.memory.check(self.table.octets.len(), self.table.rows(), octets_read)
    }

    /// Adds a row. Returns whether its key is new.
    fn add(&mut self, row: &Parsed<'_>) -> Result<bool, String> {
        let key = usable_key(row)?;
        let layout = self.layout(row);
        let LookupTable { octets, index, layouts, hasher } = &mut self.table;
        let offset = u32::try_from(octets.len())
            .map_err(|_| "the rows before this one fill the table; split the file".to_owned())?;
        let is_same = |at: &u32| packed::key(octets, *at, layouts) == key;
        let rehash = |at: &u32| hasher.hash_one(packed::key(octets, *at, layouts));
        match index.entry(hasher.hash_one(key), is_same, rehash) {
            hash_table::Entry::Occupied(_) => return Ok(false),
            hash_table::Entry::Vacant(place) => place.insert(offset),
        };
        packed::write(octets, layout, row.values);
        Ok(true)
    }

    fn finish(mut self) -> LookupTable {
        self.table.octets.shrink_to_fit();
        let LookupTable { octets, index, layouts, hasher } = &mut self.table;
        index.shrink_to_fit(|at| hasher.hash_one(packed::key(octets, *at, layouts)));
        self.table
    }

    /// The number of the row's layout. Most files have a single layout.
    fn layout(&mut self, row: &Parsed<'_>) -> usize {
        if let Some(last) = self.table.layouts.last()
            && last.is(row.columns, row.key_at)
        {
            return self.table.layouts.len() - 1;
        }
        let mut signature = row.columns.to_vec();
        signature.push(Some(row.key_at.to_string()));
        if let Some(number) = self.known.get(&signature) {
            return *number;
        }
        self.memory.has_layout(row.columns, |name| self.names.contains_key(name));
        let columns = row.columns.iter().map(|name| {
            let name = name.as_ref()?;
            let known = self.names.entry(name.clone()).or_insert_with(|| Arc::from(&**name));
            Some(Arc::clone(known))
        });
        let columns = columns.collect();
        self.table.layouts.push(PackedLayout { columns, key_at: row.key_at });
        self.known.insert(signature, self.table.layouts.len() - 1);
        self.table.layouts.len() - 1
    }
}

fn usable_key<'a>(row: &Parsed<'a>) -> Result<&'a str, String> {
    let key = row.values.get(row.key_at).copied().unwrap_or_default();
    match key.len() {
        0 => Err("the row has an empty key; give it one, or remove the row".to_owned()),
        1..=KEY_OCTETS_MAX => Ok(key),
        octets => {
            Err(format!("the row's key has {octets} octets; at most {KEY_OCTETS_MAX} are possible"))
        }
    }
}

#[cfg(test)]
mod tests;
