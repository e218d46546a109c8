//! What comes before what, and the shortest way round a circle in it.
//!
//! Knows records by their number only.

use std::collections::VecDeque;

/// In how many more places a shorter circle is looked for once one is found, which
/// takes a walk through the whole graph each time.
const SHORTER_TRIES_MAX: usize = 256;

/// Things by number, and which of them come directly before which.
pub(super) struct Graph {
    /// By the thing before.
    edges: Vec<Vec<Edge>>,
}

#[derive(Debug, Clone, Copy)]
struct Edge {
    to: usize,
    /// The record it rests on, where that is one.
    by: Option<usize>,
    /// How much longer it makes a circle.
    length: usize,
}

// === impl Graph ===

impl Graph {
    /// Starts with the places of all logs, one log behind the other: each of `logs` is
    /// how many places it has, and each place comes before the next of its log.
    pub(super) fn new(logs: impl IntoIterator<Item = usize>) -> Self {
        let mut graph = Self { edges: Vec::new() };
        for places in logs {
            for place in 0..places {
                let node = graph.add_node();
                if place > 0 {
                    graph.add_edge(node - 1, node, None);
                }
            }
        }
        graph
    }

    pub(super) fn add_node(&mut self) -> usize {
        self.edges.push(Vec::new());
        self.edges.len() - 1
    }

    /// Says that `from` comes before `to`.
    pub(super) fn add_edge(&mut self, from: usize, to: usize, by: Option<usize>) {
        let length = 0;
        self.edges[from].push(Edge { to, by, length });
    }

    /// The same, of what a process knew and what it asked for in the record `by`. No
    /// circle is without one of these; their number is its length.
    pub(super) fn add_hop(&mut self, from: usize, to: usize, by: usize) {
        let (by, length) = (Some(by), 1);
        self.edges[from].push(Edge { to, by, length });
    }

    /// The records on which one of the shortest circles rests, if there is any circle.
    ///
    /// That there is none is found in one walk through the graph.
    pub(super) fn shortest_circle(&self) -> Option<Vec<usize>> {
        let circular = self.circular();
        let hops = self.edges.iter().flatten().filter(|edge| edge.length > 0);
        let mut starts: Vec<usize> = hops.map(|edge| edge.to).collect();
        starts.retain(|start| circular[*start]);
        starts.sort_unstable();
        starts.dedup();
        let mut best: Option<(usize, Vec<usize>)> = None;
        let mut tries = 0;
        for start in starts {
            let shorter_than = best.as_ref().map_or(usize::MAX, |(length, _)| *length);
            if shorter_than == 1 || tries > SHORTER_TRIES_MAX {
                break;
            }
            best = self.circle_through(start, shorter_than).or(best);
            tries += usize::from(best.is_some());
        }
        best.map(|(_, records)| records)
    }

    /// Which nodes may be on a circle: all that are, and what is between two circles.
    fn circular(&self) -> Vec<bool> {
        let mut reversed = Self {
            edges: vec![Vec::new(); self.edges.len()],
        };
        for (from, edges) in self.edges.iter().enumerate() {
            for edge in edges {
                reversed.add_edge(edge.to, from, None);
            }
        }
        let (behind, before) = (self.never_free(), reversed.never_free());
        let both = behind.into_iter().zip(before);
        both.map(|(behind, before)| behind && before).collect()
    }

    /// Which nodes are left when one takes away, again and again, those that nothing
    /// comes before.
    fn never_free(&self) -> Vec<bool> {
        let mut before = vec![0_usize; self.edges.len()];
        for edge in self.edges.iter().flatten() {
            before[edge.to] += 1;
        }
        let nodes = 0..self.edges.len();
        let mut free: Vec<usize> = nodes.filter(|node| before[*node] == 0).collect();
        while let Some(node) = free.pop() {
            for edge in &self.edges[node] {
                before[edge.to] -= 1;
                if before[edge.to] == 0 {
                    free.push(edge.to);
                }
            }
        }
        before.into_iter().map(|left| left > 0).collect()
    }

    /// The shortest circle through `start` that is `shorter_than` that: its length and
    /// its records.
    fn circle_through(&self, start: usize, shorter_than: usize) -> Option<(usize, Vec<usize>)> {
        let mut lengths = vec![usize::MAX; self.edges.len()];
        let mut came_by = vec![None; self.edges.len()];
        // The nearest in front: what adds no length goes before what does.
        let mut near = VecDeque::from([(0, start)]);
        lengths[start] = 0;
        let mut shortest = (shorter_than, None);
        while let Some((length, node)) = near.pop_front() {
            if length >= shortest.0 {
                break;
            }
            if length > lengths[node] {
                continue;
            }
            for edge in &self.edges[node] {
                let length = length + edge.length;
                if edge.to == start && length < shortest.0 {
                    shortest = (length, Some((node, edge.by)));
                } else if length < lengths[edge.to] {
                    lengths[edge.to] = length;
                    came_by[edge.to] = Some((node, edge.by));
                    match edge.length {
                        0 => near.push_front((length, edge.to)),
                        _ => near.push_back((length, edge.to)),
                    }
                }
            }
        }
        let (length, mut step) = (shortest.0, shortest.1);
        step?;
        let mut records = Vec::new();
        while let Some((node, by)) = step {
            records.extend(by);
            step = came_by[node];
        }
        Some((length, records))
    }
}
