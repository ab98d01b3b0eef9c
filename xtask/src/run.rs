//! `cargo xtask run`: from a clone to two windows in which one can talk to oneself.

use std::{
    env,
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use crate::{
    Outcome,
    children::Children,
    packages::Purpose,
    steps::{built, cargo, run as step, say, target},
    system::prepare,
};

/// Two of the team that `khaya-server demo` makes, who have a direct chat.
const PEOPLE: [(&str, &str); 2] = [("thandi", "Thandi"), ("amina", "Amina")];
const PASSWORD: &str = "khaya-demo";

/// The port that the server of the demo team has when it is free.
const PORT: u16 = 4000;

/// The demo team's server, and two windows.
pub(crate) fn demo() -> Outcome {
    need_a_screen()?;
    prepare(Purpose::Run)?;
    build(&[
        "--bin",
        "khaya",
        "--package",
        "khaya-server",
        "--bin",
        "khaya-server",
    ])?;
    let folder = target().join("demo");
    let mut children = Children::new()?;
    let address = start_server(&mut children, &folder)?;
    let mut logs = Vec::new();
    for (username, _) in PEOPLE {
        logs.push(start_app(&mut children, &folder, username, &address)?);
    }
    let [(_, first), (_, second)] = PEOPLE;
    say(&format!(
        "{first} and {second} are signed in, each in a window of their own."
    ));
    println!(
        "    Open the same chat in both, write in one, and see it in the other.\n    \
         Ctrl-C ends everything. What was written stays in {}.\n    \
         To sign in as somebody else of the team at {address}: the password is `{PASSWORD}`.",
        folder.display()
    );
    wait_for_apps(children, &logs)
}

/// The app alone, for a server that runs elsewhere.
pub(crate) fn app(server: &str) -> Outcome {
    need_a_screen()?;
    prepare(Purpose::Run)?;
    build(&["--bin", "khaya"])?;
    step(Command::new(built("khaya")).args(["--server", server]))
}

fn build(what: &[&str]) -> Outcome {
    say("Building (the first time takes some minutes)");
    step(cargo().args(["build", "--package", "khaya"]).args(what))
}

fn need_a_screen() -> Outcome {
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| env::var_os(name).is_some_and(|it| !it.is_empty()));
    if has_screen || cfg!(any(windows, target_os = "macos")) {
        return Ok(());
    }
    Err("There is no screen here: neither DISPLAY nor WAYLAND_DISPLAY is set. Run this on a desktop, or through \
         `ssh -X`. (`cargo xtask test` brings a screen of its own.)"
        .to_owned())
}

/// Starts the server on its data, which is a demo team's the first time, and gives its address.
fn start_server(children: &mut Children, folder: &Path) -> Outcome<String> {
    let data = folder.join("server");
    let program = built("khaya-server");
    if !data.exists() {
        say("Making a demo team");
        step(Command::new(&program).arg("demo").arg("--data").arg(&data))?;
    }
    let (log, path) = log(folder, "server")?;
    let mut serve = Command::new(program);
    serve
        .args(["serve", "--listen", &format!("127.0.0.1:{}", free_port())])
        .arg("--data")
        .arg(&data);
    serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    let server = children.start(&mut serve)?;
    let address = read_address(server);
    address.ok_or_else(|| format!("the server did not start:\n{}", tail(&path)))
}

/// Takes the address from what the server prints, and what else it prints out of its way.
fn read_address(server: &mut Child) -> Option<String> {
    let mut lines = BufReader::new(server.stdout.take()?)
        .lines()
        .map_while(Result::ok);
    let address = lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
    thread::spawn(move || lines.for_each(drop));
    address
}

fn start_app(children: &mut Children, folder: &Path, username: &str, address: &str) -> Outcome<PathBuf> {
    let (log, path) = log(folder, username)?;
    let mut app = Command::new(built("khaya"));
    app.args(["--profile", &format!("demo-{username}"), "--server", address]);
    app.arg("--data-dir").arg(folder.join(username));
    app.args(["--sign-in", username, "--password-stdin"]);
    let log_too = log
        .try_clone()
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    app.stdin(Stdio::piped()).stdout(log_too).stderr(log);
    let app = children.start(&mut app)?;
    let told = app.stdin.take().map(|mut input| writeln!(input, "{PASSWORD}"));
    match told {
        Some(Ok(())) => Ok(path),
        Some(Err(_)) | None => Err(format!("the app did not start:\n{}", tail(&path))),
    }
}

/// Until both have ended; then the rest ends too.
fn wait_for_apps(mut children: Children, logs: &[PathBuf]) -> Outcome {
    let statuses = children.wait_for_last(logs.len())?;
    for (status, log) in statuses.iter().zip(logs) {
        if !status.success() {
            return Err(format!("an app ended with {status}:\n{}", tail(log)));
        }
    }
    Ok(())
}

/// Where to listen: the usual port, or any other when somebody has it.
fn free_port() -> u16 {
    let is_free = TcpListener::bind(("127.0.0.1", PORT)).is_ok();
    if is_free { PORT } else { 0 }
}

fn log(folder: &Path, name: &str) -> Outcome<(File, PathBuf)> {
    let path = folder.join(format!("{name}.log"));
    let made = fs::create_dir_all(folder).and_then(|()| File::create(&path));
    let file = made.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok((file, path))
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
