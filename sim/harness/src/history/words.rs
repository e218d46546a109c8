//! The words of a history: names, ids and positions.
//!
//! Their text is their JSON, so that a line printed by a real process and a record
//! of a simulated one are the same thing. Nothing is known of what an id stands for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a process or a stream is called; cloning it copies no text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Name(Arc<str>);

/// Names what a process asked to append: 128 bits, printed as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(pub u128);

/// A place in one particular log of a stream, printed as `epoch:offset` with the
/// epoch in 16 hex digits.
///
/// Positions of different epochs are in no order that means anything; `Ord` is
/// there for maps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Position {
    /// Which log the offset counts in.
    pub epoch: u64,
    /// The place in it. Offsets rise, but need not be consecutive.
    pub offset: u64,
}

/// A text that is neither an id nor a position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got {got:?}")]
pub struct Malformed {
    /// How it should have looked.
    pub expected: &'static str,
    /// How it looked.
    pub got: String,
}

// === impl Name ===

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

// === impl Id ===

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

impl FromStr for Id {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = hex.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        id.map(Self)
            .ok_or_else(|| Malformed::new("32 hex digits", text))
    }
}

impl TryFrom<String> for Id {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

// === impl Position ===

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}:{}", self.epoch, self.offset)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({self})")
    }
}

impl FromStr for Position {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let parse = || {
            let (epoch, offset) = text.split_once(':')?;
            let hex = epoch.len() == 16 && epoch.bytes().all(|byte| byte.is_ascii_hexdigit());
            let epoch = hex.then(|| u64::from_str_radix(epoch, 16).ok()).flatten()?;
            let offset = offset.parse().ok()?;
            Some(Self { epoch, offset })
        };
        parse().ok_or_else(|| Malformed::new("16 hex digits, a colon and a number", text))
    }
}

impl TryFrom<String> for Position {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<Position> for String {
    fn from(position: Position) -> Self {
        position.to_string()
    }
}

// === impl Malformed ===

impl Malformed {
    fn new(expected: &'static str, got: &str) -> Self {
        let got = got.to_owned();
        Self { expected, got }
    }
}
