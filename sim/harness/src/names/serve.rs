//! The name server's software: datagrams and streams in, answers out.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bowline_link::{BoxError, Listen};
use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::sleep;
use turmoil::net::UdpSocket;

use super::{Names, PORT};
use crate::Net;
use crate::net::Stream;

/// The longest answer in a datagram (RFC 1035, section 2.3.4).
const DATAGRAM_BYTES: usize = 512;

/// How many questions are answered at once; others are lost, as in a busy server's queue.
const QUESTIONS_MAX: usize = 1024;

// === impl Names ===

impl Names {
    pub(crate) async fn serve(self, net: Net) -> Result<(), BoxError> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
        let socket = Arc::new(socket);
        let mut listener = net.listen(&self.host, PORT).await?;
        let mut answering = JoinSet::new();
        let mut bytes = [0; DATAGRAM_BYTES];
        loop {
            tokio::select! {
                biased;
                Some(_) = answering.join_next() => {}
                datagram = socket.recv_from(&mut bytes) => {
                    let (len, from) = datagram?;
                    if answering.len() < QUESTIONS_MAX {
                        let question = bytes[..len].to_vec();
                        let (names, net) = (self.clone(), net.clone());
                        let socket = Arc::clone(&socket);
                        answering.spawn(async move {
                            names.answer_datagram(&net, &socket, &question, from).await;
                        });
                    }
                }
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    if answering.len() < QUESTIONS_MAX {
                        let (names, net) = (self.clone(), net.clone());
                        answering.spawn(async move {
                            // Who hangs up in the middle has had enough.
                            drop(names.answer_stream(&net, stream).await);
                        });
                    }
                }
            }
        }
    }

    async fn answer_datagram(&self, net: &Net, socket: &UdpSocket, bytes: &[u8], to: SocketAddr) {
        let Ok(question) = Message::from_vec(bytes) else {
            return;
        };
        let Some(answer) = self.answer(&question, net) else {
            return;
        };
        sleep(answer.late).await;
        let whole = answer.message.to_vec().expect("an answer can be written");
        let sent = if whole.len() > DATAGRAM_BYTES {
            let cut = answer.message.truncate();
            cut.to_vec().expect("a shorter one can be written")
        } else {
            whole
        };
        // Whoever asked may be gone.
        drop(socket.send_to(&sent, to).await);
    }

    async fn answer_stream(&self, net: &Net, mut stream: Stream) -> std::io::Result<()> {
        loop {
            let len = stream.read_u16().await?;
            let mut bytes = vec![0; len.into()];
            stream.read_exact(&mut bytes).await?;
            let question = Message::from_vec(&bytes).ok();
            let answer = question.and_then(|question| self.answer(&question, net));
            let Some(answer) = answer else {
                return Ok(());
            };
            sleep(answer.late).await;
            let whole = answer.message.to_vec().expect("an answer can be written");
            let len = u16::try_from(whole.len()).expect("a zone of a test's is no longer");
            let message = [&len.to_be_bytes()[..], &whole].concat();
            stream.write_all(&message).await?;
        }
    }
}
