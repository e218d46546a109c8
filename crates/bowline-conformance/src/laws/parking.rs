//! Whether who stops trying says so, and can be brought back.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::PACE;
use crate::drive::{Miss, call, judge};
use crate::law::Trial;
use crate::{Law, Peer, Standing, Subject, Verdict};

/// How many attempts the subject is given.
const ATTEMPTS: u32 = 5;

/// How long it may take to spend them and to say so.
const SPENT_WITHIN: Duration = Duration::from_secs(600);

/// How long the peer is back before somebody asks.
const BACK_FOR: Duration = Duration::from_secs(60);

/// How long the revived may take to let a call pass.
const REVIVED_WITHIN: Duration = Duration::from_secs(120);

/// How long the caller waits between calls.
const PAUSE: Duration = Duration::from_secs(1);

/// Judges [`Law::ParkedNotDead`]: a subject with five attempts, connected, and a peer that hangs
/// up and refuses from then on. It must show that it stopped, in its state or in an error; and
/// when the peer is back and it is asked, a call must pass.
pub fn parked_not_dead<S: Subject>(subject: &S) -> Verdict {
    let law = Law::ParkedNotDead;
    judge(law, subject.exempt(law), async |trial| {
        parks(subject, trial).await;
    })
}

async fn parks<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::new();
    let mut service = match subject.limited(&peer, PACE, ATTEMPTS) {
        Ok(service) => service,
        Err(lacks) => return trial.lacks(lacks),
    };
    if !matches!(
        timeout(BACK_FOR, call(&mut service, peer.request())).await,
        Ok(Ok(_))
    ) {
        return trial.breach("with the peer up no call passed in 60 s");
    }
    peer.refuse();
    peer.hang_up();
    let Some(shown) = stopped(subject, &mut service, &peer).await else {
        let dials = peer.dials();
        return trial.breach(format!(
            "after {dials} dials neither its state nor a call says that it stopped"
        ));
    };
    trial.note(format!("after {} dials {shown}", peer.dials()));

    peer.accept();
    sleep(BACK_FOR).await;
    let asked = if subject.revive(&service) {
        "revived"
    } else {
        "called again"
    };
    let began = Instant::now();
    let mut last = None;
    let passes = async {
        while let Err(miss) = call(&mut service, peer.request()).await {
            last = Some(miss);
            sleep(PAUSE).await;
        }
    };
    match timeout(REVIVED_WITHIN, passes).await {
        Ok(()) => {
            let took = Instant::now() - began;
            trial.note(format!(
                "{asked}, a call passed after {:.1} s",
                took.as_secs_f64()
            ));
        }
        Err(_) => {
            let last = last.map_or_else(|| "it waits".to_owned(), |miss| miss.to_string());
            trial.breach(format!(
                "the peer is back, {asked}: no call passed in {REVIVED_WITHIN:?} ({last})"
            ));
        }
    }
}

/// Calls until it shows that the service stopped trying, and says how.
async fn stopped<S: Subject>(subject: &S, service: &mut S::Service, peer: &Peer) -> Option<String> {
    let shown = async {
        loop {
            let outcome = timeout(PAUSE, call(service, peer.request())).await;
            match subject.standing(service) {
                Some(Standing::Parked) => return "its state says parked".to_owned(),
                Some(Standing::Closed) => return "its state says closed".to_owned(),
                Some(Standing::Up | Standing::Trying) => {}
                None => match outcome {
                    Ok(Err(miss @ Miss::Closed(_))) => return miss.to_string(),
                    Ok(Err(miss @ Miss::Failed(_))) if spent(peer) => return miss.to_string(),
                    Ok(_) | Err(_) => {}
                },
            }
            sleep(PAUSE).await;
        }
    };
    timeout(SPENT_WITHIN, shown).await.ok()
}

/// Whether the attempts are spent, as far as the peer can tell.
fn spent(peer: &Peer) -> bool {
    peer.dials() >= ATTEMPTS as usize
}
