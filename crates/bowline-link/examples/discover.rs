//! A list of endpoints in a file, watched: what is dialed follows the file, and a file that is
//! broken changes nothing. A source that asks name servers is used in the same way.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use bowline_link::discovery::{File, Problem, Refresh, Refreshing, Update};
use bowline_link::{BoxError, Listen, tcp};
use bowline_policy::backoff::{self, Schedule};
use bowline_policy::endpoints::{self, Choice};
use futures_util::StreamExt;
use rand_pcg::Pcg64;
use tokio::time::Instant;
use tower::ServiceExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let blue = tcp::Listener::bind("127.0.0.1:0".parse()?)?;
    let green = tcp::Listener::bind("127.0.0.1:0".parse()?)?;
    let (blue_at, green_at) = (blue.local_addr()?, green.local_addr()?);

    let folder = tempfile::tempdir()?;
    let (path, new) = (folder.path().join("targets"), folder.path().join("new"));
    // Renamed into its place, so that nobody reads half of it.
    let write =
        |text: String| std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &path));
    write(format!(
        "{blue_at}\n{green_at} 10   # for when blue is away\n"
    ))?;

    let refresh = Refresh::every(Duration::from_millis(100))?;
    let retry = Schedule::exponential(Duration::from_millis(100), Duration::from_secs(5))?;
    let retry = backoff::Maker::new(retry, 7).session();
    let mut source = Refreshing::new(File::new(&path), refresh, retry, Pcg64::new(7, 1));
    let choice = endpoints::Settings::new(Choice::Ordered);
    let mut set = endpoints::Maker::new(choice, 7).set([], Instant::now().into_std())?;

    let mut files = ["no endpoint\n".to_owned(), format!("{green_at}\n")].into_iter();
    while let Some(update) = source.next().await {
        let now = Instant::now().into_std();
        match update {
            Update::List(targets) => {
                println!("{} to choose from", targets.len());
                set.replace(targets.to_endpoints(), now)?;
            }
            Update::Problem(Problem::Failed { error, .. }) => {
                println!("the last list stays in force: {error}");
            }
            Update::Problem(other) => println!("{other:?}"),
        }
        let chosen = set.choose(now).ok_or("nobody to choose")?;
        let stream = tcp::Dialer::new().oneshot(chosen.key).await?;
        let name = if stream.peer_addr()? == blue_at {
            "blue"
        } else {
            "green"
        };
        println!("  reached {name}");
        match files.next() {
            Some(text) => write(text)?,
            None if name == "green" => break,
            None => {}
        }
    }
    Ok(())
}
