//! One storm: a server that is gone for a while, and its clients.

use std::time::Duration;

use bowline_link::{BoxError, Io, Listen};
use bowline_sim::{Fault, Net, Plan, Settings, Step, Streams, Topology, World};
use rand_core::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::{Client, HELLO, WELCOME};
use crate::contender::Contender;
use crate::diary::{Diary, Record};

/// Who is called.
pub(crate) const SERVER: &str = "server";

/// Where it listens.
pub(crate) const PORT: u16 = 7400;

/// The processes that the clients are tasks of.
pub(crate) const PROCESSES: [&str; 4] = ["north", "east", "south", "west"];

/// Over how long the clients connect at first, evenly: a storm is for later.
const ARRIVALS: Duration = Duration::from_secs(2);

/// When the server's process is killed: everybody has been up for longer than what counts as
/// stable.
const DIES_AT: Duration = Duration::from_secs(15);

/// How long it is gone.
const GONE_FOR: Duration = Duration::from_secs(20);

/// What happened in one world.
#[derive(Debug)]
pub(crate) struct Storm {
    pub(crate) clients: u32,
    /// When the server was killed.
    pub(crate) hit_at: Duration,
    /// When it listened again.
    pub(crate) listens_at: Duration,
    pub(crate) record: Record,
}

/// Plays one storm until everybody is back.
pub(crate) fn play(contender: &Contender, seed: u64, clients: u32) -> Result<Storm, BoxError> {
    let mut world = World::new(plan(seed), Settings::default());
    let diary = Diary::new(world.wall_clock(), PROCESSES.len());
    let net = world.net();
    let written = diary.clone();
    world.host(SERVER, move || serve(net.clone(), written.clone()));
    for (process, name) in PROCESSES.into_iter().enumerate() {
        let net = world.net();
        let jitter = Streams::new(seed).system(process as u64).next_u64();
        let (begin, diary) = (contender.process, diary.clone());
        let numbers: Vec<u32> = (0..clients)
            .filter(|number| *number as usize % PROCESSES.len() == process)
            .collect();
        world.host(name, move || {
            let (net, diary, numbers) = (net.clone(), diary.clone(), numbers.clone());
            async move {
                let keep = begin(jitter)?;
                let mut tasks = JoinSet::new();
                for number in numbers {
                    let client = Client {
                        number,
                        process,
                        dialer: net.dialer(name),
                        diary: diary.clone(),
                    };
                    let kept = keep(client);
                    tasks.spawn(async move {
                        sleep(ARRIVALS * number / clients).await;
                        kept.await;
                    });
                }
                match tasks.join_next().await {
                    Some(Err(error)) => Err(error.into()),
                    Some(Ok(())) => Err("a client stopped trying".into()),
                    None => Ok(()),
                }
            }
        });
    }
    let all = clients as usize;
    let look = diary.clone();
    world.run(move || look.up() == all)?;
    let record = diary.take();
    let listens_at = *record.listens.last().ok_or("the server never listened")?;
    Ok(Storm {
        clients,
        hit_at: DIES_AT,
        listens_at,
        record,
    })
}

/// The server's process is killed, which hangs up on everybody and refuses dials until it is
/// started again.
fn plan(seed: u64) -> Plan {
    let topology = Topology::new(DIES_AT + GONE_FOR).host(SERVER);
    let topology = PROCESSES.into_iter().fold(topology, Topology::host);
    let mut plan = Plan::calm(seed, topology);
    plan.steps.push(Step {
        at_ms: DIES_AT.as_millis() as u64,
        for_ms: Some(GONE_FOR.as_millis() as u64),
        target: SERVER.to_owned(),
        fault: Fault::Crash,
    });
    plan
}

async fn serve(net: Net, diary: Diary) -> Result<(), BoxError> {
    let mut listener = net.listen(SERVER, PORT).await?;
    diary.listens();
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = sessions.join_next() => {}
            accepted = listener.accept() => {
                sessions.spawn(welcome(accepted?.0));
            }
        }
    }
}

/// Greets a client, and stays until it leaves.
async fn welcome(mut stream: impl Io) {
    let mut hello = [0; HELLO.len()];
    if stream.read_exact(&mut hello).await.is_ok() && stream.write_all(WELCOME).await.is_ok() {
        // Whatever ends it, this session is over.
        let _ended = stream.read(&mut [0]).await;
    }
}
