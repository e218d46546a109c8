//! Unix sockets in temporary directories.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use super::*;
use crate::{Dial, Endpoint, Listen};

fn socket() -> (TempDir, PathBuf, Endpoint) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.sock");
    let endpoint = Endpoint::unix(path.to_str().unwrap());
    (directory, path, endpoint)
}

/// The file of a server that was killed.
fn leave_stale(path: &Path) {
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    assert!(path.exists());
}

async fn dial(endpoint: &Endpoint) -> Result<tokio::net::UnixStream, DialError> {
    fn assert_dial<D: Dial>(dialer: D) -> D {
        dialer
    }
    assert_dial(Dialer::new()).oneshot(endpoint.clone()).await
}

#[tokio::test]
async fn a_dialed_stream_reaches_the_listener_and_the_file_goes_with_it() {
    let (_directory, path, endpoint) = socket();
    let mut listener = Listener::bind(&path).await.unwrap();
    assert_eq!(listener.path(), path);
    let mut near = dial(&endpoint).await.unwrap();
    let (mut far, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, NO_ADDRESS);
    let error = listener.local_addr().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);

    near.write_all(b"ahoy").await.unwrap();
    let mut heard = [0; 4];
    far.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"ahoy");

    drop(listener);
    assert!(!path.exists());
    let error = dial(&endpoint).await.unwrap_err();
    assert!(matches!(error, DialError::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains("unix:/"), "{error}");
}

#[tokio::test]
async fn a_host_is_not_dialed_as_a_unix_socket() {
    let error = dial(&Endpoint::new("chat.example", 1)).await.unwrap_err();
    assert!(matches!(error, DialError::NotUnix { .. }), "{error:?}");
}

#[tokio::test]
async fn what_a_dead_server_left_is_taken_over() {
    let (_directory, path, endpoint) = socket();
    leave_stale(&path);
    let _listener = Listener::bind(&path).await.unwrap();
    dial(&endpoint).await.unwrap();
}

#[tokio::test]
async fn a_live_server_keeps_its_socket_even_with_a_full_backlog() {
    let (_directory, path, endpoint) = socket();
    let live = Listener::bind(&path).await.unwrap();
    let error = Listener::bind(&path).await.unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error:?}");
    dial(&endpoint).await.unwrap();
    drop(live);

    // One that accepts nothing, and is not ours.
    let full = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    full.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    full.listen(0).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = dial(&endpoint).await {
        waiting.push(stream);
        assert!(waiting.len() < 64, "the backlog never filled");
        if cfg!(not(target_os = "linux")) {
            break;
        }
    }
    let error = Listener::bind(&path).await.unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error:?}");
    assert!(path.exists());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_bound_and_is_about_to_listen_keeps_its_socket() {
    let (_directory, path, endpoint) = socket();
    let starting = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
    let starting = starting.unwrap();
    let address = socket2::SockAddr::unix(&path).unwrap();
    starting.bind(&address).unwrap();
    let (bound, ()) = futures_util::future::join(Listener::bind(&path), async {
        tokio::time::sleep(Duration::from_millis(15)).await;
        starting.listen(8).unwrap();
    })
    .await;
    let error = bound.unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error:?}");
    dial(&endpoint).await.unwrap();
}

#[tokio::test]
async fn a_socket_that_answers_anything_but_a_refusal_is_left_alone() {
    let (_directory, path, _) = socket();
    // A call to it is the wrong kind of call.
    let _datagrams = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let error = Listener::bind(&path).await.unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error:?}");
    assert!(path.exists());
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let (directory, path, _) = socket();
    let target = directory.path().join("target");
    leave_stale(&target);
    for make in [
        |path: &Path, _: &Path| fs::write(path, "dear diary").unwrap(),
        |path: &Path, _: &Path| fs::create_dir(path).unwrap(),
        |path: &Path, target: &Path| std::os::unix::fs::symlink(target, path).unwrap(),
    ] {
        make(&path, &target);
        let error = Listener::bind(&path).await.unwrap_err();
        assert!(matches!(error, BindError::NotASocket { .. }), "{error:?}");
        assert!(fs::symlink_metadata(&path).is_ok() && target.exists());
        fs::remove_file(&path)
            .or_else(|_| fs::remove_dir(&path))
            .unwrap();
    }
    let nowhere = directory.path().join("no/such/x.sock");
    let error = Listener::bind(&nowhere).await.unwrap_err();
    assert!(matches!(error, BindError::Listen { .. }), "{error:?}");
}

#[tokio::test]
async fn a_listener_removes_no_file_but_its_own() {
    let (_directory, path, endpoint) = socket();
    let first = Listener::bind(&path).await.unwrap();
    // Somebody cleaned up, and another server took the path.
    fs::remove_file(&path).unwrap();
    let _second = Listener::bind(&path).await.unwrap();
    drop(first);
    dial(&endpoint).await.unwrap();

    let (_directory, path, _) = socket();
    let first = Listener::bind(&path).await.unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "dear diary").unwrap();
    drop(first);
    assert_eq!(fs::read_to_string(&path).unwrap(), "dear diary");
}

#[tokio::test(start_paused = true)]
async fn binders_in_one_directory_take_turns_and_wait_no_longer_than_said() {
    let (directory, path, _) = socket();
    leave_stale(&path);
    let other = File::open(directory.path()).unwrap();
    other.lock().unwrap();
    let began = tokio::time::Instant::now();
    let error = Listener::bind(&path).await.unwrap_err();
    let spent = tokio::time::Instant::now() - began;
    assert!(matches!(error, BindError::Locked { .. }), "{error:?}");
    assert!(spent >= BIND_WAIT && spent < BIND_WAIT + Duration::from_millis(20));
    assert!(path.exists(), "nothing is touched out of turn");

    let early = tokio::time::timeout(BIND_WAIT / 2, Listener::bind(&path));
    assert!(early.await.is_err());
    other.unlock().unwrap();
    let listener = Listener::bind(&path).await.unwrap();

    // While another binds, the file stays for them to find.
    other.lock().unwrap();
    drop(listener);
    assert!(path.exists());
}
