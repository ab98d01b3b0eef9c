//! What somebody tries who means harm: refused with the right code, with bounded memory, and the others are served.
//!
//! Where memory counts the server is a process of its own. Figures go to the test's output; nothing here depends
//! on how fast the machine is.

mod floods;
mod ids;
mod sizes;
mod slow;
mod tokens;

use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{
    client::{PASSWORD, Person},
    program::{Serving, run},
};

/// How much more memory an attack may leave a server with, in MiB.
const MAX_GROWTH: u64 = 96;

/// A server of its own process, with somebody on it who has nothing to do with what goes on.
struct Target {
    serving: Serving,
    bystander: Person,
    before: u64,
    _dir: TempDir,
}

impl Target {
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
        let bystander = Person::sign_in(&serving.url, "ben").await;
        let before = serving.memory();
        Self {
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
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let start = Instant::now();
            assert_eq!(self.bystander.get("/auth/me").await.0, 200, "during {attack}");
            slowest = slowest.max(start.elapsed());
        }
        let (before, now) = (self.before, self.serving.memory());
        println!(
            "{attack}: memory {before} MiB before, {now} MiB now; a bystander's slowest answer {slowest:?}"
        );
        assert!(now <= before + growth, "{attack}: {before} MiB became {now} MiB");
    }
}
