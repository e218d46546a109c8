//! What a peer says before it hangs up (RFC 8446, section 6). It is the peer's word, not a proof.

use std::fmt;

/// A fatal alert.
///
/// Prints its name in the standards, its number, and what it usually means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    code: u8,
}

// === impl Alert ===

impl Alert {
    /// `protocol_version`.
    pub(super) const PROTOCOL_VERSION: Self = Self { code: 70 };
    /// `no_application_protocol`.
    pub(super) const NO_APPLICATION_PROTOCOL: Self = Self { code: 120 };

    pub(super) fn new(code: u8) -> Self {
        Self { code }
    }

    /// Its number in the registry of TLS alerts.
    pub fn code(self) -> u8 {
        self.code
    }

    /// Its name in the registry of TLS alerts.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// Whether it is about the certificate that we showed, or did not show.
    pub fn is_about_our_certificate(self) -> bool {
        matches!(self.code, 41..=46 | 48 | 49 | 116)
    }

    fn words(self) -> (&'static str, &'static str) {
        match self.code {
            0 => ("close_notify", "it hung up"),
            10 => ("unexpected_message", "it lost the thread"),
            20 => ("bad_record_mac", "what we sent was damaged on its way"),
            22 => ("record_overflow", "a record of ours was too long"),
            40 => (
                "handshake_failure",
                "it found no cipher suite, group or signature in common, or misses our certificate",
            ),
            41 => ("no_certificate", "it wants a certificate from us"),
            42 => (
                "bad_certificate",
                "it refuses our certificate, or has none from us",
            ),
            43 => (
                "unsupported_certificate",
                "it refuses our certificate's sort or purpose",
            ),
            44 => (
                "certificate_revoked",
                "it says that our certificate was revoked",
            ),
            45 => (
                "certificate_expired",
                "it says that our certificate is out of its time",
            ),
            46 => ("certificate_unknown", "it refuses our certificate"),
            47 => ("illegal_parameter", "it says that we broke the rules"),
            48 => ("unknown_ca", "it does not know who issued our certificate"),
            49 => (
                "access_denied",
                "it knows us by our certificate and lets us not in",
            ),
            50 => ("decode_error", "it could not read what we sent"),
            51 => (
                "decrypt_error",
                "a signature or checksum of ours did not hold",
            ),
            70 => ("protocol_version", "it speaks none of our versions"),
            71 => (
                "insufficient_security",
                "it wants stronger cipher suites than ours",
            ),
            80 => ("internal_error", "it has a fault of its own"),
            86 => ("inappropriate_fallback", "it could speak a newer version"),
            90 => ("user_canceled", "somebody there stopped it"),
            109 => ("missing_extension", "it misses an extension of ours"),
            110 => (
                "unsupported_extension",
                "it did not ask for an extension of ours",
            ),
            112 => (
                "unrecognized_name",
                "it does not answer to the name we asked for",
            ),
            113 => (
                "bad_certificate_status_response",
                "it refuses our OCSP answer",
            ),
            115 => (
                "unknown_psk_identity",
                "it does not know our pre-shared key",
            ),
            116 => ("certificate_required", "it demands a certificate from us"),
            120 => (
                "no_application_protocol",
                "it speaks none of our protocols (ALPN)",
            ),
            _ => ("unknown", "no standard that we know has it"),
        }
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, meaning) = self.words();
        write!(f, "{name} ({}): {meaning}", self.code)
    }
}
