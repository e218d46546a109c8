//! Our TLS against OpenSSL's, both ways, over real sockets, with authorities that live as long as
//! a test. Both have to find the same faults; the words for them are tested where they are made.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bowline_link::tls::{Identity, RevocationLists, Roots, Version};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use tempfile::TempDir;

use crate::services::program;

mod as_client;
mod as_server;

/// The name of every server, whatever its certificate says.
const HOST: &str = "chat.example";

/// How long anything may take before a test gives up: it only ends what hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// The versions, and how OpenSSL's programs are told to speak nothing else.
const VERSIONS: [(Version, &str, &str); 2] = [
    (Version::V1_2, "-tls1_2", "TLSv1.2"),
    (Version::V1_3, "-tls1_3", "TLSv1.3"),
];

/// An authority whose papers lie in a folder, where OpenSSL's programs find them.
pub(crate) struct Ca {
    openssl: PathBuf,
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, in the authority's folder.
pub(crate) struct Issued {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// What time a certificate is for.
#[derive(Clone, Copy)]
pub(crate) enum Time {
    Now,
    Past,
}

/// A runtime for a single test, on the machine's clock.
fn run<T>(test: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().unwrap();
    let done = runtime.block_on(async { tokio::time::timeout(DEADLINE, test).await });
    done.expect("nothing hangs")
}

// === impl Ca ===

impl Ca {
    /// `None` where the tests run without other people's programs.
    pub(crate) fn new() -> Option<Self> {
        Self::named("harbour")
    }

    fn named(name: &str) -> Option<Self> {
        let openssl = program("openssl", "openssl")?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap());
        let ca = Self {
            openssl,
            folder: TempDir::new().unwrap(),
            issuer: issuer.unwrap(),
        };
        ca.put("ca.pem", &ca.issuer.pem());
        Some(ca)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate for `name`, with a number of its own.
    pub(crate) fn issue(&self, number: u64, name: &str, time: Time) -> Issued {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(number));
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = match time {
            Time::Now => date_time_ymd(2099, 1, 1),
            Time::Past => date_time_ymd(2020, 1, 1),
        };
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            chain: self.put(&format!("{number}.pem"), &certificate.pem()),
            key: self.put(&format!("{number}.key"), &key.serialize_pem()),
        }
    }

    /// Takes the certificates of these numbers back.
    fn revoke(&self, numbers: &[u64]) -> PathBuf {
        let revoked = numbers.iter().map(|&number| RevokedCertParams {
            serial_number: SerialNumber::from(number),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(2098, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).unwrap();
        self.put("left.crl", &list.pem().unwrap())
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots::from_file(self.path("ca.pem")).unwrap()
    }

    /// One of OpenSSL's programs, believing this authority alone and refusing what it refuses.
    fn openssl(&self, program: &str) -> Command {
        let mut command = Command::new(&self.openssl);
        command
            .arg(program)
            .arg("-CAfile")
            .arg(self.path("ca.pem"))
            .arg("-verify_return_error");
        command
    }
}

// === impl Issued ===

impl Issued {
    fn identity(&self) -> Identity {
        Identity::from_files(&self.chain, &self.key).unwrap()
    }

    /// Makes `command` show it.
    fn show(&self, command: &mut Command) {
        command.arg("-cert").arg(&self.chain);
        command.arg("-key").arg(&self.key);
    }
}

fn lists(path: &Path) -> RevocationLists {
    RevocationLists::from_file(path).unwrap()
}
