//! What a machine takes in memory that has shown many chats: of processes of their own.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use bench_figures::table;
use khaya_chat::{Intent, machine::Input, store::StoreKey, view::View};

use crate::{measures, team::Team};

/// How often each chat's window is made longer.
const STEPS: usize = 5;

/// Few messages beside many.
pub(crate) fn compare(few: &Team, many: &Team) -> Result<String> {
    let mut rows = Vec::new();
    for team in [few, many] {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--own-memory")
            .arg(team.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut input = child.stdin.take().context("no standard input")?;
        input.write_all(team.key.to_text().expose().as_bytes())?;
        drop(input);
        let output = child.wait_with_output()?;
        let told = String::from_utf8(output.stdout)?;
        let mut cells = vec![team.messages.to_string()];
        cells.extend(told.split_whitespace().map(str::to_owned));
        rows.push(cells);
    }
    Ok(table(
        "Memory of a process that has shown each chat and 250 messages further up in it (MiB)",
        &["messages", "at the start", "after it", "most"],
        &rows,
    ))
}

/// Says what this process takes before and after it has shown every chat.
pub(crate) fn tell_own(folder: &Path) -> Result<()> {
    let mut key = String::new();
    io::stdin().read_to_string(&mut key)?;
    let key = StoreKey::from_text(&khaya_chat::intent::Secret::new(key)).context("no key")?;
    let before = of_status("VmRSS:")?;
    let mut store = crate::team::open(folder, &key)?;
    let mut machine = measures::start(&mut store)?;
    let mut id = 0;
    let mut want = |intent| {
        id += 1;
        measures::feed(&mut machine, &mut store, Input::Intent { id, intent })?;
        Ok::<View, anyhow::Error>(machine.view())
    };
    let chats = want(Intent::CloseChat)?.chats;
    for row in chats {
        let chat_id = row.id.clone();
        want(Intent::OpenChat { chat_id })?;
        for _ in 0..STEPS {
            want(Intent::LoadOlder)?;
        }
    }
    println!(
        "{before:.1} {:.1} {:.1}",
        of_status("VmRSS:")?,
        of_status("VmHWM:")?
    );
    Ok(())
}

/// In MiB.
fn of_status(name: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    Ok(kilobytes.context("no such line")? / 1024.0)
}
