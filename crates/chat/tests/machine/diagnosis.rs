//! What the machine says of itself to whoever looks for a fault, and what it does not.

use std::time::Duration;

use khaya_chat::{
    Intent,
    api::ApiError,
    diagnosis::{Diagnosis, Storage, Work},
};
use khaya_wire::{Code, Timestamp};

use crate::desk::{Desk, chat_id, is_list, is_send, message, refused};

fn told(desk: &Desk) -> String {
    Diagnosis {
        version: "Khaya".to_owned(),
        at: Timestamp::from_millis(0),
        machine: desk.machine.condition(),
        work: Work::default(),
        storage: Storage::default(),
    }
    .to_string()
}

#[test]
fn it_tells_how_things_stand_and_nothing_of_what_people_write() {
    let mut desk = Desk::connected(true);
    let mut known = message("g", 1, "ana");
    known.content = "plum".into();
    desk.open("g", vec![known]);
    desk.send("g", "quince").unwrap();
    desk.answer_where(is_send, Err(refused(Code::Forbidden)));
    desk.send("g", "medlar").unwrap();
    desk.want(Intent::SaveDraft {
        chat_id: chat_id("d"),
        text: "damson".to_owned(),
    })
    .unwrap();
    desk.want(Intent::Search {
        query: "sloe".to_owned(),
        chat_id: None,
    })
    .unwrap();
    desk.wait(Duration::from_secs(130));
    desk.answer_where(is_list, Err(ApiError::NotKhaya));
    desk.go_down();
    let told = told(&desk);
    for is in [
        "signedIn",
        "inKeyring",
        "https://chat.example.org",
        "receipts",
        "1 waiting",
        "1 parked",
        "send: forbidden",
        "list: not_khaya",
        "connection: unreachable",
    ] {
        assert!(told.contains(is), "{is} is not in\n{told}");
    }
    let secrets = ["access-1", "refresh-1", "password"];
    let words = [
        "plum", "quince", "medlar", "damson", "sloe", "Ana", "ANA", "chat g",
    ];
    for is_not in secrets.into_iter().chain(words) {
        assert!(!told.contains(is_not), "{is_not} is in\n{told}");
    }
}

#[test]
fn it_remembers_what_went_wrong_lately_and_not_for_ever() {
    let mut desk = Desk::connected(true);
    desk.disk_is_full = true;
    for _ in 0..100 {
        desk.send("g", "text").unwrap_err();
    }
    let faults = desk.machine.condition().faults;
    assert_eq!(faults.len(), 30);
    assert!(
        faults
            .iter()
            .all(|fault| fault.what == "store" && fault.code == "disk_full")
    );
}
