//! What a client does: it calls through several handles until all is well again, then once
//! more through each, and leaves.

use std::sync::Arc;

use bowline_link::BoxError;
use bowline_sim::scenario::Node;
use tokio::task::JoinSet;

use super::handle::{Handle, Temper};
use super::line::Lines;
use super::mutant::Mutation;
use super::{HANDLES, Shared, finale, handle, id, keeper, meddler, pick};

pub(super) async fn run(node: Node<Shared>, mutation: Option<Mutation>) -> Result<(), BoxError> {
    let mut chance = node.chance();
    let session = id(&mut chance);
    let temper = Temper::draw(&mut chance);
    let lines = Arc::new(Lines::new(&node, session, pick(&mut chance), mutation));
    let events = lines.begin()?;
    let mut keeper = JoinSet::new();
    keeper.spawn(keeper::keep(Arc::clone(&lines), events, pick(&mut chance)));
    let mut at_work = JoinSet::new();
    let mut handles = Vec::new();
    for index in 0..2 * HANDLES {
        let handle = Handle {
            lines: Arc::clone(&lines),
            name: handle(node.name(), index),
            front: lines.now().front(),
            temper,
            chance: pick(&mut chance),
            waiting: JoinSet::new(),
        };
        // The others are for the end.
        match index < HANDLES {
            true => drop(at_work.spawn(handle.work())),
            false => handles.push(handle),
        }
    }
    at_work.spawn(meddler::meddle(Arc::clone(&lines), pick(&mut chance)));
    while let Some(ended) = at_work.join_next().await {
        ended?;
    }
    // One that is struck for good is owed nothing.
    if !node.is_core(node.name()) {
        return Ok(());
    }
    finale::play(&lines, handles).await?;
    while let Some(ended) = keeper.join_next().await {
        ended??;
    }
    Ok(())
}
