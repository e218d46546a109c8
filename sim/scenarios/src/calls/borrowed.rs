//! The side that calls over a stream that is only borrowed: one thing at a time, no task and
//! no buffer that would outlive the loan. Nothing here matches answers: the next one that
//! comes is taken, whoever asked.

use std::io;
use std::time::Duration;

use bowline_sim::history::Id;
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::codec::{Decoder, Encoder};

use super::frame::{Codec, Frame, Kind, UNPADDED_BYTES, corrupt};
use super::{Appended, Call, Met};

/// Says whose connection this is, and learns whether the peer has met that session.
///
/// # Errors
///
/// Those of the stream, and `InvalidData` when what comes is no welcome.
///
/// # Cancellation
///
/// Leaves the stream in the middle of an exchange, and so do [`ask`] and [`answer`].
pub async fn greet<I>(io: &mut I, session: Id) -> io::Result<Met>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    write(io, Frame::new(Kind::Hello, session, 0)).await?;
    Ok(Met::of(read(io, Kind::Welcome).await?))
}

/// Sends a request, to which the peer then owes an answer.
///
/// # Errors
///
/// Those of the stream: the request may have arrived all the same.
pub async fn ask(io: &mut (impl AsyncWrite + Unpin), call: Call) -> io::Result<()> {
    let frame = Frame::new(Kind::Ask, call.id, 0);
    let padding = call.padding;
    write(io, Frame { padding, ..frame }).await
}

/// Takes the next answer that comes, and no byte more.
///
/// # Errors
///
/// Those of the stream, and `InvalidData` when what comes is no answer.
pub async fn answer(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Appended> {
    let offset = read(io, Kind::Answer).await?;
    Ok(Appended { offset })
}

/// Asks for a sign of life, and takes it. It says that the next time is no later than after
/// `next`, which is what the peer then expects.
///
/// # Errors
///
/// Those of the stream, and `InvalidData` when something else comes.
///
/// # Cancellation
///
/// Leaves the stream in the middle of an exchange.
pub async fn ping<I>(io: &mut I, next: Duration) -> io::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let millis = u64::try_from(next.as_millis()).unwrap_or(u64::MAX);
    write(io, Frame::new(Kind::Ping, Id(0), millis)).await?;
    read(io, Kind::Pong).await.map(drop)
}

async fn write(io: &mut (impl AsyncWrite + Unpin), frame: Frame) -> io::Result<()> {
    let mut bytes = BytesMut::new();
    Codec.encode(frame, &mut bytes)?;
    io.write_all(&bytes).await?;
    io.flush().await
}

/// The number of the next frame, which must be of this kind.
async fn read(io: &mut (impl AsyncRead + Unpin), kind: Kind) -> io::Result<u64> {
    // What the peer says is never padded.
    let mut bytes = BytesMut::zeroed(UNPADDED_BYTES);
    io.read_exact(&mut bytes).await?;
    let frame = Codec.decode(&mut bytes)?.ok_or_else(corrupt)?;
    if frame.kind != kind {
        return Err(corrupt());
    }
    Ok(frame.number)
}
