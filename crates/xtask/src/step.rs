//! A chore as data: headlines, and the work behind each.

use std::time::{Duration, Instant};

use crate::cargo::Workspace;
use crate::error::Error;

/// One headline and the work behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// What the reader sees while it runs, and which step failed if it does.
    pub(crate) headline: &'static str,
    /// Does it.
    pub(crate) work: fn(&mut Workspace) -> Result<(), Error>,
}

/// Runs `steps` in order and stops at the first that fails; `say` prints a line.
///
/// # Errors
///
/// [`Error::Step`], which names the step and holds what went wrong in it.
pub(crate) fn run_all(
    steps: &[Step],
    workspace: &mut Workspace,
    say: &mut dyn FnMut(String),
) -> Result<(), Error> {
    for (index, step) in steps.iter().enumerate() {
        let Step { headline, work } = *step;
        say(format!("\n== {}/{} {headline}", index + 1, steps.len()));
        let (outcome, took) = timed(|| work(workspace));
        outcome.map_err(|source| Error::Step {
            headline,
            source: Box::new(source),
        })?;
        say(format!("== {headline}: {:.1} s", took.as_secs_f64()));
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a chore took is the reader's own time; nothing depends on it"
)]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let value = work();
    (value, begin.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error;

    const PASSES: Step = Step {
        headline: "format",
        work: |_| Ok(()),
    };

    const FAILS: Step = Step {
        headline: "lints",
        work: |_| {
            Err(Error::NoProgram {
                command: "cargo build".to_owned(),
            })
        },
    };

    fn run(steps: &[Step]) -> (Result<(), Error>, String) {
        let mut said = Vec::new();
        let mut workspace = Workspace::at(".".into());
        let outcome = run_all(steps, &mut workspace, &mut |line| said.push(line));
        (outcome, said.join("\n"))
    }

    #[test]
    fn each_step_is_announced_and_timed() {
        let (outcome, said) = run(&[PASSES, PASSES]);
        outcome.unwrap();
        assert!(said.contains("== 1/2 format"), "{said}");
        assert!(said.contains("== 2/2 format"), "{said}");
        assert_eq!(said.matches("== format: ").count(), 2, "{said}");
    }

    #[test]
    fn the_first_failing_step_is_named_and_ends_the_chore() {
        let (outcome, said) = run(&[PASSES, FAILS, PASSES]);
        let error = outcome.unwrap_err();
        assert_eq!(
            error::chain(&error),
            "step \"lints\": `cargo build` built no program"
        );
        assert!(!said.contains("3/3"), "went on after a failure: {said}");
    }
}
