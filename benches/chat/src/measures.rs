//! The measures themselves.

use std::{
    collections::VecDeque,
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use bench_figures::{Samples, table};
use khaya_chat::{
    View,
    machine::{Chat, Input, Now, Output},
    store::{Answer, Missed, Op, Position, Query, Store, StoreError, StoreQueue, StoreThread, Told},
};
use khaya_wire::{Timestamp, UserId, event::MessageEvent};
use rusqlite::{Connection, params};

use crate::team::{self, Team};

/// As many as the app asks for at once.
const PAGE: usize = 50;
const HITS: usize = 25;

/// What was missed, and how much of it a server tells at once.
const MISSED: usize = 10_000;
const PART: usize = khaya_chat::api::MISSED;

/// After which something else is asked for: what was missed is being stored then.
const A_MOMENT: Duration = Duration::from_millis(5);

/// From nothing to the list of chats and the last chat's messages.
pub(crate) fn open(team: &Team, rounds: usize) -> Result<String> {
    let mut rows = Vec::new();
    for (name, is_cold) in [("read before", false), ("not read since the start", true)] {
        let (mut ours, mut floors) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            if is_cold {
                team.make_cold()?;
            }
            let began = Instant::now();
            let mut store = team.open()?;
            let view = start(&mut store)?.view();
            ours.push(began.elapsed());
            check(&view, team)?;
            drop(store);
            if is_cold {
                team.make_cold()?;
            }
            let began = Instant::now();
            let db = team.floor()?;
            black_box(texts(
                &db,
                "SELECT facts || (SELECT body FROM messages WHERE chat = chats.number
                     ORDER BY at DESC, id DESC LIMIT 1) FROM chats",
                params![],
            )?);
            let last = number_of(&db, team, team.chats.len() - 1)?;
            black_box(texts(&db, PAGE_BEFORE, params![last, i64::MAX, ""])?);
            floors.push(began.elapsed());
        }
        rows.push(row(name, &ours, &floors));
    }
    Ok(table(
        &format!(
            "Start: the list of {} chats and the last one's page, of {} messages (ms)",
            team.chats.len(),
            team.messages
        ),
        &["files", "Khaya", "floor"],
        &rows,
    ))
}

/// A page anywhere.
pub(crate) fn pages(team: &Team, rounds: usize) -> Result<String> {
    let mut random = fastrand::Rng::with_seed(1);
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    let mut store = team.open()?;
    start(&mut store)?;
    let db = team.floor()?;
    for _ in 0..rounds * 20 {
        let (chat, place) = somewhere(team, &mut random)?;
        let op = Op::Before {
            chat: team.chats[chat].clone(),
            place: place.clone(),
            limit: PAGE,
        };
        let began = Instant::now();
        let Answer::Window(window) = store.run(op)? else {
            bail!("no page");
        };
        ours.push(began.elapsed());
        black_box(window);
        let number = number_of(&db, team, chat)?;
        let began = Instant::now();
        let place = params![number, place.0.as_millis(), place.1.as_str()];
        black_box(texts(&db, PAGE_BEFORE, place)?);
        floors.push(began.elapsed());
    }
    Ok(table(
        &format!("A page of {PAGE} anywhere in {} messages (ms)", team.messages),
        &["", "Khaya", "floor"],
        &[row("a page", &ours, &floors)],
    ))
}

/// What was missed is stored, part by part as a server tells it, while pages are asked for.
pub(crate) fn sync(team: &Team, rounds: usize) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut store = team.open()?;
    team::sign_in(&mut store)?;
    store.run(Op::PutSync(Missed {
        events: Vec::new(),
        cursor: "0".to_owned(),
        linked: team.chats.clone(),
        at: Timestamp::from_millis(0),
    }))?;
    let (thread, mut queue) = StoreThread::start(store)?;
    let (mut floors, mut times) = (Vec::new(), Times::default());
    let mut next = team.each();
    let db = floor_for_writing(team)?;
    for _ in 0..rounds {
        let parts = missed(team, &mut next)?;
        let bodies: Vec<Vec<String>> = parts.iter().map(|part| part.iter().map(body).collect()).collect();
        runtime.block_on(take_in(team, &mut queue, parts, &mut times))?;
        let began = Instant::now();
        for bodies in &bodies {
            write_floor(&db, bodies)?;
        }
        floors.push(began.elapsed());
    }
    drop(queue);
    thread.join();
    Ok(table(
        &format!("{MISSED} messages that were missed, {PART} at a time (ms)"),
        &["", "Khaya", "floor"],
        &[
            row("all of them stored", &times.all, &floors),
            row("a page asked for meanwhile", &times.pages, &[]),
            row("a draft typed meanwhile, safe on disk", &times.drafts, &[]),
        ],
    ))
}

/// Words in all messages.
pub(crate) fn search(team: &Team, rounds: usize) -> Result<String> {
    let mut store = team.open()?;
    start(&mut store)?;
    let db = team.floor()?;
    let text = |text: String| Query {
        text,
        ..Query::default()
    };
    let common = team::word(0);
    let from = UserId::new("u7")?;
    let queries = [
        ("the commonest word", text(format!("{common} "))),
        ("a word in a thousand", text(format!("{} ", team::word(900)))),
        ("a rare word", text(format!("{} ", team::word(19_000)))),
        ("a word that is nowhere", text("xylophone ".to_owned())),
        ("two common words", text(format!("{common} {} ", team::word(1)))),
        (
            "two rare words",
            text(format!("{} {} ", team::word(15_000), team::word(18_000))),
        ),
        ("one letter", text(common[..1].to_owned())),
        ("three letters", text(team::word(500)[..3].to_owned())),
        (
            "the commonest word of one person",
            Query {
                senders: vec![from],
                ..text(format!("{common} "))
            },
        ),
        (
            "a word in a thousand in one chat",
            Query {
                chats: vec![team.chats[3].clone()],
                ..text(format!("{} ", team::word(900)))
            },
        ),
        (
            "everything in one chat",
            Query {
                chats: vec![team.chats[3].clone()],
                ..Query::default()
            },
        ),
    ];
    let mut rows = Vec::new();
    for (name, query) in queries {
        let (mut ours, mut floors, mut count) = (Vec::new(), Vec::new(), 0);
        let plain = query.text.split_whitespace().map(|word| format!("\"{word}\""));
        let plain = plain.collect::<Vec<_>>().join(" AND ");
        let is_plain = query.senders.is_empty() && query.chats.is_empty() && query.text.ends_with(' ');
        for _ in 0..rounds {
            let began = Instant::now();
            let op = Op::Search {
                query: query.clone(),
                from: None,
                limit: HITS,
            };
            let Answer::Found(found) = store.run(op)? else {
                bail!("nothing found");
            };
            ours.push(began.elapsed());
            count = found.messages.len();
            if is_plain {
                let began = Instant::now();
                black_box(texts(
                    &db,
                    "SELECT m.body FROM search s CROSS JOIN messages m ON m.number = s.rowid
                     WHERE s.search MATCH ?1 ORDER BY s.rowid DESC LIMIT 25",
                    params![plain],
                )?);
                floors.push(began.elapsed());
            }
        }
        let mut cells = row(name, &ours, &floors);
        cells.push(count.to_string());
        rows.push(cells);
    }
    Ok(table(
        &format!(
            "The newest {HITS} of {} messages with words in them (ms)",
            team.messages
        ),
        &["what is looked for", "Khaya", "floor", "found"],
        &rows,
    ))
}

/// A machine with what is on disk.
pub(crate) fn start(store: &mut Store) -> Result<Chat> {
    let mut machine = Chat::new(1);
    feed(&mut machine, store, Input::Start)?;
    Ok(machine)
}

/// Gives a machine an input, and what the store answers.
pub(crate) fn feed(machine: &mut Chat, store: &mut Store, input: Input) -> Result<()> {
    let now = Now {
        monotonic: Duration::from_secs(1),
        wall: Timestamp::from_millis(1_800_000_000_000),
    };
    let mut inputs = VecDeque::from([input]);
    while let Some(input) = inputs.pop_front() {
        for output in machine.handle(now, input) {
            if let Output::Store { token, op } = output {
                let result = store.run(op);
                inputs.push_back(Input::Store { token, result });
            }
        }
    }
    Ok(())
}

fn check(view: &View, team: &Team) -> Result<()> {
    if view.chats.len() != team.chats.len() || view.timeline.len() != PAGE.min(team.each()) {
        bail!(
            "{} chats and {} messages are shown",
            view.chats.len(),
            view.timeline.len()
        );
    }
    Ok(())
}

const PAGE_BEFORE: &str =
    "SELECT body FROM messages WHERE chat = ?1 AND (at, id) < (?2, ?3) ORDER BY at DESC, id DESC LIMIT 50";

fn texts(db: &Connection, sql: &str, params: &[&dyn rusqlite::ToSql]) -> Result<Vec<String>> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn number_of(db: &Connection, team: &Team, chat: usize) -> Result<i64> {
    let id = team.chats[chat].as_str();
    Ok(db.query_row("SELECT number FROM chats WHERE id = ?1", [id], |row| row.get(0))?)
}

fn somewhere(team: &Team, random: &mut fastrand::Rng) -> Result<(usize, Position)> {
    let chat = random.usize(..team.chats.len());
    let message = team::message(chat, &team.chats[chat], random.usize(..team.each()))?;
    Ok((chat, (message.created_at, message.id)))
}

fn missed(team: &Team, next: &mut usize) -> Result<Vec<Vec<Told>>> {
    let mut all = Vec::with_capacity(MISSED);
    while all.len() < MISSED {
        for (number, chat) in team.chats.iter().enumerate() {
            all.push(Told::New(MessageEvent {
                chat_id: chat.clone(),
                message: team::message(number, chat, *next)?,
                number: None,
            }));
        }
        *next += 1;
    }
    Ok(all.chunks(PART).map(<[Told]>::to_vec).collect())
}

fn body(told: &Told) -> String {
    match told {
        Told::New(event) | Told::Updated(event) => event.message.content.to_string(),
        Told::Deleted(_) | Told::Chat(_) | Told::Removed(_) => String::new(),
    }
}

/// How long things took.
#[derive(Default)]
struct Times {
    all: Vec<Duration>,
    pages: Vec<Duration>,
    drafts: Vec<Duration>,
}

/// As the machine does it: one part when the one before is stored, and what is left of it where something came between.
/// A moment after each part a page is asked for, or a draft is saved.
async fn take_in(
    team: &Team,
    queue: &mut StoreQueue,
    parts: Vec<Vec<Told>>,
    times: &mut Times,
) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(2);
    let mut waited = Duration::ZERO;
    let began = Instant::now();
    for (number, events) in parts.into_iter().enumerate() {
        let missed = Missed {
            events,
            cursor: number.to_string(),
            linked: Vec::new(),
            at: Timestamp::from_millis(0),
        };
        let (chat, place) = somewhere(team, &mut random)?;
        let chat = team.chats[chat].clone();
        let (times, op) = match number % 2 {
            0 => (
                &mut times.pages,
                Op::Before {
                    chat,
                    place,
                    limit: PAGE,
                },
            ),
            _ => (
                &mut times.drafts,
                Op::SaveDraft {
                    chat,
                    text: number.to_string(),
                },
            ),
        };
        queue.ask(0, Op::PutSync(missed));
        tokio::time::sleep(A_MOMENT).await;
        let asked = Instant::now();
        queue.ask(1, op);
        let mut rest = rest_of(queue.answer().await)?;
        let stored = Instant::now();
        queue.answer().await.context("the store has ended")?.1?;
        times.push(asked.elapsed());
        waited += stored.elapsed();
        while let Some(missed) = rest {
            queue.ask(0, Op::PutSync(missed));
            rest = rest_of(queue.answer().await)?;
        }
    }
    times.all.push(began.elapsed() - waited);
    Ok(())
}

/// What of a part is not stored yet.
fn rest_of(answer: Option<(u64, Result<Answer, StoreError>)>) -> Result<Option<Missed>> {
    match answer.context("the store has ended")?.1? {
        Answer::Synced { rest, .. } => Ok(rest),
        other => bail!("{other:?} in place of what was stored"),
    }
}

fn floor_for_writing(team: &Team) -> Result<Connection> {
    let db = Connection::open(team.path().join("floor.db"))?;
    db.execute_batch(&format!("PRAGMA key = \"x'{}'\"", team.key.to_text().expose()))?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE messages (number INTEGER PRIMARY KEY, body TEXT NOT NULL)",
    )?;
    Ok(db)
}

fn write_floor(db: &Connection, bodies: &[String]) -> Result<()> {
    let transaction = db.unchecked_transaction()?;
    for body in bodies {
        db.prepare_cached("INSERT INTO messages (body) VALUES (?1)")?
            .execute([body])?;
    }
    transaction.commit()?;
    Ok(())
}

fn row(name: &str, ours: &[Duration], floor: &[Duration]) -> Vec<String> {
    let spread = |times: &[Duration]| {
        let samples: Samples = times.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
        samples.spread()
    };
    vec![name.to_owned(), spread(ours), spread(floor)]
}
