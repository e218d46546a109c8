//! `cargo xtask audit`: known vulnerabilities in what we depend on.
//!
//! Apart from `ci` because its database is on the network and changes by itself:
//! a build must not begin to fail because of what somebody published overnight.

use crate::cargo::{self, Workspace};
use crate::ci;
use crate::error::Error;
use crate::step::Step;

/// The steps: the fetch is one of its own, so that its failure is told from a finding.
pub(crate) const STEPS: &[Step] = &[
    Step {
        headline: "fetch the database of advisories",
        work: fetch,
    },
    Step {
        headline: "dependencies: advisories",
        work: |workspace| {
            cargo::run(workspace.cargo(&["deny", "check", "--disable-fetch", "advisories"]))
        },
    },
];

fn fetch(workspace: &mut Workspace) -> Result<(), Error> {
    ci::have_cargo_deny(workspace)?;
    cargo::run(workspace.cargo(&["deny", "fetch", "db"])).map_err(|source| Error::NoDatabase {
        source: Box::new(source),
    })
}
