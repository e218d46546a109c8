//! A program with binary frames and a person with lines of JSON in one room.

use serde_json::json;

use super::ROOM;
use super::raw::Raw;
use super::server::Server;
use super::talker::Talker;
use super::transcript::Transcript;

#[test]
fn a_client_made_from_the_protocols_text_alone_talks_to_the_binary() {
    let transcript = Transcript::default();
    let server = Server::start(&transcript, &["--memory"]);
    let mut ann = Talker::joined(&transcript, server.chat, "ann");
    let mut zoe = Raw::welcomed(server.chat, "zoe");
    let joined = zoe.join(ROOM, &json!({}));
    assert_eq!(
        (&joined["offset"], &joined["count"]),
        (&json!(0), &json!(0))
    );

    let id = "0123456789abcdef0123456789abcdef";
    let publish =
        json!({"op": "publish", "seq": 2, "room": ROOM, "msg_id": id, "body": "ahoy, Ann"});
    zoe.say(&publish);
    let mut heard = [zoe.hear(), zoe.hear()];
    heard.sort_by_key(|reply| reply["op"].to_string());
    let [message, published] = heard;
    assert_eq!(published["op"], "published", "{published}");
    assert_eq!(published["seq"], 2);
    assert_eq!(message["msg_id"], id);
    assert_eq!(ann.wait_for_messages(1), ["zoe: ahoy, Ann"]);

    // Once more under the same id: it stands where it stood, and nobody sees it again.
    zoe.say(&publish);
    let again = zoe.hear();
    assert_eq!(again["duplicate"], true, "{again}");
    assert_eq!(again["offset"], published["offset"]);

    ann.say("ahoy, \"Zoë\"");
    let message = zoe.hear();
    assert_eq!(message["op"], "message", "{message}");
    assert_eq!(
        (&message["from"], &message["guest"]),
        (&json!("ann"), &json!(true))
    );
    assert_eq!(message["body"], "ahoy, \"Zoë\"");
    assert_eq!(
        (&message["offset"], &message["prev"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        ann.wait_for_messages(2),
        ["zoe: ahoy, Ann", "ann: ahoy, \"Zoë\""]
    );
    ann.leaves_content();
}

#[test]
fn who_comes_late_is_shown_as_much_history_as_was_asked_for() {
    let transcript = Transcript::default();
    let server = Server::start(&transcript, &["--memory"]);
    let mut ann = Talker::joined(&transcript, server.chat, "ann");
    for line in ["one", "two", "three"] {
        ann.say(line);
    }
    ann.wait_for_notices("acked", 3);
    let mut zoe = Raw::welcomed(server.chat, "zoe");
    let joined = zoe.join(ROOM, &json!({"history": 2}));
    assert_eq!(
        (&joined["offset"], &joined["count"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        [zoe.hear(), zoe.hear()].map(|message| message["body"].clone()),
        ["two", "three"]
    );
}
