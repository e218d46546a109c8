//! Sources say news and nothing else, keep what was good, and say what is wrong.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_policy::backoff::{Jitter, Maker, Schedule};
use futures_util::StreamExt;
use rand_pcg::Pcg64;
use tokio::time::{Instant, sleep, timeout};

use super::file::parse;
use super::*;
use crate::Endpoint;

fn target(text: &str) -> Target {
    Target::new(text.parse().unwrap())
}

fn list(texts: &[&str]) -> Targets {
    Targets::new(texts.iter().map(|text| target(text))).unwrap()
}

/// What a scripted lookup answers, in turn; the last answer again and again.
#[derive(Clone)]
struct Script(Arc<Mutex<(VecDeque<Scripted>, u32)>>);

#[derive(Clone)]
enum Scripted {
    Answer(&'static [&'static str], u64),
    Error(&'static str),
    Silence,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Scripted>) -> Self {
        Self(Arc::new(Mutex::new((answers.into_iter().collect(), 0))))
    }

    fn asked(&self) -> u32 {
        self.0.lock().unwrap().1
    }
}

impl Lookup for Script {
    type Error = &'static str;

    fn look_up(&mut self) -> impl Future<Output = Result<Answer, &'static str>> + Send + 'static {
        let mut script = self.0.lock().unwrap();
        script.1 += 1;
        let next = match script.0.len() {
            1 => script.0[0].clone(),
            _ => script.0.pop_front().unwrap(),
        };
        async move {
            match next {
                Scripted::Answer(texts, ttl_s) => Ok(Answer {
                    targets: list(texts),
                    ttl: Some(Duration::from_secs(ttl_s)),
                }),
                Scripted::Error(said) => Err(said),
                Scripted::Silence => std::future::pending().await,
            }
        }
    }
}

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn refreshing(script: &Script) -> Refreshing<Script> {
    let refresh = Refresh::by_ttl(seconds(5), seconds(60)).unwrap();
    let refresh = refresh.max_stale(seconds(300)).unwrap();
    let retry = Schedule::exponential(seconds(1), seconds(8)).unwrap();
    let retry = retry.jitter(Jitter::None).unwrap();
    let retry = Maker::new(retry, 1).session();
    Refreshing::new(script.clone(), refresh, retry, Pcg64::new(1, 1))
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_asked_for_again_within_its_time_to_live_and_no_news_is_said() {
    let script = Script::new([
        Scripted::Answer(&["a:1", "b:1"], 20),
        // Rotated, as name servers do.
        Scripted::Answer(&["b:1", "a:1"], 20),
        Scripted::Answer(&["c:1"], 20),
    ]);
    let mut source = refreshing(&script);
    assert_eq!(
        source.next().await,
        Some(Update::List(list(&["a:1", "b:1"])))
    );
    let begun = Instant::now();
    assert_eq!(source.next().await, Some(Update::List(list(&["c:1"]))));
    let waited = Instant::now() - begun;
    assert!(
        seconds(36) <= waited && waited <= seconds(41),
        "two waits of 18 to 20 s took {waited:?}"
    );
    assert_eq!(script.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn neither_a_time_to_live_of_zero_nor_an_endless_one_leaves_the_bounds() {
    for (ttl, least, most) in [(0, 4_500, 5_000), (1_000_000, 54_000, 60_000)] {
        let script = Script::new([
            Scripted::Answer(&["a:1"], ttl),
            Scripted::Answer(&["b:1"], ttl),
        ]);
        let mut source = refreshing(&script);
        source.next().await;
        let begun = Instant::now();
        source.next().await;
        let waited = (Instant::now() - begun).as_millis();
        assert!(
            (least..=most + 2).contains(&waited),
            "{waited} ms for {ttl} s"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn two_that_began_together_do_not_ask_together() {
    let refresh = Refresh::every(seconds(60)).unwrap();
    let mut waits: Vec<_> = (0..50)
        .map(|stream| refresh.wait(None, &mut Pcg64::new(7, stream)))
        .collect();
    assert!(
        waits
            .iter()
            .all(|wait| (seconds(54)..=seconds(60)).contains(wait))
    );
    waits.sort();
    waits.dedup();
    assert!(waits.len() > 45, "{} waits of 50 differ", waits.len());
}

#[tokio::test(start_paused = true)]
async fn while_a_source_fails_its_list_stays_and_ages_and_then_expires_once() {
    let script = Script::new([Scripted::Answer(&["a:1"], 20), Scripted::Error("down")]);
    let mut source = refreshing(&script);
    let mut in_force = InForce::new();
    in_force.apply(&source.next().await.unwrap(), Instant::now().into_std());
    let confirmed = Instant::now();
    let (mut pauses, mut expired_at) = (Vec::new(), Vec::new());
    while Instant::now() < confirmed + seconds(400) {
        let update = source.next().await.unwrap();
        in_force.apply(&update, Instant::now().into_std());
        let age_now = Instant::now() - confirmed;
        match update {
            Update::Problem(Problem::Failed { error, age, again }) => {
                assert_eq!(error, "down");
                let in_force_age = (expired_at.is_empty()).then_some(age_now);
                assert_eq!(age, in_force_age);
                assert_eq!(in_force.targets().is_some(), expired_at.is_empty());
                pauses.push(again.as_secs());
            }
            Update::Problem(Problem::Expired { age, max_stale }) => {
                assert_eq!(max_stale, seconds(300));
                assert!(age >= max_stale && age < max_stale + seconds(1), "{age:?}");
                assert_eq!(in_force.targets(), None);
                expired_at.push(age_now);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(expired_at.len(), 1, "{expired_at:?}");
    assert_eq!(pauses[..5], [1, 2, 4, 8, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_comes_back_with_the_same_list_says_nothing_and_starts_over() {
    let script = Script::new([
        Scripted::Answer(&["a:1"], 20),
        Scripted::Error("down"),
        Scripted::Error("down"),
        Scripted::Answer(&["a:1"], 20),
        Scripted::Error("down"),
    ]);
    let mut source = refreshing(&script);
    source.next().await;
    source.next().await;
    source.next().await;
    // The answer between is silent, and what follows begins at the first pause, with a list
    // that is as old as that answer.
    let Some(Update::Problem(Problem::Failed { age, again, .. })) = source.next().await else {
        panic!("it was to fail");
    };
    assert_eq!(again, seconds(1));
    assert!(age.unwrap() <= seconds(21), "{age:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_confirmed_again_and_again_never_expires_and_is_young() {
    let script = Script::new([Scripted::Answer(&["a:1"], 20)]);
    let mut source = refreshing(&script);
    let first = source.next().await.unwrap();
    let mut in_force = InForce::new();
    assert!(in_force.apply(&first, Instant::now().into_std()));
    // Longer than a list may be in force unconfirmed.
    let news = timeout(seconds(1_000), source.next()).await;
    assert!(news.is_err(), "{news:?}");
    let now = Instant::now().into_std();
    assert_eq!(in_force.age(now), Some(seconds(1_000)));
    assert!(!in_force.apply(&first, now), "it says nothing new");
    assert_eq!(in_force.age(now), Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_is_given_up_and_does_not_hold_up_the_expiry() {
    let script = Script::new([Scripted::Answer(&["a:1"], 20), Scripted::Silence]);
    let mut source = refreshing(&script);
    source.next().await;
    let mut expired = false;
    for _ in 0..12 {
        match source.next().await.unwrap() {
            Update::Problem(Problem::Silent { after, .. }) => assert_eq!(after, seconds(30)),
            Update::Problem(Problem::Expired { .. }) => expired = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(expired);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_loses_no_update_and_asks_nothing_twice() {
    let script = Script::new([
        Scripted::Answer(&["a:1"], 20),
        Scripted::Answer(&["b:1"], 1_000),
    ]);
    let mut source = refreshing(&script);
    let mut seen = Vec::new();
    for _ in 0..100 {
        if let Ok(update) = timeout(Duration::from_millis(250), source.next()).await {
            seen.push(update.unwrap());
        }
    }
    assert_eq!(
        seen,
        [Update::List(list(&["a:1"])), Update::List(list(&["b:1"]))]
    );
    assert_eq!(script.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_watched_file_that_goes_bad_changes_nothing_and_is_told_by_its_line() {
    let contents = Arc::new(Mutex::new(b"a:1 0 3\n# nobody\n\nb:1 # fine\n".to_vec()));
    let file = Arc::clone(&contents);
    let file = File::read_by(move || {
        let bytes = file.lock().unwrap().clone();
        async move { Ok(bytes) }
    });
    let retry = Maker::new(Schedule::constant(seconds(1)).unwrap(), 1).session();
    let refresh = Refresh::every(INTERVAL_DEFAULT).unwrap();
    let mut source = Refreshing::new(file, refresh, retry, Pcg64::new(1, 1));
    let Some(Update::List(first)) = source.next().await else {
        panic!("it was to be read");
    };
    let weights: Vec<_> = first.iter().map(|target| target.weight).collect();
    assert_eq!(weights, [3, 0]);

    *contents.lock().unwrap() = b"a:1\nb:1 0 70000\n".to_vec();
    let Some(Update::Problem(Problem::Failed { error, age, .. })) = source.next().await else {
        panic!("it was to be refused");
    };
    assert_eq!(
        error.to_string(),
        "line 2: the weight is \"70000\", which is no number from 0 to 65535"
    );
    assert!(age.unwrap() <= INTERVAL_DEFAULT + seconds(1));

    *contents.lock().unwrap() = b"c:1".to_vec();
    let news = source.next().await;
    // The pause after a failure may bring the same failure once more before it is mended.
    let news = match news {
        Some(Update::Problem(_)) => source.next().await,
        news => news,
    };
    let Some(Update::List(targets)) = news else {
        panic!("it was mended");
    };
    assert!(targets.says_the_same_as(&list(&["c:1"])));
}

#[tokio::test]
async fn a_file_on_disk_is_read_and_one_that_is_gone_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("targets");
    std::fs::write(&path, "[::1]:7400 10 5\n").unwrap();
    let mut file = File::new(&path);
    let answer = file.look_up().await.unwrap();
    let expected = Target {
        priority: 10,
        weight: 5,
        endpoint: Endpoint::new("::1", 7400),
    };
    assert_eq!(answer.targets.iter().collect::<Vec<_>>(), [&expected]);
    std::fs::remove_file(&path).unwrap();
    let error = file.look_up().await.unwrap_err();
    assert!(matches!(error, FileError::Read { .. }), "{error}");
    std::fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).unwrap();
    let error = file.look_up().await.unwrap_err();
    assert!(matches!(error, FileError::TooLong { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn a_file_whose_reading_hangs_keeps_one_thread_and_not_one_more_each_time() {
    use futures_util::FutureExt as _;

    let folder = tempfile::tempdir().unwrap();
    let (pipe, sound) = (folder.path().join("pipe"), folder.path().join("sound"));
    std::fs::write(&sound, "a:1").unwrap();
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(2).enable_all();
    let runtime = runtime.build().unwrap();
    let read = runtime.block_on(async {
        // Nobody writes into the pipe: opening it hangs for as long.
        let mut hangs = File::new(&pipe);
        for _ in 0..3 {
            assert!(hangs.look_up().now_or_never().is_none());
        }
        timeout(seconds(20), File::new(&sound).look_up()).await
    });
    let writer = std::fs::OpenOptions::new().write(true).open(&pipe);
    drop(writer.unwrap());
    runtime.shutdown_background();
    assert!(read.is_ok(), "every thread waits for the pipe");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_is_never_asked_without_a_pause_nor_by_all_at_once() {
    let asked_in_a_minute = async |retry: Schedule| {
        let script = Script::new([Scripted::Error("down")]);
        let refresh = Refresh::by_ttl(seconds(5), seconds(10)).unwrap();
        let retry = Maker::new(retry, 1).session();
        let mut source = Refreshing::new(script.clone(), refresh, retry, Pcg64::new(1, 1));
        let mut pauses = Vec::new();
        let end = sleep(seconds(60));
        let mut end = std::pin::pin!(end);
        loop {
            tokio::select! {
                biased;
                () = &mut end => return (script.asked(), pauses),
                update = source.next() => match update {
                    Some(Update::Problem(Problem::Failed { again, .. })) => pauses.push(again),
                    other => panic!("{other:?}"),
                }
            }
        }
    };
    let hasty = Schedule::constant(Duration::from_millis(1)).unwrap();
    let (asked, pauses) = asked_in_a_minute(hasty.jitter(Jitter::None).unwrap()).await;
    assert!(asked <= 601, "{asked} questions in a minute");
    assert!(pauses.iter().all(|pause| *pause >= WAIT_MIN));
    // A schedule that has ended leaves the cap of the refresh, less a part that is drawn.
    let short = Schedule::constant(seconds(1)).unwrap();
    let (_, pauses) = asked_in_a_minute(short.take(2)).await;
    let late = &pauses[2..];
    assert!(
        late.iter()
            .all(|it| seconds(9) <= *it && *it <= seconds(10))
    );
    assert!(late.iter().any(|it| it != &late[0]), "{late:?}");
}

#[test]
fn marks_of_the_encoding_ends_of_lines_and_repeated_lines_are_no_part_of_a_list() {
    let plain = parse(b"a:1\nb:1 10\n").unwrap();
    for text in [
        &b"\xef\xbb\xbfa:1\nb:1 10\n"[..],
        b"a:1\r\nb:1 10\r\n",
        b"a:1\nb:1 10 0\na:1 0 7",
        b"  a:1\t# first\n\n\tb:1\t10",
    ] {
        assert_eq!(parse(text).unwrap(), plain, "{text:?}");
    }
}

#[test]
fn each_bad_line_of_a_file_is_told() {
    let many = "a:1\n".repeat(1_025);
    for (text, said) in [
        (&b""[..], "the file names no target"),
        (b"# only words\n\n", "the file names no target"),
        (b"a:1\nlocalhost\n", "line 2 names no endpoint"),
        (
            b"a:1 first",
            "line 1: the priority is \"first\", which is no number from 0 to 65535",
        ),
        (
            b"a:1 1 -1",
            "line 1: the weight is \"-1\", which is no number from 0 to 65535",
        ),
        (
            b"\na:1 1 1 1",
            "line 2: nothing belongs after the weight, and \"1\" stands there",
        ),
        (b"a:1\n\xff:1", "line 2 is not UTF-8"),
        (many.as_bytes(), "line 1025 is one target more than 1024"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert_eq!(error, said);
    }
}

#[test]
fn a_list_is_never_empty_nor_boundless_and_in_the_order_of_priority() {
    assert_eq!(Targets::new([]), Err(InvalidTargets::Empty));
    let many = (0..).map(|n: u32| target(&format!("host-{n}:1")));
    assert_eq!(
        Targets::new(many),
        Err(InvalidTargets::TooMany { max: TARGETS_MAX })
    );
    let mut last = target("last:1");
    last.priority = 9;
    let targets = Targets::new([last, target("b:1"), target("a:1"), target("b:1")]);
    let hosts: Vec<_> = targets
        .unwrap()
        .iter()
        .map(|it| it.endpoint.clone())
        .collect();
    assert_eq!(
        hosts,
        ["b:1", "a:1", "last:1"].map(|text| text.parse().unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_can_be_chosen_among_whatever_its_weights_and_repetitions() {
    use bowline_policy::endpoints::{Choice, Endpoint as Choosable, Maker, Settings};

    let [mut spare, mut heavy] = [target("a:1"), target("b:1")];
    (spare.priority, heavy.weight) = (10, 5);
    let targets = Targets::new([spare, heavy, target("a:1")]).unwrap();
    assert_eq!(targets.len(), 3);
    let list = targets.to_endpoints();
    let [a, b] = ["a:1", "b:1"].map(|text| Choosable::new(text.parse::<Endpoint>().unwrap()));
    assert_eq!(list, [b.weight(5).unwrap(), a]);
    let choice = Settings::new(Choice::Weighted);
    assert!(
        Maker::new(choice, 1)
            .set(list, Instant::now().into_std())
            .is_ok()
    );
}

#[test]
fn settings_that_contradict_each_other_are_refused_with_both() {
    let said = |refused: Result<Refresh, InvalidRefresh>| refused.unwrap_err().to_string();
    assert_eq!(
        said(Refresh::by_ttl(seconds(9), seconds(8))),
        "the floor of 9s is above the cap of 8s"
    );
    assert_eq!(
        said(Refresh::every(Duration::ZERO)),
        "interval is 0ns, and must be from 100ms to 86400s"
    );
    let minute = Refresh::every(seconds(60)).unwrap();
    assert_eq!(
        said(minute.clone().max_stale(seconds(59))),
        "max_stale of 59s is below the cap of 60s"
    );
    assert!(minute.clone().max_stale(seconds(8 * 24 * 3600)).is_err());
    assert!(minute.patience(Duration::ZERO).is_err());
}

#[tokio::test(start_paused = true)]
async fn any_stream_of_updates_is_a_source() {
    async fn hosts(source: impl Discover) -> Vec<String> {
        let mut source = std::pin::pin!(source);
        let mut in_force = InForce::new();
        while let Some(update) = source.next().await {
            in_force.apply(&update, Instant::now().into_std());
            sleep(seconds(1)).await;
        }
        let targets = in_force.targets().unwrap();
        targets
            .iter()
            .map(|it| it.endpoint.host().to_owned())
            .collect()
    }
    assert_eq!(hosts(fixed(list(&["a:1"]))).await, ["a"]);
    let told: [Update<Infallible>; 2] =
        [Update::List(list(&["a:1"])), Update::List(list(&["b:1"]))];
    assert_eq!(hosts(futures_util::stream::iter(told)).await, ["b"]);
}
