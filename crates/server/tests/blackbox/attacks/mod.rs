//! What somebody tries who means harm: refused with the right code, with bounded memory, and the others are served.
//!
//! Where memory counts the server is a process of its own. Figures go to the test's output; nothing here depends
//! on how fast the machine is.

mod floods;
mod ids;
mod nonsense;
mod sizes;
mod slow;
mod tokens;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    client::{PASSWORD, Person},
    program::{Serving, run},
    wire::PATIENCE,
};

/// How much more memory an attack may leave a server with, in MiB.
const MAX_GROWTH: u64 = 96;

/// What the server has to end is not waited for for ever, nor until the heartbeat of Engine.IO would end it.
async fn in_time<T>(ends: impl Future<Output = T>) -> T {
    tokio::time::timeout(2 * PATIENCE, ends)
        .await
        .expect("the server lets it go on")
}

/// A server of its own process, with somebody on it who has nothing to do with what goes on.
struct Target {
    /// Asks all the time; ends before the server does.
    meanwhile: Meanwhile,
    serving: Serving,
    bystander: Person,
    before: u64,
    _dir: TempDir,
}

impl Target {
    #[expect(clippy::print_stdout, reason = "the figures of a test belong to its output")]
    async fn start(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let add = [
            "user",
            "add",
            "ben",
            "--name",
            "Ben",
            "--role",
            "member",
            "--password-stdin",
        ];
        assert!(run(dir.path(), &add, PASSWORD).status.success());
        let options = [&["--listen", "127.0.0.1:0"], options].concat();
        let serving = Serving::start(dir.path(), &options);
        // Of what is kept, a hasty server may end one just as it is used again.
        let unkept = reqwest::Client::builder().pool_max_idle_per_host(0).build();
        let bystander = Person {
            http: unkept.unwrap(),
            ..Person::sign_in(&serving.url, "ben").await
        };
        let before = serving.memory();
        let meanwhile = Meanwhile::start(bystander.clone());
        meanwhile.rest().await;
        println!("before: {}", meanwhile.told());
        Self {
            meanwhile,
            serving,
            bystander,
            before,
            _dir: dir,
        }
    }

    fn url(&self) -> &str {
        &self.serving.url
    }

    fn address(&self) -> &str {
        self.serving.url.strip_prefix("http://").unwrap()
    }

    /// Has the bystander served, and prints what that and the attack cost.
    async fn survives(&self, attack: &str) {
        self.survives_within(attack, MAX_GROWTH).await;
    }

    /// The same, with another bound of memory.
    #[expect(clippy::print_stdout, reason = "the figures of a test belong to its output")]
    async fn survives_within(&self, attack: &str, growth: u64) {
        for _ in 0..20 {
            assert_eq!(self.bystander.get("/auth/me").await.0, 200, "during {attack}");
        }
        let (before, now) = (self.before, self.serving.memory());
        let meanwhile = self.meanwhile.told();
        println!("{attack}: memory {before} MiB before, {now} MiB now; meanwhile {meanwhile}");
        assert!(now <= before + growth, "{attack}: {before} MiB became {now} MiB");
    }
}

/// What somebody else gets from the server while it is attacked: asked fifty times a second, on a thread of its own, so
/// that what the attacker's side costs is not measured.
struct Meanwhile {
    answers: Arc<Mutex<Answers>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Answers {
    taken: Vec<Duration>,
    /// They share the attacker's address, and what that address may have.
    held_off: usize,
}

impl Meanwhile {
    fn start(bystander: Person) -> Self {
        let (answers, stop) = (Arc::<Mutex<Answers>>::default(), Arc::new(AtomicBool::new(false)));
        let (told, over) = (Arc::clone(&answers), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                // A client's connections belong to the runtime that it was used on first.
                let bystander = Person {
                    http: reqwest::Client::new(),
                    ..bystander
                };
                let mut ticks = tokio::time::interval(Duration::from_millis(20));
                while !over.load(Ordering::Relaxed) {
                    ticks.tick().await;
                    let start = Instant::now();
                    let request = bystander.request(reqwest::Method::GET, "/auth/me");
                    let answered = request.send().await.is_ok_and(|answer| answer.status() == 200);
                    let mut answers = told.lock().unwrap();
                    if answered {
                        answers.taken.push(start.elapsed());
                    } else {
                        answers.held_off += 1;
                    }
                }
            });
        });
        Self {
            answers,
            stop,
            thread: Some(thread),
        }
    }

    /// Waits until there is something to compare with.
    async fn rest(&self) {
        while self.answers.lock().unwrap().taken.len() < 20 {
            tokio::task::yield_now().await;
        }
    }

    /// What there was since it was asked last.
    fn told(&self) -> String {
        let Answers { mut taken, held_off } = std::mem::take(&mut *self.answers.lock().unwrap());
        taken.sort();
        let of = |part: usize| taken.get(taken.len() * part / 100).or(taken.last());
        format!(
            "{} answers to somebody else, half of them within {:?}, 95 of 100 within {:?}, the slowest {:?}; {held_off} held off",
            taken.len(),
            of(50).copied().unwrap_or_default(),
            of(95).copied().unwrap_or_default(),
            taken.last().copied().unwrap_or_default(),
        )
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _failed = thread.join();
        }
    }
}
