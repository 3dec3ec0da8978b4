//! What the expressions of Kea and of ISC dhcpd have in common: a cursor over their tokens, `and`,
//! `or`, `not` and parentheses, parts of values, and the names of sub-options of option 82.
//!
//! The parsers of the two languages read comparisons and other values. Invariant: a condition that
//! is read is nested at most [`DEPTH_MAX`] times.

use std::fmt::Debug;

use lessor_core::relay;

use crate::condition::{Condition, Data};

/// How deeply `not`, parentheses, and `and` and `or` that follow each other may be nested.
const DEPTH_MAX: usize = 32;

/// A token of one of the languages.
pub(crate) trait ExpressionToken: Clone + Debug + PartialEq {
    /// Returns the token of a word.
    fn word(word: &str) -> Self;
    /// Returns the token of a mark, such as a parenthesis.
    fn mark(mark: char) -> Self;
    /// Returns the word of a token that is one, and otherwise the token.
    fn into_word(self) -> Result<String, Self>;
}

/// The tokens of an expression that were not read yet.
pub(crate) struct Cursor<'t, T> {
    tokens: &'t [T],
    depth: usize,
}

/// A parser of one of the languages.
pub(crate) trait Expression<'t> {
    /// Its tokens.
    type Token: ExpressionToken + 't;

    /// The word for a length up to the end of a value, if the language has one.
    const TO_THE_END: Option<&'static str>;

    /// Whether `and` binds more tightly than `or`. Otherwise, both group from the left.
    const AND_BINDS_TIGHTER: bool;

    /// Returns the cursor over its tokens.
    fn cursor(&mut self) -> &mut Cursor<'t, Self::Token>;

    /// Reads a condition without `and`, `or`, `not` and parentheses around it.
    fn comparison(&mut self) -> Result<Condition, String>;

    /// Reads a value.
    fn data(&mut self) -> Result<Data, String>;

    /// Reads what follows `substring`: a value, the first octet and the number of octets.
    fn substring(&mut self) -> Result<Data, String> {
        self.cursor().expect_mark('(')?;
        let data = self.data()?;
        self.cursor().expect_mark(',')?;
        let start = self.cursor().number()?;
        self.cursor().expect_mark(',')?;
        let length = match Self::TO_THE_END {
            Some(word) if self.cursor().takes_word(word) => None,
            _ => Some(self.cursor().number()?),
        };
        self.cursor().expect_mark(')')?;
        data.substring(start, length)
    }

    /// Reads conditions that `and` and `or` join, and nothing after them.
    fn whole(&mut self) -> Result<Condition, String> {
        let condition = self.joined()?;
        self.cursor().ended().map(|()| condition)
    }

    /// Reads conditions that `and` and `or` join.
    fn joined(&mut self) -> Result<Condition, String> {
        if Self::AND_BINDS_TIGHTER { self.any() } else { self.joined_left_first() }
    }

    /// Reads conditions, each of which is joined with all before it.
    fn joined_left_first(&mut self) -> Result<Condition, String> {
        let outside = self.cursor().depth;
        let mut parts = vec![self.one()?];
        let mut last = None;
        while let Some(join) = Join::read(self.cursor()) {
            if let Some(other) = last.replace(join).filter(|last| *last != join) {
                self.cursor().deepen()?;
                parts = vec![other.of(parts)];
            }
            parts.push(self.one()?);
        }
        self.cursor().depth = outside;
        Ok(last.unwrap_or(Join::All).of(parts))
    }

    /// Reads conditions of which one has to be met.
    fn any(&mut self) -> Result<Condition, String> {
        let mut all = vec![self.all()?];
        while self.cursor().takes_word("or") {
            all.push(self.all()?);
        }
        Ok(Condition::any(all))
    }

    /// Reads conditions that all have to be met.
    fn all(&mut self) -> Result<Condition, String> {
        let mut all = vec![self.one()?];
        while self.cursor().takes_word("and") {
            all.push(self.one()?);
        }
        Ok(Condition::all(all))
    }

    /// Reads one condition.
    fn one(&mut self) -> Result<Condition, String> {
        self.cursor().deepen()?;
        let found = self.one_at_depth();
        self.cursor().depth -= 1;
        found
    }

    /// Reads one condition that may be nested further.
    fn one_at_depth(&mut self) -> Result<Condition, String> {
        if self.cursor().takes_word("not") {
            return self.one().map(Condition::not);
        }
        if self.cursor().takes(&Self::Token::mark('(')) {
            let inner = self.joined()?;
            self.cursor().expect_mark(')')?;
            return Ok(inner);
        }
        self.comparison()
    }
}

/// How conditions are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    All,
    Any,
}

impl Join {
    fn read<T: ExpressionToken>(cursor: &mut Cursor<'_, T>) -> Option<Self> {
        match cursor.takes_word("and") {
            true => Some(Self::All),
            false => cursor.takes_word("or").then_some(Self::Any),
        }
    }

    fn of(self, conditions: Vec<Condition>) -> Condition {
        match self {
            Self::All => Condition::all(conditions),
            Self::Any => Condition::any(conditions),
        }
    }
}

impl<'t, T: ExpressionToken> Cursor<'t, T> {
    pub(crate) fn new(tokens: &'t [T]) -> Self {
        Self { tokens, depth: 0 }
    }

    /// Returns the tokens that were not read yet.
    pub(crate) const fn rest(&self) -> &'t [T] {
        self.tokens
    }

    fn deepen(&mut self) -> Result<(), String> {
        self.depth += 1;
        match self.depth > DEPTH_MAX {
            true => Err(format!("the expression is nested more than {DEPTH_MAX} times")),
            false => Ok(()),
        }
    }

    pub(crate) fn next(&mut self) -> Result<T, String> {
        let (first, rest) = self.tokens.split_first().ok_or("the expression ends too early")?;
        self.tokens = rest;
        Ok(first.clone())
    }

    /// Reads a token if it is this one, and returns whether it was.
    pub(crate) fn takes(&mut self, wanted: &T) -> bool {
        match self.tokens.split_first() {
            Some((first, rest)) if first == wanted => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn takes_word(&mut self, wanted: &str) -> bool {
        self.takes(&T::word(wanted))
    }

    pub(crate) fn expect(&mut self, wanted: &T) -> Result<(), String> {
        match self.takes(wanted) {
            true => Ok(()),
            false => match self.tokens.first() {
                Some(found) => Err(out_of_place(found)),
                None => Err("the expression ends too early".to_owned()),
            },
        }
    }

    pub(crate) fn expect_mark(&mut self, wanted: char) -> Result<(), String> {
        self.expect(&T::mark(wanted))
    }

    /// Checks that all tokens were read.
    pub(crate) fn ended(&self) -> Result<(), String> {
        self.tokens.first().map_or(Ok(()), |found| Err(out_of_place(found)))
    }

    pub(crate) fn word(&mut self) -> Result<String, String> {
        let word = self.next()?.into_word();
        word.map_err(|token| format!("the expression has {token:?} instead of a name"))
    }

    pub(crate) fn number(&mut self) -> Result<usize, String> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("{word:?} is not a number of octets"))
    }
}

/// The code of a sub-option of option 82 that both languages know by this name.
pub(crate) fn relay_sub_option(name: &str) -> Result<u8, String> {
    match name {
        "circuit-id" => Ok(relay::CIRCUIT_ID),
        "remote-id" => Ok(relay::REMOTE_ID),
        "subscriber-id" => Ok(relay::SUBSCRIBER_ID),
        name => Err(format!("no sub-option is named {name:?}")),
    }
}

fn out_of_place(found: &impl Debug) -> String {
    format!("conditions do not know {found:?} in this place")
}
