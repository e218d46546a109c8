//! What processes asked for, and how it came out.

use std::collections::BTreeMap;

use crate::history::{Id, Name, Record, What};

/// One append that one process asked for, however often it was repeated before it had
/// an outcome.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) process: &'a Name,
    pub(super) stream: &'a Name,
    pub(super) id: Id,
    /// The record that asked first.
    pub(super) asked: usize,
    /// The record that acknowledged it, refused it or gave it up.
    pub(super) ended: Option<usize>,
}

/// Every call, in the order in which they were asked for.
pub(super) fn calls(records: &[Record]) -> Vec<Call<'_>> {
    let mut calls = Vec::new();
    let mut open = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        let process = &record.process;
        match &record.what {
            What::Invoked { stream, id } => {
                open.entry((process, stream, *id)).or_insert_with(|| {
                    calls.push(Call {
                        process,
                        stream,
                        id: *id,
                        asked: index,
                        ended: None,
                    });
                    calls.len() - 1
                });
            }
            What::Acked { stream, id, .. }
            | What::Failed { stream, id }
            | What::Unknown { stream, id } => {
                if let Some(call) = open.remove(&(process, stream, *id)) {
                    calls[call].ended = Some(index);
                }
            }
            _ => {}
        }
    }
    calls
}
