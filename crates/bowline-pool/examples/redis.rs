//! Twenty callers share four connections to a redis, over TCP or over TLS:
//! `cargo run -p bowline-pool --example redis -- 127.0.0.1:6379 --tls ca.pem`.
//! Without arguments it says so and does nothing.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bowline_link::tls::{self, Client, Roots};
use bowline_link::{BoxError, Connect, Endpoint, tcp};
use bowline_pool::{Pool, Settings};
use redis::{AsyncCommands, RedisConnectionInfo};
use tokio::task::JoinSet;

use self::session::{Session, Sessions};

#[path = "redis/session.rs"]
pub(crate) mod session;

const CALLERS: u32 = 20;

/// How long redis may take for one answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// How long redis keeps what this writes, in seconds.
const KEPT: u64 = 60;

const USAGE: &str = "usage: redis HOST:PORT [--tls CA.pem]";

/// What the arguments ask for.
struct Wanted {
    endpoint: Endpoint,
    /// Who signs the certificates of redis; without, the connection is in the clear.
    ca: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {}", whole(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Does everything, given the program's arguments.
pub(crate) async fn run(arguments: &[String]) -> Result<(), BoxError> {
    let Wanted { endpoint, ca } = wanted(arguments)?;
    let tcp = tcp::Dialer::new();
    let info = RedisConnectionInfo::default();
    match ca {
        None => talk(pool(Sessions::new(tcp, info, ANSWER_LIMIT), endpoint)?).await,
        Some(ca) => {
            // The certificate must be for the host as it was given, name or address.
            let connector = Client::new(Roots::from_file(ca)?).build()?;
            let tls = tls::Dialer::new(tcp, connector);
            talk(pool(Sessions::new(tls, info, ANSWER_LIMIT), endpoint)?).await
        }
    }
}

fn wanted(arguments: &[String]) -> Result<Wanted, BoxError> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (endpoint, ca) = match arguments[..] {
        [endpoint] => (endpoint, None),
        [endpoint, "--tls", ca] | ["--tls", ca, endpoint] => (endpoint, Some(ca.into())),
        _ => return Err(USAGE.into()),
    };
    Ok(Wanted {
        endpoint: endpoint.parse()?,
        ca,
    })
}

fn pool<C>(connect: C, endpoint: Endpoint) -> Result<Pool<Session>, BoxError>
where
    C: Connect<Connection = Session>,
{
    let settings = Settings::new(4, u64::from(std::process::id()))?;
    let settings = settings.wait(Duration::from_secs(5))?;
    Ok(Pool::new(connect, endpoint, settings))
}

async fn talk(pool: Pool<Session>) -> Result<(), BoxError> {
    let folder = format!("bowline:example:{}", std::process::id());
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        callers.spawn(call(pool.clone(), folder.clone(), number));
    }
    let mut places = Vec::new();
    while let Some(place) = callers.join_next().await {
        places.push(place??);
    }
    places.sort_unstable();
    if !places.iter().copied().eq(1..=CALLERS) {
        return Err(
            format!("counted {places:?}, not 1 to {CALLERS}: someone else's answer").into(),
        );
    }
    println!(
        "{CALLERS} callers wrote, read and counted over {} connections",
        pool.snapshot().open
    );
    Ok(())
}

/// Writes, reads back and counts, in two loans; yields its place in the count.
async fn call(pool: Pool<Session>, folder: String, number: u32) -> Result<u32, BoxError> {
    let key = format!("{folder}:{number}");
    let read: u32 = pool
        .run(async |redis| {
            let _: () = redis.set_ex(&key, number, KEPT).await?;
            Ok::<_, BoxError>(redis.get(&key).await?)
        })
        .await?;
    if read != number {
        return Err(format!("{key} is {read}: someone else's answer").into());
    }
    // A transaction in one piece: nobody can be left in the middle of it.
    let counter = format!("{folder}:count");
    let mut count = redis::pipe();
    count
        .atomic()
        .incr(&counter, 1)
        .expire(&counter, KEPT as i64)
        .ignore();
    let (place,): (u32,) = pool
        .run(async |redis| Ok::<_, BoxError>(count.query_async(redis).await?))
        .await?;
    Ok(place)
}

/// An error and what caused it, in one line.
pub(crate) fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}
