//! From what rustls and the network say to what a person understands. It invents nothing: what it
//! does not know stays as it came.

use std::io;

use rustls::{CertificateError, InvalidMessage, PeerIncompatible};

use super::{Error, Side};
use crate::tls::Alert;
use crate::tls::time::moment;

/// Why a handshake failed.
pub(in crate::tls) fn of_handshake(error: io::Error) -> Error {
    let error = match error.downcast::<rustls::Error>() {
        Ok(error) => return of_rustls_in_handshake(error),
        Err(error) => error,
    };
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => Error::HungUp { source: error },
        _ => Error::Io { source: error },
    }
}

/// What a running stream says, with our own error inside where TLS is what failed.
pub(in crate::tls) fn of_stream(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return io::Error::new(io::ErrorKind::UnexpectedEof, Error::Truncated);
    }
    let kind = error.kind();
    match error.downcast::<rustls::Error>() {
        Ok(error) => io::Error::new(kind, of_rustls(error)),
        Err(error) => error,
    }
}

/// While hands are shaken, what cannot be a record of TLS was never meant to be one.
fn of_rustls_in_handshake(error: rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => Error::NotTls,
        error => of_rustls(error),
    }
}

fn of_rustls(error: rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(error) => of_certificate(error),
        rustls::Error::NoCertificatesPresented => Error::NoCertificate,
        rustls::Error::NoApplicationProtocol => Error::NoCommonProtocol { by: Side::Us },
        rustls::Error::AlertReceived(alert) => of_alert(Alert::new(alert.into())),
        rustls::Error::PeerIncompatible(incompatible) => of_incompatible(incompatible),
        error @ rustls::Error::InvalidCertRevocationList(_) => Error::BadCertificate {
            source: error.into(),
        },
        error => Error::Protocol {
            source: error.into(),
        },
    }
}

/// Two alerts say what we would have said ourselves.
fn of_alert(alert: Alert) -> Error {
    match alert {
        Alert::PROTOCOL_VERSION => Error::NoCommonVersion { by: Side::Peer },
        Alert::NO_APPLICATION_PROTOCOL => Error::NoCommonProtocol { by: Side::Peer },
        alert => Error::Alert { alert },
    }
}

fn of_incompatible(incompatible: PeerIncompatible) -> Error {
    match incompatible {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => Error::NoCommonVersion { by: Side::Us },
        PeerIncompatible::NoCipherSuitesInCommon
        | PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::NoEcPointFormatsInCommon => Error::NoCommonCipherSuite {
            source: rustls::Error::from(incompatible).into(),
        },
        other => Error::Protocol {
            source: rustls::Error::from(other).into(),
        },
    }
}

fn of_certificate(error: CertificateError) -> Error {
    match error {
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => Error::WrongName {
            asked: expected.to_str().into_owned(),
            names: presented.iter().map(|name| plain(name)).collect(),
        },
        CertificateError::ExpiredContext { time, not_after } => Error::Expired {
            not_after: moment(not_after),
            now: moment(time),
        },
        CertificateError::NotValidYetContext { time, not_before } => Error::NotYetValid {
            not_before: moment(not_before),
            now: moment(time),
        },
        CertificateError::ExpiredRevocationListContext { time, next_update } => {
            Error::StaleRevocationList {
                due: moment(next_update),
                now: moment(time),
            }
        }
        CertificateError::UnknownIssuer => Error::UnknownIssuer,
        CertificateError::BadSignature => Error::BadSignature,
        CertificateError::Revoked => Error::Revoked,
        CertificateError::UnknownRevocationStatus => Error::UnknownRevocation,
        other => Error::BadCertificate {
            source: rustls::Error::from(other).into(),
        },
    }
}

/// `DnsName("chat.example")` without what only a programmer wants to see.
fn plain(presented: &str) -> String {
    let inner = presented
        .split_once('(')
        .and_then(|(_kind, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(presented).trim_matches('"').to_owned()
}
