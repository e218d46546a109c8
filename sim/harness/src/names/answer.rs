//! What a question is answered with: the truth, or what a fault makes of it.

use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::{Entry, Names, Offer, Zone, nobodys};
use crate::{Answers, Net};

/// An answer, and how late it is sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) message: Message,
    pub(super) late: Duration,
}

/// What a name is to the server.
enum Found {
    Nothing,
    Addresses(Entry),
    Services(Vec<Offer>),
}

// === impl Names ===

impl Names {
    /// The answer to `question`, unless there is to be none.
    pub(super) fn answer(&self, question: &Message, net: &Net) -> Option<Answer> {
        let query = question.queries.first()?;
        let name = query.name.to_ascii().to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        let (found, ttl, hosts) = {
            let zone = self.lock();
            (zone.find(name), zone.ttl_seconds(), zone.hosts_of(name))
        };
        let lie = hosts.iter().find_map(|host| net.answers_for(host));
        let (mut code, records) = match (found, query.query_type) {
            (Found::Nothing, _) => (ResponseCode::NXDomain, Vec::new()),
            (Found::Addresses(entry), RecordType::A) => {
                (ResponseCode::NoError, addresses(&entry, lie))
            }
            (Found::Services(offers), RecordType::SRV) => {
                let records = offers.into_iter().map(service).collect();
                (ResponseCode::NoError, records)
            }
            (Found::Addresses(_) | Found::Services(_), _) => (ResponseCode::NoError, Vec::new()),
        };
        let (mut hidden, mut late) = (false, Duration::ZERO);
        match lie {
            None | Some(Answers::Several { .. } | Answers::Stale) => {}
            Some(Answers::None) => hidden = true,
            Some(Answers::Slow { ms }) => late = Duration::from_millis(ms),
            Some(Answers::NoSuchName) => (code, hidden) = (ResponseCode::NXDomain, true),
            Some(Answers::Failure) => (code, hidden) = (ResponseCode::ServFail, true),
            Some(Answers::Silence) => {
                self.say(name, query.query_type, "silence");
                return None;
            }
        }
        let records = if hidden { Vec::new() } else { records };
        self.say(name, query.query_type, &said(code, &records));
        let mut message = Message::response(question.metadata.id, question.metadata.op_code);
        message.metadata.response_code = code;
        message.metadata.authoritative = true;
        message.add_query(query.clone());
        let record = |data| Record::from_rdata(query.name.clone(), ttl, data);
        message.insert_answers(records.into_iter().map(record).collect());
        Some(Answer { message, late })
    }

    fn say(&self, name: &str, kind: RecordType, answer: &str) {
        self.trace
            .note(&self.host, format!("{kind} {name}: {answer}"));
    }
}

// === impl Zone ===

impl Zone {
    fn find(&self, name: &str) -> Found {
        match (self.names.get(name), self.services.get(name)) {
            (Some(entry), _) => Found::Addresses(entry.clone()),
            (None, Some(offers)) => Found::Services(offers.clone()),
            (None, None) => Found::Nothing,
        }
    }

    /// Every host that `name` leads to, by services too.
    fn hosts_of(&self, name: &str) -> Vec<String> {
        let offers = self.services.get(name).into_iter().flatten();
        let names = offers.map(|offer| &*offer.name).chain([name]);
        let entries = names.filter_map(|name| self.names.get(&name.to_ascii_lowercase()));
        entries.flat_map(|entry| entry.hosts.clone()).collect()
    }

    fn ttl_seconds(&self) -> u32 {
        u32::try_from(self.ttl.as_secs()).unwrap_or(u32::MAX)
    }
}

fn addresses(entry: &Entry, lie: Option<Answers>) -> Vec<RData> {
    let of = |hosts: &[String]| -> Vec<IpAddr> {
        hosts.iter().map(|host| turmoil::lookup(&**host)).collect()
    };
    let addresses = match lie {
        Some(Answers::Several { strangers }) => {
            let mut all: Vec<_> = (1..=strangers).map(nobodys).collect();
            all.extend(of(&entry.hosts));
            all
        }
        Some(Answers::Stale) if entry.before.is_empty() => vec![nobodys(1)],
        Some(Answers::Stale) => of(&entry.before),
        Some(_) | None => of(&entry.hosts),
    };
    let record = |address| match address {
        IpAddr::V4(address) => Some(RData::A(A(address))),
        // Worlds have addresses of one family.
        IpAddr::V6(_) => None,
    };
    addresses.into_iter().filter_map(record).collect()
}

fn service(offer: Offer) -> RData {
    let mut target = Name::from_ascii(&offer.name).expect("zones are part of the test's source");
    target.set_fqdn(true);
    let Offer {
        priority,
        weight,
        port,
        ..
    } = offer;
    RData::SRV(SRV::new(priority, weight, port, target))
}

fn said(code: ResponseCode, records: &[RData]) -> String {
    match code {
        ResponseCode::NoError if records.is_empty() => "nothing".to_owned(),
        ResponseCode::NoError => {
            let records: Vec<_> = records.iter().map(ToString::to_string).collect();
            records.join(", ")
        }
        code => code.to_string(),
    }
}
