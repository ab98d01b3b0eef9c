//! A real Postgres for tests: one for all tests of the process, which ends with it; each folder of data gets a
//! database of its own there.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead as _, BufReader, Lines, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{LazyLock, Mutex},
};

/// Runs Postgres in `$folder`, told by lines what to do, until they end.
const SCRIPT: &str = r#"
    cd "$folder"; trap '' INT TERM HUP; export PGPORT="$port"
    "$bin/initdb" --pgdata="$data" --auth=trust --username=khaya --encoding=UTF8 --no-locale --no-sync >log 2>&1 || { cat log; exit; }
    printf '%s\n' 'local all all trust' 'hostssl all all 127.0.0.1/32 trust' >"$data/pg_hba.conf"
    while read -r word; do
        case $word in
        start)
            kill -0 $! 2>/dev/null && { echo done; continue; }
            "$bin/postgres" -D "$data" -k "$folder" -F $options -c max_connections=500 -c shared_buffers=32MB >log 2>&1 </dev/null &
            until "$bin/pg_isready" -q -h "$folder"; do kill -0 $! || { cat log; exit; }; done ;;
        stop) kill -QUIT $!; wait $! ;;
        fill) cat /dev/zero 2>/dev/null >"$data/ballast" ;;
        empty) rm "$data/ballast" ;;
        esac
        echo done
    done
    kill -QUIT $!; wait $!; cd /; rm -rf "$folder"
"#;

/// The address of a database for a folder, made when it is asked for first.
pub(crate) fn database_of(folder: &Path) -> String {
    static SERVER: LazyLock<Postgres> = LazyLock::new(Postgres::start);
    static KNOWN: LazyLock<Mutex<HashMap<PathBuf, String>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap();
    let number = known.len();
    known
        .entry(folder.to_owned())
        .or_insert_with(|| SERVER.create(&format!("khaya{number}")))
        .clone()
}

/// A Postgres in a folder of its own, reached by a socket in it. It ends, and the folder goes, when this value or
/// the process does.
pub(crate) struct Postgres {
    folder: PathBuf,
    port: u16,
    /// The shell that keeps it, which ends when its input does: with this value, or with the process.
    _keeper: Child,
    wire: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
}

impl Postgres {
    /// Starts one that forgets what the machine's power takes with it: that is faster.
    pub(crate) fn start() -> Self {
        Self::begin(make_folder(), 5432, "-c listen_addresses=", None)
    }

    /// One in a folder, with options of its own; its data on a disk of so many bytes, which is mounted there.
    pub(crate) fn begin(folder: PathBuf, port: u16, options: &str, disk: Option<(&Path, u64)>) -> Self {
        let is_root = fs::metadata(&folder).is_ok_and(|made| made.uid() == 0);
        let data = disk.map_or_else(|| folder.join("data"), |(mount, _)| mount.to_owned());
        let script = format!(
            "folder={}; data={}; port={port}; options='{options}'; bin={}; {SCRIPT}",
            folder.display(),
            data.display(),
            programs().display()
        );
        let mut command = Command::new("sh");
        if is_root {
            // Postgres refuses to be run by root.
            let chown = Command::new("chown")
                .args(["-R", "postgres"])
                .arg(&folder)
                .status();
            assert!(chown.unwrap().success());
            command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "sh"]);
        }
        if let Some((mount, bytes)) = disk {
            command = on_a_disk(&command, mount, bytes, is_root);
        }
        let mut child = command
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let started = Self {
            folder,
            port,
            wire: Mutex::new((child.stdin.take().unwrap(), output)),
            _keeper: child,
        };
        started.tell("start");
        started
    }

    /// Has it `start`, `stop` as if it had crashed, `fill` its disk or `empty` it again, and waits until that is done.
    pub(crate) fn tell(&self, word: &str) {
        let mut wire = self.wire.lock().unwrap();
        writeln!(wire.0, "{word}").unwrap();
        let mut said = Vec::new();
        loop {
            match wire.1.next() {
                Some(Ok(line)) if line == "done" => return,
                Some(Ok(line)) => said.push(line),
                Some(Err(_)) | None => panic!("Postgres does not {word}:\n{}", said.join("\n")),
            }
        }
    }

    /// The address of one of its databases.
    pub(crate) fn address(&self, name: &str) -> String {
        let folder = self.folder.to_string_lossy().replace('/', "%2F");
        format!("postgres://khaya@{folder}:{}/{name}", self.port)
    }

    /// Makes a database.
    pub(crate) fn create(&self, name: &str) -> String {
        self.run("postgres", &format!("CREATE DATABASE {name}"));
        self.address(name)
    }

    /// Runs a statement and gives what it answers, as psql prints it.
    pub(crate) fn run(&self, name: &str, sql: &str) -> String {
        ask(&self.address(name), sql).unwrap()
    }
}

/// What psql prints for a statement, or what it says when that is refused.
pub(crate) fn ask(address: &str, sql: &str) -> Result<String, String> {
    let output = Command::new(programs().join("psql"))
        .args([
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--command",
            sql,
            address,
        ])
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

/// A command that runs in a view of the file system of its own, with a disk of its own there.
fn on_a_disk(program: &Command, mount: &Path, bytes: u64, is_root: bool) -> Command {
    const MOUNT: &str = r#"mount -t tmpfs -o "size=$1,mode=700" khaya-test "$2" || exit
        if [ "$3" = true ]; then chown postgres "$2"; fi
        shift 3; exec "$@""#;
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !is_root {
        // Who is not root may mount in a user namespace of their own.
        command.args(["--map-current-user", "--keep-caps"]);
    }
    command.args(["--", "sh", "-c", MOUNT, "sh", &bytes.to_string()]);
    command.arg(mount).arg(is_root.to_string());
    command.arg(program.get_program()).args(program.get_args());
    command
}

/// A folder for one. Not the one for temporary files: a socket's path may be about a hundred bytes long.
pub(crate) fn make_folder() -> PathBuf {
    let folder = PathBuf::from(format!(
        "/tmp/khaya-pg-{}-{}",
        std::process::id(),
        rand::random::<u16>()
    ));
    fs::create_dir(&folder).unwrap();
    folder
}

/// Where the programs are: beside each other, and on Debian on no path.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("psql").exists())
        .expect("these tests need Postgres, which `cargo xtask test` installs")
}
