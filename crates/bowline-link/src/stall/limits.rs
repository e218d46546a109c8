//! How long each step may take. Past the constructor nobody checks again.

use std::time::Duration;

use super::Step;

/// For the next byte, unless told otherwise: 30 s. A kernel that retransmits, waiting twice as long
/// each time, has tried some seven times by then.
pub const READ_MAX: Duration = Duration::from_secs(30);

/// For the next byte to be taken, unless told otherwise: 30 s, for the same reason.
pub const WRITE_MAX: Duration = Duration::from_secs(30);

/// For a whole frame to come, unless told otherwise: 60 s. A frame of 64 KiB makes it at 9 kbit/s,
/// and who sends a byte a second gets no frame through.
pub const FRAME_READ_MAX: Duration = Duration::from_secs(60);

/// For a whole frame to be taken, unless told otherwise: 60 s, for the same reason.
pub const FRAME_WRITE_MAX: Duration = Duration::from_secs(60);

/// For a whole request, unless told otherwise: 120 s, a frame each way.
pub const REQUEST_MAX: Duration = Duration::from_secs(120);

/// How long each step may take, as somebody wrote it down; nothing means for ever.
///
/// The default has every limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// From one byte to the next, while one is owed: [`READ_MAX`].
    pub read: Option<Duration>,
    /// From one byte taken to the next, while one waits: [`WRITE_MAX`].
    pub write: Option<Duration>,
    /// From the first byte of a frame to its last: [`FRAME_READ_MAX`].
    pub frame_read: Option<Duration>,
    /// From when a frame must wait, with nothing before it, to when all of it is taken:
    /// [`FRAME_WRITE_MAX`].
    pub frame_write: Option<Duration>,
    /// From a call to its response: [`REQUEST_MAX`].
    pub request: Option<Duration>,
}

/// How long each step may take.
///
/// ```
/// use std::time::Duration;
/// use bowline_link::stall::{Limits, Settings};
///
/// let hasty = Settings { frame_read: Some(Duration::from_secs(5)), ..Settings::default() };
/// let refused = Limits::new(hasty).unwrap_err();
/// assert_eq!(refused.to_string(), "a frame read limit of 5s is below the read limit of 30s");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    settings: Settings,
}

/// Limits that allow nothing, or that never pass since another passes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLimits {
    /// Nothing takes no time.
    #[error("a {which} limit of {:?} allows nothing", Duration::ZERO)]
    Zero {
        /// Whose limit it is.
        which: Step,
    },
    /// A whole is allowed less than one of its parts, whose limit could never pass.
    #[error("a {whole} limit of {whole_max:?} is below the {part} limit of {part_max:?}")]
    BelowPart {
        /// The whole.
        whole: Step,
        /// Its limit.
        whole_max: Duration,
        /// The part.
        part: Step,
        /// Its limit.
        part_max: Duration,
    },
}

// === impl Settings ===

impl Settings {
    /// No limit at all.
    pub const NONE: Self = Self {
        read: None,
        write: None,
        frame_read: None,
        frame_write: None,
        request: None,
    };

    fn of(&self, step: Step) -> Option<Duration> {
        match step {
            Step::Read => self.read,
            Step::Write => self.write,
            Step::FrameRead => self.frame_read,
            Step::FrameWrite => self.frame_write,
            Step::Request => self.request,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read: Some(READ_MAX),
            write: Some(WRITE_MAX),
            frame_read: Some(FRAME_READ_MAX),
            frame_write: Some(FRAME_WRITE_MAX),
            request: Some(REQUEST_MAX),
        }
    }
}

// === impl Limits ===

impl Limits {
    /// Takes limits that can all pass.
    ///
    /// # Errors
    ///
    /// When one is zero, and when a whole is allowed less than its part: a frame less than a read
    /// or write, a request less than any of the four. Equal ones are fine.
    pub fn new(settings: Settings) -> Result<Self, InvalidLimits> {
        use Step::{FrameRead, FrameWrite, Read, Request, Write};
        for which in [Read, Write, FrameRead, FrameWrite, Request] {
            if settings.of(which).is_some_and(|limit| limit.is_zero()) {
                return Err(InvalidLimits::Zero { which });
            }
        }
        let contained = [
            (FrameRead, Read),
            (FrameWrite, Write),
            (Request, FrameRead),
            (Request, FrameWrite),
            (Request, Read),
            (Request, Write),
        ];
        for (whole, part) in contained {
            if let (Some(whole_max), Some(part_max)) = (settings.of(whole), settings.of(part))
                && whole_max < part_max
            {
                return Err(InvalidLimits::BelowPart {
                    whole,
                    whole_max,
                    part,
                    part_max,
                });
            }
        }
        Ok(Self { settings })
    }

    /// The limit of a step, if it has one.
    pub fn of(&self, step: Step) -> Option<Duration> {
        self.settings.of(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    // contract: link-4
    #[test]
    fn a_whole_allowed_less_than_its_part_is_refused_with_both_values() {
        let all = Settings::default();
        let contradictions = [
            Settings {
                frame_read: Some(S(29)),
                ..all
            },
            Settings {
                frame_write: Some(S(29)),
                ..all
            },
            Settings {
                request: Some(S(59)),
                ..all
            },
            Settings {
                request: Some(S(29)),
                frame_read: None,
                frame_write: None,
                ..all
            },
            Settings {
                request: Some(S(7)),
                write: Some(S(8)),
                ..Settings::NONE
            },
        ];
        for settings in contradictions {
            let refused = Limits::new(settings).unwrap_err();
            let InvalidLimits::BelowPart {
                whole_max,
                part_max,
                ..
            } = refused
            else {
                panic!("{refused}");
            };
            assert!(whole_max < part_max);
            let text = refused.to_string();
            assert!(text.contains(&format!("{whole_max:?}")), "{text}");
            assert!(text.contains(&format!("{part_max:?}")), "{text}");
        }
    }

    // contract: link-4
    #[test]
    fn a_limit_of_no_time_is_refused_by_name() {
        let zero = Some(Duration::ZERO);
        let none = Settings::NONE;
        for (settings, which) in [
            (Settings { read: zero, ..none }, Step::Read),
            (
                Settings {
                    write: zero,
                    ..none
                },
                Step::Write,
            ),
            (
                Settings {
                    frame_read: zero,
                    ..none
                },
                Step::FrameRead,
            ),
            (
                Settings {
                    frame_write: zero,
                    ..none
                },
                Step::FrameWrite,
            ),
            (
                Settings {
                    request: zero,
                    ..none
                },
                Step::Request,
            ),
        ] {
            assert_eq!(Limits::new(settings), Err(InvalidLimits::Zero { which }));
        }
    }

    #[test]
    fn the_default_and_no_limit_at_all_are_no_contradictions() {
        assert_eq!(Limits::new(Settings::default()), Ok(Limits::default()));
        assert_eq!(Limits::new(Settings::NONE).unwrap().of(Step::Read), None);
    }
}
