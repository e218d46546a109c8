//! What can be broken on purpose, at the seams of the pool: what the checks must find.

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mutation {
    /// Connections say that they are between two exchanges when they are in the middle of
    /// one: the next caller reads the answer of the one before.
    MixUpAnswers,
    /// Connections say that they are alive when they have ended.
    PlayHealthy,
    /// Now and then what a caller gives back never reaches the pool.
    KeepOne,
}
