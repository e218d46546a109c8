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
    /// Connections live much longer than they may.
    ForgetAge,
    /// The pool is never told to clear.
    ForgetClears,
    /// The pool is never told that it may hold fewer.
    ForgetResizes,
    /// The second pool of an application knows nothing of the budget.
    ForgetBudget,
    /// A pool opens one connection more than it may.
    OpenMore,
    /// Callers wait twice as long as they should.
    WaitLonger,
    /// The hook on return does not run.
    SkipResets,
    /// Connections cannot be pinged.
    NeverPing,
    /// A ping says that all is well without a word to the peer.
    PlayAnswering,
    /// Ends are seen by callers alone, and by no sweep.
    SleepThroughEnds,
}
