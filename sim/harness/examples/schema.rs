//! Prints the JSON schema of a plan, which is kept as `sim/plan.schema.json`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    writeln!(io::stdout(), "{:#}", bowline_sim::Plan::schema())
}
