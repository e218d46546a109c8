//! Plans from text, with errors for whoever wrote them by hand.

use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::{Invalid, Plan};

/// Why a text is not a plan that can be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is no JSON, or ends too early.
    #[error("no JSON: {message} at line {line}, column {column}")]
    Json {
        /// What is wrong there.
        message: String,
        /// The line, counted from one.
        line: usize,
        /// The column in it, counted from one.
        column: usize,
    },
    /// A step is not what a step may be.
    #[error("step {step}: {message}{} (line {line}, column {column})", within(.field))]
    Step {
        /// Which, counted from zero.
        step: usize,
        /// The way from the step to what is wrong, such as `fault.stall`; empty for itself.
        field: String,
        /// What is wrong, and what would be known there.
        message: String,
        /// The line, counted from one.
        line: usize,
        /// The column in it, counted from one.
        column: usize,
    },
    /// What stands beside the steps is not what it may be.
    #[error("{message}{} (line {line}, column {column})", within(.field))]
    Head {
        /// The way to what is wrong, such as `topology.end_ms`; empty for the whole.
        field: String,
        /// What is wrong, and what would be known there.
        message: String,
        /// The line, counted from one.
        line: usize,
        /// The column in it, counted from one.
        column: usize,
    },
    /// It is a plan, and a step of it cannot be carried out.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

pub(super) fn from_json(text: &str) -> Result<Plan, ReadError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let plan: Plan = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| read_error(error.path(), error.inner()))?;
    json.end().map_err(|error| no_json(&error))?;
    plan.validate()?;
    Ok(plan)
}

fn no_json(error: &serde_json::Error) -> ReadError {
    ReadError::Json {
        message: said(error),
        line: error.line(),
        column: error.column(),
    }
}

fn read_error(path: &Path, error: &serde_json::Error) -> ReadError {
    if error.classify() != Category::Data {
        return no_json(error);
    }
    let (message, line, column) = (said(error), error.line(), error.column());
    let mut segments = path.iter();
    match (segments.next(), segments.next()) {
        (Some(Segment::Map { key }), Some(Segment::Seq { index })) if key == "steps" => {
            ReadError::Step {
                step: *index,
                field: dotted(segments),
                message,
                line,
                column,
            }
        }
        _ => ReadError::Head {
            field: dotted(path.iter()),
            message,
            line,
            column,
        },
    }
}

/// What it says without the place, which it has as numbers too.
fn said(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&place).unwrap_or(&message).to_owned()
}

fn dotted<'a>(segments: impl Iterator<Item = &'a Segment>) -> String {
    let names = segments.filter_map(|segment| match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    });
    names.collect::<Vec<_>>().join(".")
}

fn within(field: &str) -> String {
    if field.is_empty() {
        String::new()
    } else {
        format!(", in {field}")
    }
}
