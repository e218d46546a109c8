//! Where a JSON value ends, one byte at a time. It knows strings, escapes and brackets, and nothing
//! of what may stand between them.

use crate::codec::Error;

/// How deep arrays and objects may nest: what serde_json reads unless it is told otherwise.
pub const JSON_DEPTH_MAX: usize = 127;

/// How far into a value the reader is.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    scanned: usize,
    place: Place,
    /// The open brackets, the innermost in the lowest bit: 1 for `{`, 0 for `[`.
    open: u128,
    depth: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the first byte.
    #[default]
    Before,
    /// In an array or object, and in no string.
    Brackets,
    /// In a string.
    Text,
    /// Behind a `\` in a string.
    Escape,
    /// In a number or a word.
    Scalar,
}

/// What a byte is to the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Part of it.
    Inside,
    /// Its last one.
    Ended,
    /// The first one behind it.
    EndedBefore,
}

/// Whether `value`, which must be one whole value, shows by itself where it ends.
///
/// # Errors
///
/// [`Error::NotOneValue`], or [`Error::TooDeep`].
pub(super) fn one_value(value: &[u8]) -> Result<bool, Error> {
    let not_one = Error::NotOneValue {
        length: value.len(),
    };
    let mut scan = Scan::default();
    for (at, &byte) in value.iter().enumerate() {
        match scan.step(byte) {
            Ok(Step::Inside) => {}
            Ok(Step::Ended) if at + 1 == value.len() => return Ok(true),
            Err(too_deep @ Error::TooDeep { .. }) => return Err(too_deep),
            _ => return Err(not_one),
        }
    }
    match scan.place {
        Place::Scalar => Ok(false),
        Place::Before | Place::Brackets | Place::Text | Place::Escape => Err(not_one),
    }
}

/// What a number or a word is made of. More than JSON has: `1e` and `nil` are the parser's to refuse.
fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

impl Scan {
    /// The bytes of the value that were looked at; 0 between values.
    pub(super) fn scanned(&self) -> usize {
        self.scanned
    }

    /// Whether the value is over without `byte`.
    pub(super) fn ends_before(&self, byte: u8) -> bool {
        self.place == Place::Scalar && !is_scalar(byte)
    }

    /// Takes the next byte. An error takes nothing: the same byte gives it again.
    pub(super) fn step(&mut self, byte: u8) -> Result<Step, Error> {
        let step = match self.place {
            Place::Before => self.begin(byte)?,
            Place::Brackets => self.bracket(byte)?,
            Place::Text => self.text(byte),
            Place::Escape => {
                self.place = Place::Text;
                Step::Inside
            }
            Place::Scalar if is_scalar(byte) => Step::Inside,
            Place::Scalar => return Ok(Step::EndedBefore),
        };
        self.scanned += 1;
        Ok(step)
    }

    fn begin(&mut self, byte: u8) -> Result<Step, Error> {
        match byte {
            b'{' | b'[' => return self.bracket(byte),
            b'"' => self.place = Place::Text,
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => self.place = Place::Scalar,
            _ => return Err(self.not_json(byte)),
        }
        Ok(Step::Inside)
    }

    fn bracket(&mut self, byte: u8) -> Result<Step, Error> {
        match byte {
            b'{' | b'[' => {
                if self.depth == JSON_DEPTH_MAX {
                    return Err(Error::TooDeep {
                        limit: JSON_DEPTH_MAX,
                    });
                }
                self.place = Place::Brackets;
                self.depth += 1;
                self.open = self.open << 1 | u128::from(byte == b'{');
            }
            b'}' | b']' => {
                if self.open & 1 != u128::from(byte == b'}') {
                    return Err(self.not_json(byte));
                }
                self.depth -= 1;
                self.open >>= 1;
                if self.depth == 0 {
                    return Ok(Step::Ended);
                }
            }
            b'"' => self.place = Place::Text,
            _ => {}
        }
        Ok(Step::Inside)
    }

    fn text(&mut self, byte: u8) -> Step {
        match byte {
            b'\\' => self.place = Place::Escape,
            b'"' if self.depth == 0 => return Step::Ended,
            b'"' => self.place = Place::Brackets,
            _ => {}
        }
        Step::Inside
    }

    fn not_json(&self, found: u8) -> Error {
        Error::NotJson {
            at: self.scanned,
            found,
        }
    }
}
