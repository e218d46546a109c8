//! Which sequence numbers of one session were seen already: the sliding window
//! of RFC 4303 section 3.4.3, as a ring of words that is never shifted
//! (RFC 6479). It keeps no packet.

/// How far behind the newest a sequence number may come and still be told from
/// a repeated one. Whatever is older counts as seen.
pub const WINDOW: u32 = 1024;

const BITS: u32 = u64::BITS;
/// One word more than the window, so that the word that is being filled never
/// holds bits of the past.
const WORDS: usize = (WINDOW / BITS) as usize + 1;

/// Tells a new sequence number from one seen before, once each. Numbers begin
/// at 1 and must not wrap within a session; 0 is never new.
#[derive(Debug, Clone)]
pub(super) struct Window {
    newest: u32,
    words: [u64; WORDS],
}

// === impl Window ===

impl Window {
    pub(super) fn new() -> Self {
        Self {
            newest: 0,
            words: [0; WORDS],
        }
    }

    /// The highest number seen, or 0.
    pub(super) fn newest(&self) -> u32 {
        self.newest
    }

    /// Whether `sequence` was not seen and is not too old to tell.
    pub(super) fn is_new(&self, sequence: u32) -> bool {
        if sequence > self.newest {
            return true;
        }
        let (word, bit) = place(sequence);
        sequence != 0 && self.newest - sequence < WINDOW && self.words[word] & bit == 0
    }

    /// Marks `sequence` as seen; says whether it was new.
    pub(super) fn accept(&mut self, sequence: u32) -> bool {
        if !self.is_new(sequence) {
            return false;
        }
        if sequence > self.newest {
            self.clear_up_to(sequence);
            self.newest = sequence;
        }
        let (word, bit) = place(sequence);
        self.words[word] |= bit;
        true
    }

    /// Empties the words between the newest number and `sequence`.
    fn clear_up_to(&mut self, sequence: u32) {
        let from = self.newest / BITS;
        let blocks = (sequence / BITS - from) as usize;
        for block in 1..=blocks.min(WORDS) {
            self.words[(from as usize + block) % WORDS] = 0;
        }
    }
}

fn place(sequence: u32) -> (usize, u64) {
    let word = (sequence / BITS) as usize % WORDS;
    (word, 1 << (sequence % BITS))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn zero_and_what_fell_out_of_the_window_count_as_seen() {
        let mut window = Window::new();
        assert!(!window.accept(0));
        assert!(window.accept(5000));
        assert!(window.accept(5000 - WINDOW + 1));
        assert!(!window.accept(5000 - WINDOW));
        assert!(window.accept(u32::MAX));
        assert!(!window.accept(u32::MAX));
        assert!(!window.accept(5000));
    }

    proptest! {
        /// The ring against a set that forgets nothing.
        #[test]
        fn each_number_within_the_window_is_new_exactly_once(
            start in prop_oneof![1..4000_u32, (u32::MAX - 9000)..(u32::MAX - 8000)],
            steps in prop::collection::vec((0..3_u32, 0..1500_u32), 1..400),
        ) {
            let mut window = Window::new();
            let mut seen = BTreeSet::new();
            let mut newest = 0_u32;
            for (direction, by) in steps {
                let sequence = match (newest, direction) {
                    (0, _) => start,
                    (_, 0) => newest.saturating_add(by % 40),
                    (_, 1) => newest.saturating_add(by),
                    _ => newest.saturating_sub(by),
                };
                let expected = sequence != 0
                    && (sequence > newest || newest - sequence < WINDOW)
                    && !seen.contains(&sequence);
                prop_assert_eq!(window.accept(sequence), expected, "{}", sequence);
                seen.insert(sequence);
                newest = newest.max(sequence);
            }
        }
    }
}
